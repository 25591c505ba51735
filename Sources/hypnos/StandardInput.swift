// Standard input as lines or as a whole, both bounded: a line or a document beyond the bound is an error that says
// so, never a text cut short.
import CSystem
import Glibc

/// Reading piped text.
struct StandardInput {
  /// The longest line, and the longest document, in bytes.
  static let lineLimit = 16 << 20
  static let documentLimit = 256 << 20

  private var buffer: [UInt8] = []
  private var position = 0
  private var atEnd = false
  /// The line that is being read, as far as it has come.
  private var line: [UInt8] = []
  private var isTooLong = false

  /// Whether standard input is a terminal.
  static var isTerminal: Bool { isatty(0) == 1 }

  /// Everything there is.
  static func readAll() throws -> [UInt8] {
    var all: [UInt8] = []
    while true {
      let piece = try readPiece()
      guard !piece.isEmpty else { return all }
      all += piece
      guard all.count <= documentLimit else {
        throw Failure("standard input: more than \(documentLimit >> 20) MiB; split it into smaller parts")
      }
    }
  }

  /// What reading a line came to.
  enum Line {
    /// A line without its end.
    case bytes([UInt8])
    /// A line longer than the bound, which was skipped.
    case tooLong
    /// The rest of the line is not there yet.
    case notYet
    /// There are no more lines.
    case end
  }

  /// The next line. Unless it `waits`, only what is there already is read.
  mutating func nextLine(waits: Bool) throws -> Line {
    while true {
      if position == buffer.count {
        if atEnd { return line.isEmpty && !isTooLong ? .end : takeLine() }
        guard waits || StandardInput.isReady() else { return .notYet }
        buffer = try StandardInput.readPiece()
        position = 0
        atEnd = buffer.isEmpty
        continue
      }
      let end = buffer[position...].firstIndex(of: 10)
      if line.count + (end ?? buffer.count) - position > StandardInput.lineLimit { isTooLong = true }
      if !isTooLong { line += buffer[position..<(end ?? buffer.count)] }
      position = end.map { $0 + 1 } ?? buffer.count
      if end != nil { return takeLine() }
    }
  }

  private mutating func takeLine() -> Line {
    defer { (line, isTooLong) = ([], false) }
    return isTooLong ? .tooLong : .bytes(StandardInput.withoutReturn(line))
  }

  /// Whether reading would not wait: there is something to read, or the end.
  private static func isReady() -> Bool {
    var input = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
    return poll(&input, 1, 0) > 0
  }

  private static func withoutReturn(_ line: [UInt8]) -> [UInt8] {
    line.last == 13 ? Array(line.dropLast()) : line
  }

  private static func readPiece() throws -> [UInt8] {
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      try waitForPiece()
      let count = piece.withUnsafeMutableBytes { read(0, $0.baseAddress, $0.count) }
      if count >= 0 { return Array(piece.prefix(count)) }
      // Reading may return at once, as whoever shares this input has set it.
      guard errno == EINTR || errno == EAGAIN else {
        throw Failure("standard input: \(String(cString: strerror(errno)))")
      }
    }
  }

  /// Waits until there is something to read, or the end; throws when someone interrupts the program meanwhile.
  private static func waitForPiece() throws(Failure) {
    var places = [0, hypnos_interrupt_descriptor()].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    while poll(&places, nfds_t(places.count), -1) < 0, errno == EINTR {}
    if hypnos_interrupted() { throw Failure("interrupted", code: 130) }
  }
}
