// A file of lines that grows as work is done, so that it can be taken up again: what was written stays, a line that a
// crash cut short is taken off, and two programs do not write to it at once. Only its owner can read it.
import Glibc

/// Why a file cannot be taken up or written on.
public enum JournalError: Error, Equatable, CustomStringConvertible {
  /// The system refused; an errno.
  case system(path: String, code: Int32)
  /// Another program writes to it.
  case inUse(path: String)
  /// It was begun by a run of other data, models or settings, which are named.
  case otherRun(path: String, differences: [String])
  /// It holds what no run of this kind has written there.
  case notOurs(path: String, line: Int)

  /// What happened and what to do.
  public var description: String {
    switch self {
    case .system(let path, let code): "\(path): cannot be written: \(systemMessage(code))"
    case .inUse(let path): "\(path): another run writes to it; wait until it has ended, or give another name"
    case .otherRun(let path, let differences):
      "\(path): begun with another \(differences.joined(separator: ", another ")); give the same again, another name, or "
        + "--force to begin anew"
    case .notOurs(let path, let line):
      "\(path), line \(line): not of a run of this command; give another name, or --force to replace the file"
    }
  }
}

/// Lines appended to a file.
package final class JournalFile {
  /// Where it lies.
  package let path: String
  private let descriptor: Int32

  /// Opens or makes the file at `path` and locks it until it is closed.
  package init(path: String) throws(JournalError) {
    self.path = path
    descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
    guard descriptor >= 0 else { throw .system(path: path, code: errno) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw .system(path: path, code: EINVAL)
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      throw errno == EWOULDBLOCK ? .inUse(path: path) : .system(path: path, code: errno)
    }
    // Its owner may have removed it in between: what is written into a file without a name is lost.
    guard fstat(descriptor, &status) == 0, status.st_nlink > 0 else { throw .inUse(path: path) }
  }

  deinit {
    guard descriptor >= 0 else { return }
    // A program that is just being started elsewhere in the process still has a copy of the descriptor, and would keep
    // the lock for a moment.
    flock(descriptor, LOCK_UN)
    close(descriptor)
  }

  /// Whether the last line has its end; true for an empty file.
  package var endsWithLineEnd: Bool {
    let end = lseek(descriptor, 0, SEEK_END)
    var last: UInt8 = 0
    return end <= 0 || pread(descriptor, &last, 1, end - 1) == 1 && last == UInt8(ascii: "\n")
  }

  /// Takes off what stands behind the last line end.
  package func dropUnfinishedLine() throws(JournalError) {
    var end = lseek(descriptor, 0, SEEK_END)
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while end > 0 {
      let start = max(0, end - piece.count)
      let count = pread(descriptor, &piece, end - start, start)
      guard count == end - start else { throw .system(path: path, code: errno) }
      if let newline = piece[..<count].lastIndex(of: UInt8(ascii: "\n")) {
        end = start + newline + 1
        break
      }
      end = start
    }
    guard ftruncate(descriptor, end) == 0 else { throw .system(path: path, code: errno) }
  }

  /// Takes off everything.
  package func clear() throws(JournalError) {
    guard ftruncate(descriptor, 0) == 0 else { throw .system(path: path, code: errno) }
  }

  /// Appends `lines`, each with its end, and forces them to the disk.
  package func append(_ lines: [String]) throws(JournalError) {
    guard !lines.isEmpty else { return }
    if let code = OwnerFile.append(lines.map { $0 + "\n" }.joined(), to: descriptor) {
      throw .system(path: path, code: code)
    }
    guard fdatasync(descriptor) == 0 else { throw .system(path: path, code: errno) }
  }

  /// Removes the file.
  package func remove() { unlink(path) }
}
