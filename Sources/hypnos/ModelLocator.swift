// Which checkpoint to open when none is named.
import Glibc

/// Finds the default checkpoint.
enum ModelLocator {
  /// The checkpoint that `make model` fetches.
  static let defaultName = "SmolLM2-135M-Instruct.Q4_1.gguf"

  /// The file named with -m, in $HYPNOS_MODEL, or the default where it lies.
  static func find(_ named: String?) throws -> String {
    if let named { return named }
    if let fromEnvironment = environment("HYPNOS_MODEL") { return fromEnvironment }
    let candidates = folders.map { $0 + "/" + defaultName }
    if let found = candidates.first(where: { access($0, R_OK) == 0 }) { return found }
    throw Failure(
      """
      there is no checkpoint to run. Looked for:
        \(candidates.joined(separator: "\n  "))
      Name one with -m FILE.gguf or in $HYPNOS_MODEL, or run "make model" where the sources are.
      """)
  }

  /// Models/ beside the program and above it, as in a build folder, then the user's data folder.
  private static var folders: [String] {
    var folders: [String] = []
    if var program = programFolder {
      for _ in 0..<5 {
        folders.append(program + "/Models")
        guard let slash = program.lastIndex(of: "/"), slash != program.startIndex else { break }
        program = String(program[..<slash])
      }
    }
    if let data = environment("XDG_DATA_HOME") {
      folders.append(data + "/hypnos")
    } else if let home = environment("HOME") {
      folders.append(home + "/.local/share/hypnos")
    }
    return folders
  }

  private static var programFolder: String? {
    guard let path = realpath("/proc/self/exe", nil) else { return nil }
    defer { free(path) }
    let program = String(cString: path)
    return program.lastIndex(of: "/").map { String(program[..<$0]) }
  }

  /// The value of an environment variable, nil when unset or empty.
  static func environment(_ name: String) -> String? {
    guard let value = getenv(name) else { return nil }
    let text = String(cString: value)
    return text.isEmpty ? nil : text
  }
}
