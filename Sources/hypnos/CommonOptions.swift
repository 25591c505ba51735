// Options that several subcommands share, spelt alike everywhere, and what they make.
import ArgumentParser
import CSystem
import Compute
import Generation
import Glibc
import Model
import Text

/// Which model, for what does not run it.
struct CheckpointOptions: ParsableArguments {
  @Option(name: [.short, .long], help: "The checkpoint, a GGUF file; the default one without.")
  var model: String?

  /// Opens the checkpoint and watches its mapping.
  func openCheckpoint() throws -> Checkpoint {
    try ModelOptions.open(ModelLocator.find(model), kernels: ModelOptions.kernels())
  }
}

/// Which model, and how it is run.
struct ModelOptions: ParsableArguments {
  @OptionGroup var checkpoint: CheckpointOptions

  @Option(name: [.short, .long], help: "Threads; one for each physical core without.")
  var threads: Int?

  @Option(name: [.short, .long], help: "Context in tokens; as long as the model was trained for without.")
  var context: Int?

  @Option(
    name: .customLong("kv"),
    help: """
      The KV cache's number format: f16; q8_0, which takes little more than half the memory; or f16-whole, all of which \
      every token of an answer reads, however long the text.
      """)
  var cacheFormat = CacheFormat.f16

  @OptionGroup var adapters: AdapterOptions

  func validate() throws {
    if let threads, !(1...256).contains(threads) {
      throw ValidationError("--threads \(threads): it can be 1 to 256")
    }
    try ModelOptions.check(context: context)
  }

  /// Refuses a `context` that no model can have.
  static func check(context: Int?) throws {
    guard let context, !(8...(1 << 24)).contains(context) else { return }
    throw ValidationError("--context \(context): it can be 8 to \(1 << 24)")
  }

  /// Opens the checkpoint and watches its mapping.
  func openCheckpoint() throws -> Checkpoint { try checkpoint.openCheckpoint() }

  /// The inner loops to run on.
  static func kernels() throws -> KernelSet { try KernelSet.named(ModelLocator.environment("HYPNOS_CPU")) }

  static func open(_ path: String, kernels: KernelSet) throws -> Checkpoint {
    let checkpoint = try Checkpoint(path: path, kernels: kernels)
    for file in checkpoint.file.files {
      let range = file.addressRange
      _ = hypnos_watch_mapping(range.lowerBound, UInt(range.count), file.path)
    }
    return checkpoint
  }

  /// No longer watches the mapping of `checkpoint`, which is about to go.
  static func close(_ checkpoint: Checkpoint) {
    for file in checkpoint.file.files { hypnos_unwatch_mapping(file.addressRange.lowerBound) }
  }

  /// A session on a freshly opened checkpoint, with the adapters asked for.
  func openSession(prefixCache: PrefixCache? = nil) throws -> Session {
    let checkpoint = try openCheckpoint()
    let trained = checkpoint.parameters.trainedContext
    if let context, context > trained {
      Output.complain(
        "the model was trained on \(trained) tokens; a context of \(context) goes beyond what it has learnt")
    }
    let model = Transformer(checkpoint, threads: threads ?? Processors.physicalCores, cacheFormat: cacheFormat)
    try model.setAdapters(adapters.load(for: checkpoint))
    return Session(model: model, context: contextLength(checkpoint), prefixCache: prefixCache)
  }

  /// The context asked for, or the trained one.
  func contextLength(_ checkpoint: Checkpoint) -> Int { context ?? checkpoint.parameters.trainedContext }
}

extension CacheFormat: ExpressibleByArgument {}

/// How answers are generated.
struct AnswerOptions: ParsableArguments {
  @Option(name: [.short, .long], help: "What the model is told about its part.")
  var system: String?

  @Option(help: "A built-in chat template's name, or a Jinja file, instead of the checkpoint's own.")
  var template: String?

  @Option(help: "The most tokens an answer has (default: \(GenerationOptions().maxTokens)).")
  var maxTokens: Int?

  @Option(help: "0, the default, takes the likeliest token; above, tokens are drawn at random.")
  var temperature: Float?

  @Option(help: "Draw from this many of the likeliest tokens; 0 for all (default: \(SamplingOptions().topK)).")
  var topK: Int?

  @Option(help: "Draw from the likeliest tokens that reach this probability (default: \(SamplingOptions().topP)).")
  var topP: Float?

  @Option(help: "Leave out tokens less likely than this part of the likeliest (default: \(SamplingOptions().minP)).")
  var minP: Float?

  @Option(
    help: "Makes tokens of the answer so far less likely; 1 for none (default: \(SamplingOptions().repetitionPenalty))."
  )
  var repetitionPenalty: Float?

  @Option(help: "Where the random numbers start; with a temperature and without a seed, anywhere.")
  var seed: UInt64?

  @Option(help: "A string that ends the answer; can be given several times.")
  var stop: [String] = []

  @Option(help: "Whether tokens are drafted from the text so far; the answer is the same, and often sooner there.")
  var speculate = Speculation.auto

  func validate() throws {
    func check<Value>(_ name: String, _ value: Value?, _ range: String, _ holds: (Value) -> Bool) throws {
      guard let value, !holds(value) else { return }
      throw ValidationError("--\(name) \(value): it can be \(range)")
    }
    try check("max-tokens", maxTokens, "1 or more") { $0 >= 1 }
    try check("temperature", temperature, "0 to 100") { (0...100).contains($0) }
    try check("top-k", topK, "0 or more") { $0 >= 0 }
    try check("top-p", topP, "above 0 and at most 1") { $0 > 0 && $0 <= 1 }
    try check("min-p", minP, "0 to 1") { (0...1).contains($0) }
    try check("repetition-penalty", repetitionPenalty, "1 to 10") { (1...10).contains($0) }
    try check("seed", seed, "0 to \(Int.max)") { $0 <= Int.max }
  }

  /// The options for the generator.
  var generation: GenerationOptions {
    var options = GenerationOptions()
    options.stops = stop
    options.speculates = speculate == .auto
    if let maxTokens { options.maxTokens = maxTokens }
    if let temperature { options.sampling.temperature = temperature }
    if let topK { options.sampling.topK = topK }
    if let topP { options.sampling.topP = topP }
    if let minP { options.sampling.minP = minP }
    if let repetitionPenalty { options.sampling.repetitionPenalty = repetitionPenalty }
    options.sampling.seed = seed ?? (options.sampling.temperature > 0 ? UInt64.random(in: 0..<1 << 32) : 0)
    return options
  }

  /// The settings given on the command line, which a session taken up again must not change back.
  var given: Set<String> {
    let all: [(String, Bool)] = [
      ("max-tokens", maxTokens != nil), ("temperature", temperature != nil), ("top-k", topK != nil),
      ("top-p", topP != nil), ("min-p", minP != nil), ("repetition-penalty", repetitionPenalty != nil),
      ("seed", seed != nil),
    ]
    return Set(all.filter(\.1).map(\.0))
  }

  /// The template chosen, if any.
  func chosenTemplate() throws -> ChatTemplate? {
    guard let template else { return nil }
    return try TemplateArgument.load(template)
  }
}

/// Whether tokens are drafted and checked several at a time.
enum Speculation: String, ExpressibleByArgument, CaseIterable {
  /// Where it pays.
  case auto
  /// Never.
  case off
}

/// A template by its built-in name or from a file.
enum TemplateArgument {
  /// The largest template file, in bytes.
  static let sizeLimit = 1 << 20

  static func load(_ argument: String) throws -> ChatTemplate {
    if let builtIn = ChatTemplate.builtIn(argument) { return builtIn }
    guard access(argument, F_OK) == 0 else {
      throw Failure(
        "there is no template or file named \"\(argument)\"; built in are \(ChatTemplate.builtInNames.joined(separator: ", "))"
      )
    }
    let file: MappedFile
    do { file = try MappedFile(path: argument) } catch { throw Failure("\(argument): \(explain(error))") }
    guard file.count <= sizeLimit, let bytes = file.bytes(at: 0, length: file.count) else {
      throw Failure("\(argument): a template has at most \(sizeLimit >> 20) MiB")
    }
    do {
      return try ChatTemplate(source: try String(text: bytes), name: argument)
    } catch let error as NotText {
      throw Failure("\(argument): \(error)")
    }
  }

  static func explain(_ error: MappedFileError) -> String {
    switch error {
    case .system(_, let code): String(cString: strerror(code))
    case .notARegularFile: "is not a regular file"
    case .empty: "is empty"
    }
  }
}
