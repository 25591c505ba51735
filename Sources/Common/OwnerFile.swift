// A file that only its owner can read, since what is written here may quote patients: it lies beside its destination
// under another name until it is complete and on the disk, so that a crash leaves the old file or the new one.
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

/// A file being written, which is removed unless it is finished.
package final class OwnerFile {
  private let path: String
  private let temporary: String
  private let descriptor: Int32
  private var buffer: [UInt8] = []
  private var isFinished = false

  /// Begins a file that will lie at `path`.
  package init(path: String) throws(WritingError) {
    self.path = path
    temporary = "\(path).\(getpid()).tmp"
    descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw WritingError(path: path, code: errno) }
  }

  deinit {
    guard descriptor >= 0 else { return }
    close(descriptor)
    if !isFinished { unlink(temporary) }
  }

  /// Makes `text` the file at `path`.
  package static func write(_ text: String, to path: String) throws(WritingError) {
    let file = try OwnerFile(path: path)
    try file.write(text)
    try file.finish()
  }

  /// Appends `text`.
  package func write(_ text: String) throws(WritingError) {
    buffer += text.utf8
    if buffer.count >= 1 << 16 { try flush() }
  }

  /// Forces the file to the disk and puts it in its place.
  package func finish() throws(WritingError) {
    try flush()
    guard fsync(descriptor) == 0, rename(temporary, path) == 0 else { throw WritingError(path: path, code: errno) }
    isFinished = true
  }

  private func flush() throws(WritingError) {
    while !buffer.isEmpty {
      let count = Glibc.write(descriptor, buffer, buffer.count)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw WritingError(path: path, code: errno) }
      buffer.removeFirst(count)
    }
  }
}

/// What the system calls the error `code`.
package func systemMessage(_ code: Int32) -> String { String(cString: strerror(code)) }
