// A file of text that only its owner can read, since what is written here may quote patients: it takes its place when it
// is complete and on the disk, so that a crash leaves the old file or the new one.
import Glibc

/// A file could not be written; `code` is an errno.
public struct WritingError: Error, Equatable, CustomStringConvertible {
  /// The file or folder.
  public let path: String
  /// What the system said.
  public let code: Int32

  /// The error `code` about `path`.
  package init(path: String, code: Int32) {
    self.path = path
    self.code = code
  }

  /// What happened and to what.
  public var description: String { "\(path): cannot be written: \(systemMessage(code))" }
}

/// A file being written, of which nothing stays unless it is finished.
package final class OwnerFile {
  private let file: TemporaryFile
  private var buffer: [UInt8] = []

  /// Begins a file that will lie at `path`.
  package init(path: String) throws(WritingError) { file = try TemporaryFile(beside: path, permissions: 0o600) }

  /// Makes `text` the file at `path`.
  package static func write(_ text: String, to path: String) throws(WritingError) {
    let file = try OwnerFile(path: path)
    try file.write(text)
    try file.finish()
  }

  /// Adds `text` to an open file, which is its owner's alone from then on; the errno that prevented it, or nil.
  package static func append(_ text: String, to descriptor: Int32) -> Int32? {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return errno }
    if status.st_mode & 0o077 != 0, fchmod(descriptor, status.st_mode & 0o700) != 0 { return errno }
    return writeAll(text, to: descriptor)
  }

  /// Appends `text`.
  package func write(_ text: String) throws(WritingError) {
    buffer += text.utf8
    if buffer.count >= 1 << 16 { try flush() }
  }

  /// Forces the file to the disk and puts it in its place.
  package func finish() throws(WritingError) {
    try flush()
    try file.rename()
  }

  private func flush() throws(WritingError) {
    try file.write(buffer)
    buffer.removeAll(keepingCapacity: true)
  }
}

/// What the system calls the error `code`.
package func systemMessage(_ code: Int32) -> String { String(cString: strerror(code)) }
