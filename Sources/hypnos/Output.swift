// Standard output and standard error: results go to the one, everything else to the other, unbuffered, so that
// whoever reads a pipe has each answer as soon as it is there.
import Common
import Console
import Glibc

/// The reader of standard output went away.
struct ClosedPipe: Error {}

/// Writing to the program's standard streams.
enum Output {
  /// Writes a result to standard output.
  static func write(_ text: String) throws {
    guard let code = writeAll(text, to: 1) else { return }
    if code == EPIPE { throw ClosedPipe() }
    throw Failure("standard output: \(String(cString: strerror(code)))")
  }

  /// Writes what a model said to standard output: to a terminal with nothing in it that steers the terminal.
  static func writeAnswer(_ text: String) throws { try write(isatty(STDOUT_FILENO) == 1 ? terminalSafe(text) : text) }

  /// Writes a message for people to standard error, after the program's name. Messages quote files, which must not steer
  /// the terminal.
  static func complain(_ message: String, prefix: String = "hypnos: ", end: String = "\n") {
    _ = writeAll(prefix + terminalSafe(message) + end, to: 2)
  }

  /// Writes `line` over the line that standard error's terminal is at, which stays there; nil wipes it.
  static func writeOver(_ line: String?) { _ = writeAll("\r\(line.map(terminalSafe) ?? "")\u{1B}[K", to: 2) }
}
