// The program under test: where it was built, the checkpoint it runs on, and one whole run of it.
import Foundation
import Testing

/// What a run left behind.
struct Outcome {
  /// The exit code, or 128 and the number of the signal that ended it.
  let status: Int32
  let output: String
  let errors: String

  /// The lines of the output, the empty one behind the last line feed left out.
  var lines: [String] { output.split(separator: "\n").map(String.init) }
}

enum Hypnos {
  /// The program, which `swift test` builds beside the tests.
  static let path = Bundle.main.bundleURL.resolvingSymlinksInPath().appending(path: "hypnos").path

  /// The default checkpoint, which `make test` fetches.
  static let checkpoint = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../../Models/SmolLM2-135M-Instruct.Q4_1.gguf").standardizedFileURL.path

  /// What is in the environment of every run, so that the tester's own settings change nothing.
  static let environment = [
    "PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8", "TERM": "xterm",
    "INPUTRC": "/dev/null", "HYPNOS_MODEL": checkpoint,
  ]

  /// Runs the program with `input` on standard input to its end. An environment variable that is
  /// empty counts as unset.
  static func run(
    _ arguments: String..., input: some Sequence<UInt8>, environment: [String: String] = [:]
  ) throws -> Outcome {
    let program = try PipedProgram(arguments, environment: environment)
    program.write(input)
    program.closeInput()
    return try program.finish()
  }

  /// The same with text.
  static func run(
    _ arguments: String..., input: String = "", environment: [String: String] = [:]
  ) throws -> Outcome {
    let program = try PipedProgram(arguments, environment: environment)
    program.write(input.utf8)
    program.closeInput()
    return try program.finish()
  }
}

/// A folder of its own that goes away with the test.
final class TemporaryFolder {
  let path: String

  init() throws {
    let url = FileManager.default.temporaryDirectory.appending(path: "hypnos-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The path of a new file with `content` in the folder.
  func file(_ name: String, _ content: Data) throws -> String {
    let file = path + "/" + name
    try content.write(to: URL(filePath: file))
    return file
  }
}

/// A line of JSON as Foundation reads it.
func jsonObject(_ text: String) throws -> [String: Any] {
  try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
}
