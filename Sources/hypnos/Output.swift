// Standard output and standard error: results go to the one, everything else to the other, unbuffered, so that
// whoever reads a pipe has each answer as soon as it is there.
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

  /// Writes all of `text` and returns nil, or the errno that prevented it.
  private static func writeAll(_ text: String, to descriptor: Int32) -> Int32? {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if written >= 0 {
        rest = rest.dropFirst(written)
      } else if errno == EAGAIN {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&waiting, 1, -1)
      } else if errno != EINTR {
        return errno
      }
    }
    return nil
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
