// Standard input as lines or as a whole, both bounded: a line or a document beyond the bound is an error that says
// so, never a text cut short.
import Glibc

/// Reading piped text.
struct StandardInput {
  /// The longest line, and the longest document, in bytes.
  static let lineLimit = 16 << 20
  static let documentLimit = 256 << 20

  private var buffer: [UInt8] = []
  private var position = 0
  private var atEnd = false

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

  /// A line without its end; nil at the end of the input; `.failure` for one that is too long, which is skipped.
  mutating func nextLine() throws -> Result<[UInt8], LineTooLong>? {
    var line: [UInt8] = []
    var isTooLong = false
    while true {
      if position == buffer.count {
        guard !atEnd else { break }
        buffer = try StandardInput.readPiece()
        position = 0
        atEnd = buffer.isEmpty
        continue
      }
      let end = buffer[position...].firstIndex(of: 10)
      if line.count + (end ?? buffer.count) - position > StandardInput.lineLimit { isTooLong = true }
      if !isTooLong { line += buffer[position..<(end ?? buffer.count)] }
      position = end.map { $0 + 1 } ?? buffer.count
      if end != nil { return isTooLong ? .failure(LineTooLong()) : .success(StandardInput.withoutReturn(line)) }
    }
    if isTooLong { return .failure(LineTooLong()) }
    return line.isEmpty ? nil : .success(line)
  }

  /// A line longer than the bound.
  struct LineTooLong: Error {}

  private static func withoutReturn(_ line: [UInt8]) -> [UInt8] {
    line.last == 13 ? Array(line.dropLast()) : line
  }

  private static func readPiece() throws -> [UInt8] {
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = piece.withUnsafeMutableBytes { read(0, $0.baseAddress, $0.count) }
      if count >= 0 { return Array(piece.prefix(count)) }
      guard errno == EINTR else { throw Failure("standard input: \(String(cString: strerror(errno)))") }
    }
  }

  /// Text that must be UTF-8 without NUL, or why it is not.
  static func text(_ bytes: [UInt8]) throws(NotText) -> String {
    if let zero = bytes.firstIndex(of: 0) { throw NotText(reason: "a NUL byte", offset: zero) }
    do {
      return String(copying: try UTF8Span(validating: bytes.span))
    } catch {
      throw NotText(reason: "bytes that are not UTF-8", offset: error.byteOffsets.lowerBound)
    }
  }

  /// Bytes that are no text.
  struct NotText: Error, CustomStringConvertible {
    let reason: String
    let offset: Int
    var description: String { "holds \(reason) at byte \(offset); convert it to UTF-8 text" }
  }
}
