// --adapter, on every command that runs a model.
import ArgumentParser
import Model

/// Which adapters are used.
struct AdapterOptions: ParsableArguments {
  @Option(
    name: .customLong("adapter"),
    help: ArgumentHelp(
      "An adapter, a GGUF file or a folder of PEFT's, and how strongly it counts; can be given several times.",
      valueName: "file[=scale]"))
  var adapters: [String] = []

  @Flag(help: "Take an adapter made for another base where the shapes fit.")
  var adapterAnyBase = false

  /// Reads the adapters and checks that they fit `checkpoint`.
  func load(for checkpoint: Checkpoint) throws -> [LoadedAdapter] {
    try AdapterOptions.load(adapters, for: checkpoint, anyBase: adapterAnyBase)
  }

  /// Reads the adapters that `arguments` name and checks that they fit `checkpoint`.
  static func load(_ arguments: [String], for checkpoint: Checkpoint, anyBase: Bool) throws -> [LoadedAdapter] {
    try arguments.map { text in
      let argument: AdapterArgument
      do { argument = try AdapterArgument(text) } catch { throw Failure("\(error)", code: 2) }
      return try LoadedAdapter(
        path: argument.path, for: checkpoint, scale: argument.scale ?? 1, anyBase: anyBase)
    }
  }
}
