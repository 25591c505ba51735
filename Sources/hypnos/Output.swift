// Standard output and standard error: results go to the one, everything else to the other, unbuffered, so that
// whoever reads a pipe has each answer as soon as it is there.
import CSystem
import Common
import Console
import Glibc

/// The reader of standard output went away.
struct ClosedPipe: Error {}

/// Writing to the program's standard streams.
enum Output {
  /// Milliseconds that an interrupted program waits for a reader who takes nothing.
  private static let patience: Int32 = 1000

  /// Writes a result to standard output.
  static func write(_ text: String) throws {
    guard let code = send(text, to: 1) else { return }
    switch code {
    case EPIPE: throw ClosedPipe()
    case ECANCELED: throw Failure("standard output: interrupted while nobody read it; the rest is lost", code: 130)
    default: throw Failure("standard output: \(String(cString: strerror(code)))")
    }
  }

  /// Writes what a model said to standard output: to a terminal with nothing in it that steers the terminal.
  static func writeAnswer(_ text: String) throws { try write(isatty(STDOUT_FILENO) == 1 ? terminalSafe(text) : text) }

  /// Writes a message for people to standard error, after the program's name. Messages quote files, which must not steer
  /// the terminal.
  static func complain(_ message: String, prefix: String = "hypnos: ", end: String = "\n") {
    _ = send(prefix + terminalSafe(message) + end, to: 2)
  }

  /// Writes `line` over the line that standard error's terminal is at, which stays there; nil wipes it.
  static func writeOver(_ line: String?) { _ = send("\r\(line.map(terminalSafe) ?? "")\u{1B}[K", to: 2) }

  /// Writes `text` to `descriptor` and returns nil, or the errno that prevented it; ECANCELED where the program was
  /// interrupted and whoever has the other end takes nothing.
  private static func send(_ text: String, to descriptor: Int32) -> Int32? {
    var rest = Array(text.utf8)[...]
    // A pipe that is ready takes so much without waiting.
    while !rest.isEmpty {
      guard waitForRoom(descriptor) else { return ECANCELED }
      if let code = writeAll(Array(rest.prefix(Int(PIPE_BUF))), to: descriptor) { return code }
      rest = rest.dropFirst(Int(PIPE_BUF))
    }
    return nil
  }

  /// Waits until `descriptor` takes something; false when it does not after an interruption.
  private static func waitForRoom(_ descriptor: Int32) -> Bool {
    var places = [
      pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0),
      pollfd(fd: hypnos_interrupt_descriptor(), events: Int16(POLLIN), revents: 0),
    ]
    while !hypnos_interrupted() {
      if poll(&places, nfds_t(places.count), -1) > 0, places[0].revents != 0 { return true }
    }
    return poll(&places, 1, patience) > 0
  }
}
