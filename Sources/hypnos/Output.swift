// Standard output and standard error: results go to the one, everything else to the other, unbuffered, so that
// whoever reads a pipe has each answer as soon as it is there.
import Glibc

/// The reader of standard output went away.
struct ClosedPipe: Error {}

/// Writing to the program's standard streams.
enum Output {
  /// Writes a result to standard output.
  static func write(_ text: String) throws {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let written = Array(rest).withUnsafeBytes { Glibc.write(1, $0.baseAddress, $0.count) }
      if written < 0 {
        guard errno == EINTR || errno == EAGAIN else {
          if errno == EPIPE { throw ClosedPipe() }
          throw Failure("standard output: \(String(cString: strerror(errno)))")
        }
        continue
      }
      rest = rest.dropFirst(written)
    }
  }

  /// Writes a message for people to standard error, after the program's name.
  static func complain(_ message: String, prefix: String = "hypnos: ") {
    fputs(prefix + message + "\n", stderr)
  }
}
