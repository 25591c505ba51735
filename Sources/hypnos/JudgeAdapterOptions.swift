// --adapter of `hypnos filter`, where there may be several judges: whose an adapter is must be said then.
import ArgumentParser
import Glibc
import Model

/// Which adapters judges use.
struct JudgeAdapterOptions: ParsableArguments {
  @Option(
    name: .customLong("adapter"),
    help: ArgumentHelp(
      """
      An adapter, a GGUF file or a folder of PEFT's, and how strongly it counts; can be given several times. Of several \
      judges it is for the one whose number stands before it, those of -m counted first.
      """, valueName: "[judge:]file[=scale]"))
  var adapters: [String] = []

  @Flag(help: "Take an adapter made for another base where the shapes fit.")
  var adapterAnyBase = false

  /// Reads the adapters of judge number `judge` of those at `paths`, and checks that they fit its `checkpoint`.
  func load(_ judge: Int, of paths: [String], for checkpoint: Checkpoint) throws -> [LoadedAdapter] {
    try AdapterOptions.load(arguments(paths)[judge], for: checkpoint, anyBase: adapterAnyBase)
  }

  /// What is given for each of the judges at `paths`, their numbers taken off.
  func arguments(_ paths: [String]) throws -> [[String]] {
    var arguments = [[String]](repeating: [], count: paths.count)
    for text in adapters {
      let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, let number = Int(parts[0]), access(text, F_OK) != 0 else {
        guard paths.count == 1 else {
          let choices = paths.indices.map { "\($0 + 1):\(text) for \(paths[$0])" }.joined(separator: ", ")
          throw ValidationError("--adapter \(text): there are \(paths.count) judges; say whose it is: \(choices)")
        }
        arguments[0].append(text)
        continue
      }
      guard (1...paths.count).contains(number) else {
        throw ValidationError(
          "--adapter \(text): there is no judge \(number); \(paths.count == 1 ? "1 is" : "\(paths.count) are") named")
      }
      arguments[number - 1].append(String(parts[1]))
    }
    return arguments
  }
}
