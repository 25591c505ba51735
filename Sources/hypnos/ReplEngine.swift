// The engine behind the REPL: one loaded model, one session, and the settings a person can change.
import Common
import Compute
import Console
import Generation
import Model
import Text

/// Connects the REPL to a model.
final class ReplEngine: ConversationEngine {
  private let template: ChatTemplate?
  private let requestedContext: Int?
  private let prefixCache: PrefixCache?
  private var threads: Int
  private var session: Session
  private var prompts: PromptBuilder
  private var options: GenerationOptions

  init(model: ModelOptions, answers: AnswerOptions, prefixCache: PrefixCache?) throws {
    template = try answers.chosenTemplate()
    requestedContext = model.context
    threads = model.threads ?? Processors.physicalCores
    options = answers.generation
    self.prefixCache = prefixCache
    session = try model.openSession(prefixCache: prefixCache)
    prompts = try PromptBuilder(session.model.checkpoint, template: template)
  }

  var isSampling: Bool { options.sampling.temperature > 0 }

  var modelDescription: ModelDescription {
    let checkpoint = session.model.checkpoint
    return ModelDescription(
      name: checkpoint.name, path: checkpoint.path, parameters: checkpoint.parameterCount,
      fileSize: checkpoint.byteCount, format: commonFormat(checkpoint), contextLength: session.context,
      trainedContextLength: checkpoint.parameters.trainedContext, kernels: checkpoint.kernels.name,
      threads: threads, templateName: prompts.template == nil ? nil : (template == nil ? "its own" : "chosen"),
      fingerprint: checkpoint.fingerprint)
  }

  /// The format that most of the weights' bytes are in.
  private func commonFormat(_ checkpoint: Checkpoint) -> String {
    var bytes: [BlockFormat: Int] = [:]
    for tensor in checkpoint.file.tensors where tensor.name.hasPrefix("blk.") {
      bytes[tensor.format, default: 0] += tensor.byteCount
    }
    return bytes.max { $0.value < $1.value }?.key.name ?? "?"
  }

  func load(modelAt path: String) throws {
    let checkpoint = try ModelOptions.open(path, kernels: session.model.checkpoint.kernels)
    let prompts: PromptBuilder
    do { prompts = try PromptBuilder(checkpoint, template: template) } catch {
      ModelOptions.close(checkpoint)
      throw error
    }
    let context = requestedContext ?? checkpoint.parameters.trainedContext
    ModelOptions.close(session.model.checkpoint)
    session = Session(
      model: Transformer(checkpoint, threads: threads, cacheFormat: session.model.cacheFormat), context: context,
      prefixCache: prefixCache, after: session)
    self.prompts = prompts
  }

  var adapters: [AdapterDescription] {
    session.model.adapters.map { AdapterDescription(name: $0.name, path: $0.path, scale: $0.scale) }
  }

  func useAdapter(at path: String, scale: Float, anyBase: Bool) throws {
    var adapters = session.model.adapters
    let place = adapters.firstIndex { ReplEngine.isSameFile($0.path, path) }
    // Read anew even when it is in use: it may have been trained further meanwhile.
    let loaded = try LoadedAdapter(
      path: path, for: session.model.checkpoint, scale: scale, anyBase: anyBase || place != nil)
    if let place { adapters[place] = loaded } else { adapters.append(loaded) }
    try session.model.setAdapters(adapters)
  }

  func removeAdapters(named name: String?) throws -> Int {
    let adapters = session.model.adapters
    let kept = name.map { name in adapters.filter { $0.name != name && !ReplEngine.isSameFile($0.path, name) } } ?? []
    if kept.count < adapters.count { try session.model.setAdapters(kept) }
    return adapters.count - kept.count
  }

  /// Whether two paths lead to one file, however they are spelled.
  private static func isSameFile(_ path: String, _ other: String) -> Bool {
    path == other || FileIdentity(path).map { $0 == FileIdentity(other) } ?? false
  }

  func tokenCount(of messages: [Message]) throws -> Int { try prompts.tokens(messages.map(\.chat)).count }

  func promptText(of messages: [Message]) throws -> String { try prompts.text(messages.map(\.chat)) }

  func answer(
    _ messages: [Message], progress: (PromptProgress) -> Void, receive: (String) -> Void, isCancelled: () -> Bool
  ) throws -> AnswerSummary {
    let generator = Generator(session: session, options: options)
    do {
      let answer = try generator.answer(
        try prompts.tokens(messages.map(\.chat)),
        progress: { progress(PromptProgress(processed: $0, total: $1)) }, isCancelled: isCancelled, receive: receive)
      return summary(answer)
    } catch let error as ContextExceeded {
      throw ContextOverflow(needed: error.tokens, available: error.available)
    }
  }

  func finishAnswer() { session.keepFirstPrompt() }

  private func summary(_ answer: Answer) -> AnswerSummary {
    AnswerSummary(
      finish: answer.finish.shown, promptTokens: answer.promptTokens, reusedTokens: answer.reusedTokens,
      readTokens: answer.readTokens, answerTokens: answer.tokens.count, promptSeconds: answer.promptSeconds,
      answerSeconds: answer.answerSeconds,
      seed: answer.seed, draftedTokens: answer.draftedTokens, acceptedTokens: answer.acceptedTokens)
  }
}

extension ReplEngine {
  /// A setting that can be shown and changed by name.
  private struct Knob {
    let name: String
    let help: String
    let isKept: Bool
    let read: (ReplEngine) -> String
    /// Takes the new value; false when it is not one.
    let write: (ReplEngine, String) throws -> Bool
  }

  private static func number<Value: LosslessStringConvertible & Comparable>(
    _ name: String, _ help: String, _ path: WritableKeyPath<GenerationOptions, Value>, in range: ClosedRange<Value>
  ) -> Knob {
    Knob(name: name, help: "\(help) (\(range.lowerBound) to \(range.upperBound))", isKept: true) {
      String($0.options[keyPath: path])
    } write: { engine, text in
      guard let value = Value(text), range.contains(value) else { return false }
      engine.options[keyPath: path] = value
      return true
    }
  }

  private static var knobs: [Knob] {
    [
      number("temperature", "0 takes the likeliest token, above draws", \.sampling.temperature, in: 0...100),
      number("top-k", "draw from so many tokens, 0 for all", \.sampling.topK, in: 0...1_000_000),
      number("top-p", "draw from tokens that reach this probability", \.sampling.topP, in: 0.0001...1),
      number("min-p", "leave out tokens less likely than this part of the best", \.sampling.minP, in: 0...1),
      number("repetition-penalty", "1 for none", \.sampling.repetitionPenalty, in: 1...10),
      number("seed", "where the random numbers start", \.sampling.seed, in: 0...UInt64(Int.max)),
      number("max-tokens", "the most tokens of an answer", \.maxTokens, in: 1...(1 << 24)),
      Knob(
        name: "speculate", help: "draft tokens from the text so far: auto or off", isKept: false,
        read: { ($0.options.speculates ? Speculation.auto : .off).rawValue },
        write: { engine, text in
          guard let value = Speculation(rawValue: text) else { return false }
          engine.options.speculates = value == .auto
          return true
        }),
      Knob(
        name: "threads", help: "threads that compute (1 to 256)", isKept: false, read: { String($0.threads) },
        write: { engine, text in
          guard let count = Int(text), (1...256).contains(count) else { return false }
          try engine.rebuild(threads: count, context: engine.session.context)
          return true
        }),
      Knob(
        name: "context", help: "tokens of context (8 to \(1 << 24))", isKept: false,
        read: { String($0.session.context) },
        write: { engine, text in
          guard let count = Int(text), (8...(1 << 24)).contains(count) else { return false }
          try engine.rebuild(threads: engine.threads, context: count)
          return true
        }),
    ]
  }

  /// Runs the same checkpoint on another number of threads or with another context.
  private func rebuild(threads: Int, context: Int) throws {
    let before = session.model
    let model =
      threads == self.threads
      ? before : Transformer(before.checkpoint, threads: threads, cacheFormat: before.cacheFormat)
    if model !== before { try model.setAdapters(before.adapters) }
    session = Session(model: model, context: context, prefixCache: prefixCache, after: session)
    self.threads = threads
  }

  var settings: [Setting] {
    ReplEngine.knobs.map {
      Setting(name: $0.name, value: $0.read(self), help: $0.help, isKeptInSessions: $0.isKept)
    }
  }

  func set(_ name: String, to value: String) throws {
    guard let knob = ReplEngine.knobs.first(where: { $0.name == name }) else {
      throw Failure("there is no setting \"\(name)\"; /set shows all")
    }
    guard try knob.write(self, value) else { throw Failure("\(name): \"\(value)\" is no value for it: \(knob.help)") }
  }
}

extension Failure: CustomStringConvertible {
  var description: String { message }
}

extension Message {
  fileprivate var chat: ChatMessage { ChatMessage(role: role.rawValue, content: content) }
}

extension Finish {
  /// The same in the REPL's words.
  fileprivate var shown: FinishReason {
    switch self {
    case .end: .endOfText
    case .stop: .stopString
    case .length: .tokenLimit
    case .context: .contextFull
    case .repetition: .repetition
    case .interrupted: .cancelled
    }
  }
}
