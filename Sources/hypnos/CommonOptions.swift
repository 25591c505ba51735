// Options that several subcommands share, spelt alike everywhere, and what they make.
import ArgumentParser
import CSystem
import Compute
import Generation
import Glibc
import Model
import Text

/// Which model, and how it is run.
struct ModelOptions: ParsableArguments {
  @Option(name: [.short, .long], help: "The checkpoint, a GGUF file; the default one without.")
  var model: String?

  @Option(name: [.short, .long], help: "Threads; one for each physical core without.")
  var threads: Int?

  @Option(name: [.short, .long], help: "Context in tokens; as long as the model was trained for without.")
  var context: Int?

  func validate() throws {
    if let threads, !(1...256).contains(threads) {
      throw ValidationError("--threads \(threads): it can be 1 to 256")
    }
    if let context, !(8...(1 << 24)).contains(context) {
      throw ValidationError("--context \(context): it can be 8 to \(1 << 24)")
    }
  }

  /// Opens the checkpoint and watches its mapping.
  func openCheckpoint() throws -> Checkpoint {
    let kernels = try KernelSet.named(ModelLocator.environment("HYPNOS_CPU"))
    return try ModelOptions.open(ModelLocator.find(model), kernels: kernels)
  }

  static func open(_ path: String, kernels: KernelSet) throws -> Checkpoint {
    let checkpoint = try Checkpoint(path: path, kernels: kernels)
    for file in checkpoint.file.files {
      let range = file.addressRange
      _ = hypnos_watch_mapping(range.lowerBound, UInt(range.count), file.path)
    }
    return checkpoint
  }

  /// A session on a freshly opened checkpoint.
  func openSession() throws -> Session {
    let checkpoint = try openCheckpoint()
    let model = Transformer(checkpoint, threads: threads ?? Processors.physicalCores)
    return try Session(model: model, context: contextLength(checkpoint))
  }

  /// The context asked for, or the trained one.
  func contextLength(_ checkpoint: Checkpoint) -> Int { context ?? checkpoint.parameters.trainedContext }
}

/// How answers are generated.
struct AnswerOptions: ParsableArguments {
  @Option(name: [.short, .long], help: "What the model is told about its part.")
  var system: String?

  @Option(help: "A built-in chat template's name, or a Jinja file, instead of the checkpoint's own.")
  var template: String?

  @Option(help: "The most tokens an answer has.")
  var maxTokens = GenerationOptions().maxTokens

  @Option(help: "0 always takes the likeliest token; above, tokens are drawn at random.")
  var temperature = SamplingOptions().temperature

  @Option(help: "Draw from this many of the likeliest tokens; 0 for all.")
  var topK = SamplingOptions().topK

  @Option(help: "Draw from the likeliest tokens that together reach this probability.")
  var topP = SamplingOptions().topP

  @Option(help: "Leave out tokens less likely than this part of the likeliest.")
  var minP = SamplingOptions().minP

  @Option(help: "Makes tokens of the answer so far less likely; 1 for none.")
  var repetitionPenalty = SamplingOptions().repetitionPenalty

  @Option(help: "Where the random numbers start; with a temperature and without a seed, anywhere.")
  var seed: UInt64?

  @Option(help: "A string that ends the answer; can be given several times.")
  var stop: [String] = []

  func validate() throws {
    let checks: [(Bool, String)] = [
      (maxTokens >= 1, "--max-tokens \(maxTokens): it is at least 1"),
      (temperature >= 0 && temperature <= 100, "--temperature \(temperature): it can be 0 to 100"),
      (topK >= 0, "--top-k \(topK): it is at least 0"),
      (topP > 0 && topP <= 1, "--top-p \(topP): it is above 0 and at most 1"),
      (minP >= 0 && minP <= 1, "--min-p \(minP): it can be 0 to 1"),
      (repetitionPenalty >= 1 && repetitionPenalty <= 10, "--repetition-penalty \(repetitionPenalty): it can be 1 to 10"),
    ]
    for (holds, message) in checks where !holds { throw ValidationError(message) }
  }

  /// The options for the generator.
  var generation: GenerationOptions {
    var options = GenerationOptions()
    options.maxTokens = maxTokens
    options.stops = stop
    options.sampling.temperature = temperature
    options.sampling.topK = topK
    options.sampling.topP = topP
    options.sampling.minP = minP
    options.sampling.repetitionPenalty = repetitionPenalty
    options.sampling.seed = seed ?? (temperature > 0 ? UInt64.random(in: 0..<1 << 32) : 0)
    return options
  }

  /// The template chosen, if any.
  func chosenTemplate() throws -> ChatTemplate? {
    guard let template else { return nil }
    return try TemplateArgument.load(template)
  }
}

/// A template by its built-in name or from a file.
enum TemplateArgument {
  /// The largest template file, in bytes.
  static let sizeLimit = 1 << 20

  static func load(_ argument: String) throws -> ChatTemplate {
    if let builtIn = ChatTemplate.builtIn(argument) { return builtIn }
    guard access(argument, F_OK) == 0 else {
      throw Failure(
        "there is no template or file named \"\(argument)\"; built in are \(ChatTemplate.builtInNames.joined(separator: ", "))")
    }
    let file: MappedFile
    do { file = try MappedFile(path: argument) } catch { throw Failure("\(argument): \(explain(error))") }
    guard file.count <= sizeLimit, let bytes = file.bytes(at: 0, length: file.count) else {
      throw Failure("\(argument): a template has at most \(sizeLimit >> 20) MiB")
    }
    do {
      return try ChatTemplate(source: try StandardInput.text(bytes), name: argument)
    } catch let error as StandardInput.NotText {
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
