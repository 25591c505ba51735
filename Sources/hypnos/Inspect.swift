// `hypnos inspect`: what a GGUF file holds and what running it will take.
import ArgumentParser
import Compute
import Console
import GGUF
import Model
import Text

/// What is in a file.
struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show a GGUF file's metadata, tensors, tokenizer, template, kernels and memory.")

  @Argument(help: "The file.")
  var file: String

  @Flag(help: "Print one JSON object.")
  var json = false

  @Flag(help: "Read every weight and report the first that is not a finite number.")
  var verify = false

  @Option(name: [.short, .long], help: "The context whose memory is shown; the trained one without.")
  var context: Int?

  func validate() throws {
    try ModelOptions.check(context: context)
  }

  mutating func run() throws {
    let kernels = try ModelOptions.kernels()
    let contents = try GGUFFile(path: file)
    let checkpoint = Result { try ModelOptions.open(file, kernels: kernels) }
    if verify { try checkpoint.get().verifyWeights() }
    let report = try InspectReport(
      file: contents, checkpoint: checkpoint, kernels: kernels, context: context, verified: verify)
    try Output.write(json ? report.json.encoded + "\n" : terminalSafe(report.text))
    if case .failure(let error) = checkpoint { throw Failure("\(error)") }
  }
}
