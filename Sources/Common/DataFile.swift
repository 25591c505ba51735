// One file of data as bytes: whole up to a bound, or line by line with a bound on the line, so that neither
// a huge file nor one without line ends takes more memory than that.
import Glibc

/// Why a file of data cannot be read.
package enum DataFileError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The system refused; an errno.
  case unreadable(code: Int32)
  /// Neither a file nor a folder: a device, a pipe.
  case notARegularFile
  /// A file of more bytes than are taken.
  case tooLarge(limit: Int)

  /// The reason in a phrase, without the file's name.
  package var description: String {
    switch self {
    case .unreadable(let code): "cannot be read: \(systemMessage(code))"
    case .notARegularFile: "not a regular file"
    case .tooLarge(let limit): "larger than \(limit >> 20) MiB, the most that is taken; split it"
    }
  }
}

/// An open file that is read once, from the front.
package final class DataFile {
  /// The longest line, in bytes.
  package static let lineLimit = 16 << 20
  /// The largest text file, in bytes.
  package static let textLimit = 64 << 20

  private let descriptor: Int32
  private var buffer: [UInt8] = []
  private var position = 0
  private let lineLimit: Int

  /// Opens the regular file at `path`.
  package init(path: String, lineLimit: Int = DataFile.lineLimit) throws(DataFileError) {
    self.lineLimit = lineLimit
    descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .unreadable(code: errno) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .unreadable(code: errno) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .notARegularFile }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// A line without its end.
  package enum Line: Equatable {
    /// The line's bytes.
    case bytes([UInt8])
    /// A line beyond the bound, which was passed over.
    case tooLong
  }

  /// The next line; nil at the end of the file.
  package func nextLine() throws(DataFileError) -> Line? {
    var line: [UInt8] = []
    var isTooLong = false
    var hasAny = false
    while try fill() {
      hasAny = true
      let end = buffer[position...].firstIndex(of: UInt8(ascii: "\n"))
      let piece = buffer[position..<(end ?? buffer.count)]
      isTooLong = isTooLong || line.count + piece.count > lineLimit
      if !isTooLong { line += piece }
      position = end.map { $0 + 1 } ?? buffer.count
      if end != nil { break }
    }
    guard hasAny else { return nil }
    if isTooLong { return .tooLong }
    if line.last == UInt8(ascii: "\r") { line.removeLast() }
    return .bytes(line)
  }

  /// All that is left, at most `limit` bytes.
  package func rest(limit: Int = DataFile.textLimit) throws(DataFileError) -> [UInt8] {
    var bytes: [UInt8] = []
    while try fill() {
      bytes += buffer[position...]
      position = buffer.count
      guard bytes.count <= limit else { throw .tooLarge(limit: limit) }
    }
    return bytes
  }

  /// Reads on when the buffer is used up; false at the end of the file.
  private func fill() throws(DataFileError) -> Bool {
    guard position == buffer.count else { return true }
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = read(descriptor, &piece, piece.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw .unreadable(code: errno) }
      buffer = Array(piece.prefix(count))
      position = 0
      return count > 0
    }
  }
}
