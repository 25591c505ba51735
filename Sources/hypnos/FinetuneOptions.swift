// The options of `hypnos finetune`, by what they are about: the data, the adapter, the training.
import ArgumentParser
import Model
import Text
import Training

/// What is trained on and measured on.
struct FinetuneDataOptions: ParsableArguments {
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "What to train on: JSONL, text and Markdown files, and folders of them.", valueName: "file or folder"))
  var data: [String] = []

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "A stage instead of --data, such as general=notes; several are trained one behind the other.",
      valueName: "name=files"))
  var stage: [String] = []

  @Option(help: "The part of the examples to measure on, such as 0.05, or a file or folder; 0 for none.")
  var validation = "0.05"

  @Flag(help: "Leave out rows that cannot be trained on; they are counted and listed.")
  var skipBad = false

  @Option(help: "A built-in chat template's name, or a Jinja file, instead of the checkpoint's own.")
  var template: String?

  @Option(help: "The most tokens of a sequence (default: 512, or the model's context if that is shorter).")
  var sequenceLength: Int?

  func validate() throws {
    let least = ExampleMaker.minimumSequenceLength
    if let sequenceLength { try check("sequence-length", sequenceLength, sequenceLength >= least, "\(least) or more") }
  }

  /// The stages; the files of --data are one.
  func stages() throws(Failure) -> [StageArgument] {
    guard stage.isEmpty || data.isEmpty else { throw Failure("give either --data or --stage", code: 2) }
    guard !stage.isEmpty || !data.isEmpty else {
      throw Failure("name what to train on, with --data FILE or --stage NAME=FILE", code: 2)
    }
    return stage.isEmpty ? [StageArgument(name: "data", paths: data)] : try StageArgument.parse(stage)
  }

  /// What to measure on.
  func heldOut() throws(Failure) -> HeldOut {
    guard let fraction = Double(validation) else { return .files([validation]) }
    guard (0..<1).contains(fraction) else {
      throw Failure("--validation \(validation): a part can be 0 up to, not including, 1", code: 2)
    }
    return fraction == 0 ? .none : .fraction(fraction)
  }
}

/// What is trained.
struct FinetuneAdapterOptions: ParsableArguments {
  @Option(help: "Rank of the adapter (default: 16).")
  var rank: Int?

  @Option(help: "The adapter's output is multiplied by alpha over the rank (default: 32).")
  var alpha: Float?

  @Flag(help: "Divide alpha by the root of the rank (rsLoRA).")
  var rslora = false

  @Option(help: "The projections to adapt, of q,k,v,o,gate,up,down (default: all).")
  var targets: String?

  @Option(help: "Adapt only so many layers, counted from the last (default: all).")
  var lastLayers: Int?

  @Option(help: "The part of the adapter's input that is dropped at random in training.")
  var dropout: Float = 0

  @Option(
    name: .customLong("init"),
    help: ArgumentHelp("Go on from an adapter, a GGUF file or a folder of PEFT's.", valueName: "adapter"))
  var initial: String?

  @Flag(help: "With --init: take an adapter made for another base where the shapes fit.")
  var adapterAnyBase = false

  func validate() throws {
    if let rank { try check("rank", rank, (1...Adapter.rankLimit).contains(rank), "1 to \(Adapter.rankLimit)") }
    if let alpha { try check("alpha", alpha, alpha > 0 && alpha.isFinite, "a number above 0") }
    if let lastLayers { try check("last-layers", lastLayers, lastLayers >= 1, "1 or more") }
    guard !adapterAnyBase || initial != nil else { throw ValidationError("--adapter-any-base belongs to --init") }
    guard (0..<1).contains(dropout) else { throw ValidationError("--dropout \(dropout): it can be 0 up to 1") }
    let hasShape = rank != nil || alpha != nil || rslora || targets != nil || lastLayers != nil
    guard initial == nil || !hasShape else {
      throw ValidationError("with --init, rank, alpha, targets and layers are those of that adapter")
    }
  }

  /// The shape of a new adapter.
  func settings() throws(Failure) -> LoRASettings {
    LoRASettings(
      rank: rank ?? 16, alpha: alpha ?? 32, isRankStabilized: rslora, projections: Set(try projections()),
      lastLayers: lastLayers)
  }

  /// The adapter that training begins with.
  func adapter(for checkpoint: Checkpoint, seed: UInt64) throws -> Adapter {
    guard let initial else { return try settings().newAdapter(for: checkpoint, seed: seed) }
    let base = Adapter.Base(checkpoint)
    var adapter = try Adapter(path: initial, base: base)
    try adapter.check(fits: checkpoint, path: initial, anyBase: adapterAnyBase)
    adapter.base = base
    return adapter
  }

  func projections() throws(Failure) -> [Projection] {
    guard let targets, targets != "all" else { return Projection.allCases }
    var chosen: [Projection] = []
    for name in targets.split(separator: ",", omittingEmptySubsequences: false) {
      let named = Projection.allCases.first { $0.moduleName == name || $0.moduleName == name + "_proj" }
      guard let named else { throw Failure("--targets \(name): there are q, k, v, o, gate, up and down", code: 2) }
      chosen.append(named)
    }
    return chosen
  }
}

/// How it is trained.
struct FinetuneTrainingOptions: ParsableArguments {
  @Option(help: "How often to go through the data; for each stage with general=1,specific=3.")
  var epochs = "3"

  @Option(help: "The highest learning rate; for each stage with general=2e-4,specific=1e-4.")
  var rate = "2e-4"

  @Option(help: "How the rate goes on after the warm-up: cosine, linear or constant.")
  var schedule = LearningRateSchedule.cosine

  @Option(help: "The part of the steps in which the rate rises.")
  var warmUp = 0.03

  @Option(help: "Sequences of a micro-batch.")
  var batch = 4

  @Option(help: "Micro-batches of a step: a step takes as many sequences as both together.")
  var accumulate = 1

  @Option(help: "AdamW's weight decay.")
  var weightDecay = 0.01

  @Option(help: "The norm beyond which gradients are scaled down; 0 for none.")
  var clip = 1.0

  @Option(
    help: "Steps of an epoch between two looks at the held-out loss; its end is one too (default: four looks an epoch)."
  )
  var evaluateEvery: Int?

  @Option(help: "End a stage after so many looks without gain; 0 to go on.")
  var patience = 4

  @Option(help: "The seed of the adapter's first values, the data's order and dropout.")
  var seed: UInt64 = 0

  func validate() throws {
    try check("warm-up", warmUp, (0...1).contains(warmUp), "0 to 1")
    try check("batch", batch, (1...4096).contains(batch), "1 to 4096")
    try check("accumulate", accumulate, (1...4096).contains(accumulate), "1 to 4096")
    try check("weight-decay", weightDecay, (0...10).contains(weightDecay), "0 to 10")
    try check("clip", clip, (0...1e6).contains(clip), "0 to 1000000")
    try check("patience", patience, (0...1_000_000).contains(patience), "0 to 1000000")
    if let evaluateEvery { try check("evaluate-every", evaluateEvery, evaluateEvery >= 1, "1 or more") }
  }

  /// The settings, for sequences of `sequenceLength` tokens.
  func settings(sequenceLength: Int) -> TrainingSettings {
    var settings = TrainingSettings()
    settings.sequenceLength = sequenceLength
    settings.sequencesPerStep = batch * accumulate
    settings.schedule = schedule
    settings.warmUp = warmUp
    settings.weightDecay = weightDecay
    settings.clipping = clip > 0 ? clip : nil
    settings.evaluationInterval = evaluateEvery
    settings.patience = patience
    settings.seed = seed
    return settings
  }
}

extension LearningRateSchedule: ExpressibleByArgument {}

/// Refuses the option `name` with a `value` of which what must hold does not.
private func check(_ name: String, _ value: some CustomStringConvertible, _ holds: Bool, _ range: String) throws {
  guard holds else { throw ValidationError("--\(name) \(value): it can be \(range)") }
}
