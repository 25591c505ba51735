// A file that is being written: it lies beside its destination under another name until it is complete
// and on the disk. Whoever has the old file mapped keeps it whole.
import Glibc

/// A temporary file that takes the place of its destination when it is complete, and is removed when not.
package final class TemporaryFile {
  private let destination: String
  /// The temporary file's path, ended by a zero.
  private let temporary: [CChar]
  private let descriptor: Int32
  private var isRenamed = false

  /// Creates an empty file in the folder of `path`.
  package init(beside path: String, permissions: UInt32) throws(GGUFWriterError) {
    var template = Array("\(path).XXXXXX".utf8CString)
    descriptor = mkstemp(&template)
    guard descriptor >= 0 else { throw .system(path: path, code: errno) }
    destination = path
    temporary = template
    guard fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0, fchmod(descriptor, permissions) == 0 else {
      throw failure()
    }
  }

  deinit {
    close(descriptor)
    if !isRenamed { unlink(temporary) }
  }

  /// Appends `bytes`.
  package func write(_ bytes: [UInt8]) throws(GGUFWriterError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let written =
        rest.count == bytes.count
        ? Glibc.write(descriptor, bytes, bytes.count)
        : Glibc.write(descriptor, Array(rest), rest.count)
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else { throw failure() }
      rest = rest.dropFirst(written)
    }
  }

  /// Waits until the bytes are on the disk and puts the file in the place of its destination.
  package func rename() throws(GGUFWriterError) {
    guard fsync(descriptor) == 0, Glibc.rename(temporary, destination) == 0 else { throw failure() }
    isRenamed = true
    syncFolder()
  }

  /// Makes the new name itself last through a power cut. Some file systems refuse; the file is complete
  /// either way, so that is no error.
  private func syncFolder() {
    let folder = destination.lastIndex(of: "/").map { String(destination[...$0]) } ?? "."
    let folderDescriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folderDescriptor >= 0 else { return }
    fsync(folderDescriptor)
    close(folderDescriptor)
  }

  private func failure() -> GGUFWriterError { .system(path: destination, code: errno) }
}
