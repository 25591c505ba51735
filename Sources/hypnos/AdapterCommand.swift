// `hypnos adapter`: what is done with adapters as files.
import ArgumentParser
import Glibc

/// Adapters as files.
struct AdapterCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "adapter", abstract: "Show, convert or merge LoRA adapters.",
    subcommands: [AdapterShow.self, AdapterConvert.self, AdapterMerge.self])

  /// Refuses an output that exists unless it may be replaced.
  static func checkOutput(_ path: String, force: Bool) throws {
    guard !force, access(path, F_OK) == 0 else { return }
    throw Failure("\(path): exists; give another name, or replace it with --force")
  }
}
