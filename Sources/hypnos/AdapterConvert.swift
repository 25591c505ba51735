// `hypnos adapter convert`: from GGUF to PEFT's folder and back.
import ArgumentParser
import Model

/// An adapter in the other format.
struct AdapterConvert: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert", abstract: "Write an adapter as a GGUF file, or as a folder of PEFT's, by the output's name."
  )

  @Argument(help: "A GGUF adapter, or a folder of PEFT's.")
  var adapter: String

  @Argument(help: "The output: a GGUF file when its name ends in .gguf, else a folder of PEFT's.")
  var output: String

  @Option(name: [.short, .long], help: "The base, for adapters that do not say what they were made for.")
  var model: String?

  @Flag(help: "Take an adapter made for another base where the shapes fit.")
  var adapterAnyBase = false

  @Flag(help: "Replace an output that exists.")
  var force = false

  mutating func run() throws {
    if output.hasSuffix(".gguf") { try OutputPlace.checkIsNoFolder(output) }
    try AdapterCommand.checkOutput(output, force: force)
    try OutputPlace.check(
      [output], inputs: [(adapter, "the adapter itself")] + (model.map { [($0, "the base")] } ?? []))
    var adapter: Adapter
    if let model {
      let checkpoint = try ModelOptions.open(model, kernels: ModelOptions.kernels())
      let base = Adapter.Base(checkpoint)
      adapter = try Adapter(path: self.adapter, base: base)
      try adapter.check(fits: checkpoint, path: self.adapter, anyBase: adapterAnyBase)
      adapter.base.headSize = base.headSize
    } else {
      adapter = try Adapter(path: self.adapter)
    }
    if output.hasSuffix(".gguf") {
      try adapter.write(gguf: output)
    } else {
      try adapter.write(peft: output)
    }
  }
}
