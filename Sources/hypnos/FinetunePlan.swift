// Everything that is decided before a run begins: data read, stages, the adapter to begin with, and what makes the
// run the run it is. A dry run, an exported job and a real run all start from it.
import CSystem
import Common
import Compute
import Console
import Generation
import Model
import Text
import Training

/// A run that could begin.
struct FinetunePlan {
  let checkpoint: Checkpoint
  let template: ChatTemplate?
  let settings: TrainingSettings
  let stages: [TrainingStage]
  let datasets: [Dataset]
  let adapter: Adapter
  let dropout: Float
  private let initialPath: String?
  private let templatePath: String?
  /// Its name alone; a path may tell of a patient.
  var initialAdapter: String? { initialPath?.lastPathComponent }
  let moment: LocalTime

  /// Reads the data with the base's template, as if it were `moment`.
  init(_ command: Finetune, checkpoint: Checkpoint, moment: LocalTime) throws {
    self.checkpoint = checkpoint
    self.moment = moment
    let prompts = try PromptBuilder(checkpoint, template: command.data.template.map(TemplateArgument.load))
    template = prompts.template
    let context = checkpoint.parameters.trainedContext
    let length = command.data.sequenceLength ?? min(512, context)
    if length > context { throw Failure("--sequence-length \(length): the model was trained on \(context) tokens") }
    settings = command.training.settings(sequenceLength: length)
    dropout = command.adapter.dropout
    initialPath = command.adapter.initial
    templatePath = command.data.template
    // Before the data are read, which may take a while.
    adapter = try command.adapter.adapter(for: checkpoint, seed: settings.seed)

    let arguments = try command.data.stages()
    let names = arguments.map(\.name)
    let epochs = try StageNumbers(command.training.epochs, option: "--epochs", limit: 10_000).values(for: names)
    let rates = try StageNumbers(command.training.rate, option: "--rate", limit: 1000).values(for: names)
    let maker = try ExampleMaker(
      tokenizer: checkpoint.tokenizer, conversations: prompts.trainingEncoder(now: moment), sequenceLength: length)
    var options = Dataset.Options()
    options.heldOut = try command.data.heldOut()
    options.skipsBadRows = command.data.skipBad
    options.seed = settings.seed
    let outputs = [command.out, command.report].compactMap(\.self)
    options.leftOut = outputs + outputs.map { $0 + FinetuneRun.folderSuffix }
    let datasets = try Dataset.parted(
      arguments.map {
        try Dataset(reading: $0.paths, maker: maker, options: options, isCancelled: hypnos_interrupted)
      })
    self.datasets = datasets
    stages = arguments.indices.map { index in
      TrainingStage(
        name: names[index], epochs: epochs[index], rate: rates[index], training: datasets[index].training,
        heldOut: datasets[index].heldOut)
    }
  }

  /// What the run's folder is known by.
  var identity: RunIdentity {
    var identity = RunIdentity()
    identity.add("base", checkpoint.contentFingerprint)
    identity.add("template", template.map { RunIdentity.digest(of: $0.source) } ?? "none")
    identity.add(adapter: adapter)
    identity.add("dropout", dropout)
    identity.add(settings, stages)
    return identity
  }

  /// What training takes at most when nobody says otherwise, but for bases whose least is more.
  static let usualMemory = 3 << 30

  /// What the program and its libraries take beside the training: 41 MiB at most were seen.
  private static let programMemory = 48 << 20

  /// The engine, with what `memoryLimit`, or the usual, leaves after the optimizer and the best adapter. Says when that is
  /// more than the machine has left.
  func makeEngine(threads: Int, memoryLimit: Int?) throws -> GradientEngine {
    let left = SystemMemory.available
    let engine = try engineWithin(memoryLimit, threads: threads)
    let needed = memoryNeeded(by: engine)
    if needed > left {
      Output.complain(
        "training takes \(Figure.bytes(needed)) of memory, and \(Figure.bytes(left)) are left: the system may end it; "
          + "a smaller --memory or a shorter --sequence-length takes less")
    }
    return engine
  }

  private func engineWithin(_ memoryLimit: Int?, threads: Int) throws -> GradientEngine {
    func engine(limit: Int) throws(GradientError) -> GradientEngine {
      try GradientEngine(
        checkpoint: checkpoint, adapter: adapter, dropout: dropout, sequenceLength: settings.sequenceLength,
        threads: threads, memoryLimit: max(1, limit))
    }
    do throws(GradientError) {
      return try engine(limit: (memoryLimit ?? FinetunePlan.usualMemory) - otherBytes)
    } catch {
      guard case .memory(let needed, _, let length) = error else { throw error }
      if let memoryLimit {
        throw GradientError.memory(needed: needed + otherBytes, limit: memoryLimit, sequenceLength: length)
      }
      return try engine(limit: needed)
    }
  }

  /// What `engine` takes with all that training needs beside it, but for the mapped checkpoint.
  func memoryNeeded(by engine: GradientEngine) -> Int { engine.memoryNeeded + otherBytes }

  /// Two moments and the best values, and the program, beside what the engine counts itself.
  private var otherBytes: Int { 3 * 4 * adapter.parameterCount + FinetunePlan.programMemory }

  /// What the run's folder holds at most: two states and a third that is being written, of values, moments and the best
  /// values.
  var stateBytes: Int { 3 * 4 * 4 * adapter.parameterCount }

  /// The files that the run is made from, and what else of its own must stay.
  var inputs: [(path: String, what: String)] {
    let base = checkpoint.partPaths.map { (path: $0, what: "the base") }
    let first = (initialPath.map(Adapter.paths) ?? []).map { (path: $0, what: "the adapter to begin with") }
    let template = templatePath.map { [(path: $0, what: "the template")] } ?? []
    let data = datasets.flatMap(\.report.files).filter { $0.rows > 0 }.map {
      (path: $0.path, what: $0.isHeldOut ? "held out" : "trained on")
    }
    return base + first + template + data
  }

  /// The stages with what became of their data.
  var recorded: [TrainingRecord.Stage] { zip(stages, datasets).map { TrainingRecord.Stage($0, data: $1.report) } }

  /// The record of a run that has come as far as `progress`.
  func record(_ progress: TrainingProgress) -> TrainingRecord {
    TrainingRecord(
      settings: settings, stages: recorded, dropout: Double(dropout), initialAdapter: initialAdapter,
      progress: progress, moment: moment)
  }

  /// The settings in words, for the report.
  var settingsEntries: [RunReport.Entry] {
    let projections = Set(adapter.parts.map(\.target.projection))
    let layers = Set(adapter.parts.map(\.target.layer))
    var entries: [RunReport.Entry] = [
      .init("base", "\(checkpoint.name) (\(checkpoint.path.lastPathComponent))"), .init("rank", "\(adapter.rank)"),
      .init("alpha", "\(adapter.alpha)\(adapter.isRankStabilized ? ", rank-stabilized" : "")"),
      .init("dropout", "\(dropout)"),
      .init(
        "projections", Projection.allCases.filter(projections.contains).map(\.moduleName).joined(separator: ", ")),
      .init("layers adapted", "\(layers.count) of \(checkpoint.parameters.layers)"),
      .init("values trained", grouped(adapter.parameterCount)),
    ]
    if let initialAdapter { entries.append(.init("begun with", initialAdapter)) }
    for stage in stages {
      let name = stages.count > 1 ? " of \(stage.name)" : ""
      entries += [.init("epochs\(name)", "\(stage.epochs)"), .init("rate\(name)", Figure.rate(stage.rate))]
    }
    return entries + [
      .init("schedule", "\(settings.schedule.rawValue), warm-up \(settings.warmUp)"),
      .init("sequence length", "\(settings.sequenceLength) tokens"),
      .init("sequences of a step", "\(settings.sequencesPerStep)"),
      .init("weight decay", "\(settings.weightDecay)"),
      .init("clipping", settings.clipping.map { "\($0)" } ?? "none"), .init("seed", "\(settings.seed)"),
    ]
  }

  /// Says on standard error what became of the data.
  func tellData() {
    for (stage, dataset) in zip(stages, datasets) {
      if stages.count > 1 { Output.complain("stage \(stage.name)", prefix: "") }
      for line in dataset.report.lines { Output.complain(line, prefix: "") }
    }
  }
}

extension String {
  /// What is behind the last slash.
  var lastPathComponent: String { split(separator: "/").last.map(String.init) ?? self }
}
