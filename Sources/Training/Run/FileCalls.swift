// The system calls by which a run's state reaches the disk, one by one. They stand apart so that tests can let any of
// them fail, as a full disk does, or be the last, as a killed process has it.
import Glibc

/// The calls that change a run's folder.
struct FileCalls {
  /// One of them.
  enum Call: Equatable {
    case create, write, synchronize, rename, synchronizeFolder, remove
  }

  /// Called before each; an errno makes it fail without being done.
  var failure: (Call) -> Int32? = { _ in nil }

  /// Makes an empty file for its owner's eyes alone.
  func create(_ path: String) throws(RunError) -> Int32 {
    var descriptor: Int32 = -1
    try perform(.create, path) {
      descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
      return descriptor >= 0
    }
    return descriptor
  }

  /// Appends all of `bytes`.
  func write(_ bytes: [UInt8], to descriptor: Int32, of path: String) throws(RunError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      var written = 0
      try perform(.write, path) {
        written = Glibc.write(descriptor, Array(rest), rest.count)
        return written > 0 || written < 0 && errno == EINTR
      }
      rest = rest.dropFirst(max(0, written))
    }
  }

  /// Waits until the file is on the disk.
  func synchronize(_ descriptor: Int32, of path: String) throws(RunError) {
    try perform(.synchronize, path) { fsync(descriptor) == 0 }
  }

  /// Puts the file at `path` in the place of `destination`.
  func rename(_ path: String, to destination: String) throws(RunError) {
    try perform(.rename, destination) { Glibc.rename(path, destination) == 0 }
  }

  /// Makes new names last through a power cut, where the file system can.
  func synchronizeFolder(_ path: String) {
    guard failure(.synchronizeFolder) == nil else { return }
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }

  /// Removes a file; one that stays does no harm.
  func remove(_ path: String) {
    guard failure(.remove) == nil else { return }
    unlink(path)
  }

  private func perform(_ call: Call, _ path: String, _ body: () -> Bool) throws(RunError) {
    if let code = failure(call) { throw .system(path: path, action: "written", code: code) }
    guard body() else { throw .system(path: path, action: "written", code: errno) }
  }
}
