// A run of `hypnos generate` from seeds and passages to rows.
import CSystem
import Compute
import Console
import Curation
import Evaluation
import Generation
import Model
import Text
import Training

/// Reads, makes, and tells how it goes.
struct GenerateRun {
  private let command: Generate

  init(_ command: Generate) { self.command = command }

  /// Makes the rows.
  func run() throws {
    let checkpoint = try command.model.openCheckpoint()
    try OutputPlace.check(
      files: [command.out],
      inputs: (command.seeds + command.from).map { ($0, "read by this run") }
        + checkpoint.partPaths.map { ($0, "the model") },
      adapters: command.model.adapters.adapters, template: command.template)
    let seeds = try readSeeds()
    let context = command.model.contextLength(checkpoint)
    let passages = try readPassages(checkpoint.tokenizer, context: context)
    let model = Transformer(
      checkpoint, threads: command.model.threads ?? Processors.physicalCores,
      cacheFormat: command.model.cacheFormat)
    try model.setAdapters(command.model.adapters.load(for: checkpoint))
    let prompts = try InstructPrompts(
      checkpoint, template: command.template.map(TemplateArgument.load),
      style: InstructStyle(rawValue: command.prompt.rawValue))
    if prompts.style == .examples {
      Output.complain("\(terminalSafe(checkpoint.name)) writes as a base model, behind examples", prefix: "")
    }
    let file = try GeneratedFile(
      path: command.out, origin: origin(model, prompts, seeds, passages), isForced: command.force)
    let earlier = file.rowCount
    guard earlier < command.count else {
      return try Output.write("\(command.out): has \(earlier) rows already; nothing to do\n")
    }
    if earlier > 0 { Output.complain("\(command.out): going on behind its \(earlier) rows", prefix: "") }
    let maker = SelfInstruct(
      model: model, prompts: prompts, context: context, limit: BatchLimit(sequences: command.parallel), seeds: seeds,
      passages: passages, settings: settings)
    let last = try make(maker, file)
    try Output.write(
      "\(command.out): \(command.count) rows, \(command.count - earlier) of them new"
        + (last.map { "; \($0.attempts) attempts\(GenerateRun.dropped($0))" } ?? "") + "\n")
  }

  private func make(_ maker: SelfInstruct, _ file: GeneratedFile) throws -> SelfInstruct.Progress? {
    let line = LiveLine()
    defer { line.erase() }
    hypnos_install_stop_handler("\nStopping; again to stop at once.\n")
    var last: SelfInstruct.Progress?
    do {
      try maker.run(file, isCancelled: hypnos_interrupted) { progress in
        last = progress
        line.show(
          "\(progress.made) of \(progress.wanted) rows, \(progress.attempts) attempts\(GenerateRun.dropped(progress))")
      }
      return last
    } catch is Interrupted {
      line.erase()
      throw Failure(
        "interrupted with \(last?.made ?? 0) of \(command.count) rows in \(command.out); the same command goes on",
        code: 130)
    } catch let error as CurationError {
      line.erase()
      guard case .exhausted = error, let last else { throw error }
      throw Failure("\(command.out): \(error)\(last.dropped.isEmpty ? "" : " (this time\(GenerateRun.dropped(last)))")")
    }
  }

  /// What was dropped, by the reason.
  private static func dropped(_ progress: SelfInstruct.Progress) -> String {
    let parts = DropReason.allCases.compactMap { reason in
      progress.dropped[reason].map { "\(reason.rawValue) \($0)" }
    }
    return parts.isEmpty ? "" : "; dropped: " + parts.joined(separator: ", ")
  }

  private var settings: SelfInstructSettings {
    var settings = SelfInstructSettings()
    (settings.count, settings.seed) = (command.count, command.seed)
    settings.questionTemperature = command.temperature
    settings.answerTemperature = command.answerTemperature
    (settings.maxTokens, settings.examples) = (command.maxTokens, command.examples)
    settings.patience = command.patience
    return settings
  }

  private func readSeeds() throws -> [Seed] {
    let all = command.seeds.isEmpty ? Seed.builtIn : try SeedFile(reading: command.seeds).seeds
    let seeds = all.filter { command.language == nil || $0.language == command.language }
    guard !seeds.isEmpty else {
      throw Failure("no seed in \(command.seeds.joined(separator: ", ")) is in the language of --language")
    }
    if command.seeds.isEmpty && command.from.isEmpty {
      Output.complain("No --seeds and no --from: using \(seeds.count) built-in seeds.", prefix: "")
    }
    return seeds
  }

  private func readPassages(_ tokenizer: Tokenizer, context: Int) throws -> [Passage] {
    guard !command.from.isEmpty else { return [] }
    // Beside the passage stand the instructions, the examples, the question and the answer.
    let room = context - command.maxTokens - 1024
    let limit = max(32, min(command.passageTokens, room))
    let file = try PassageFile(reading: command.from, leaving: [command.out], limit: limit) {
      tokenizer.encode($0, parseSpecial: false, addBeginning: false).count
    }
    let passages = file.passages.filter { command.language == nil || $0.language == command.language }
    guard !passages.isEmpty else { throw Failure("no passage is in the language of --language") }
    Output.complain(
      "\(file.documents) documents, \(file.passages.count) passages"
        + (file.cut > 0 ? "; \(file.cut) documents have more than \(limit) tokens and were cut" : ""), prefix: "")
    return passages
  }

  private func origin(
    _ model: Transformer, _ prompts: InstructPrompts, _ seeds: [Seed], _ passages: [Passage]
  ) -> GenerationOrigin {
    var origin = GenerationOrigin()
    origin.model = model.checkpoint.name
    origin.checkpoint = model.checkpoint.contentFingerprint
    origin.adapters = model.adapters.map(\.json)
    (origin.style, origin.prompts) = (prompts.style.rawValue, prompts.digest)
    let sources = seeds.map { [$0.id, $0.question, $0.answer ?? ""] } + passages.map { [$0.id, $0.text] }
    origin.sources = RunIdentity.digest(of: sources.map { $0.joined(separator: "\n") }.joined(separator: "\n\n"))
    origin.settings = settings
    return origin
  }
}
