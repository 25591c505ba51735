// A file that is being written: until it is complete and on the disk it has no name at all, so that nothing stays of it
// when the program is killed, or, on file systems without such files, another one beside its destination. Whoever has
// the old file mapped keeps it whole.
import Glibc

/// A temporary file that takes the place of its destination when it is complete, and is removed when not.
package final class TemporaryFile {
  private let destination: String
  /// The temporary file's path, ended by a zero; nil while it has none.
  private var temporary: [CChar]?
  private let descriptor: Int32

  /// Creates an empty file in the folder of `path`.
  package convenience init(beside path: String, permissions: UInt32) throws(WritingError) {
    try self.init(beside: path, permissions: permissions, isNamed: false)
  }

  /// The same; it has a name from the beginning where it `isNamed`, or where it must.
  package init(beside path: String, permissions: UInt32, isNamed: Bool) throws(WritingError) {
    var template = TemporaryFile.template(path)
    let nameless = isNamed ? -1 : TemporaryFile.nameless(in: TemporaryFile.folder(of: path))
    descriptor = nameless >= 0 ? nameless : mkstemp(&template)
    guard descriptor >= 0 else { throw WritingError(path: path, code: errno) }
    destination = path
    temporary = nameless >= 0 ? nil : template
    guard fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0, fchmod(descriptor, permissions) == 0 else {
      throw failure()
    }
  }

  deinit {
    close(descriptor)
    if let temporary { unlink(temporary) }
  }

  /// Appends `bytes`.
  package func write(_ bytes: [UInt8]) throws(WritingError) {
    if let code = writeAll(bytes, to: descriptor) { throw WritingError(path: destination, code: code) }
  }

  /// Waits until the bytes are on the disk and puts the file in the place of its destination.
  package func rename() throws(WritingError) {
    guard fsync(descriptor) == 0 else { throw failure() }
    if temporary == nil { try takeName() }
    if let name = temporary {
      guard Glibc.rename(name, destination) == 0 else { throw failure() }
      temporary = nil
    }
    syncFolder()
  }

  /// Gives the file without a name its destination's, or one beside it where that is taken: a link replaces nothing.
  private func takeName() throws(WritingError) {
    if link(to: destination) { return }
    var attempts = 0
    while errno == EEXIST, attempts < 100 {
      attempts += 1
      let name = "\(destination).\(UInt64.random(in: 0..<1 << 30))"
      guard link(to: name) else { continue }
      temporary = Array(name.utf8CString)
      return
    }
    throw failure()
  }

  private func link(to path: String) -> Bool {
    linkat(AT_FDCWD, TemporaryFile.place(of: descriptor), AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0
  }

  /// A file in `folder` that has no name, or -1 where there cannot be one that takes one later.
  private static func nameless(in folder: String) -> Int32 {
    // O_TMPFILE, of which Swift sees only a part.
    let descriptor = open(folder, 0o20_000_000 | O_DIRECTORY | O_RDWR | O_CLOEXEC, 0o600)
    guard descriptor >= 0, access(place(of: descriptor), F_OK) == 0 else {
      if descriptor >= 0 { close(descriptor) }
      return -1
    }
    return descriptor
  }

  /// Where the system shows an open file.
  private static func place(of descriptor: Int32) -> String { "/proc/self/fd/\(descriptor)" }

  private static func template(_ path: String) -> [CChar] { Array("\(path).XXXXXX".utf8CString) }

  /// The folder that `path` lies in.
  package static func folder(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
  }

  /// Makes the new name itself last through a power cut. Some file systems refuse; the file is complete
  /// either way, so that is no error.
  private func syncFolder() {
    let folderDescriptor = open(TemporaryFile.folder(of: destination), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folderDescriptor >= 0 else { return }
    fsync(folderDescriptor)
    close(folderDescriptor)
  }

  private func failure() -> WritingError { WritingError(path: destination, code: errno) }
}
