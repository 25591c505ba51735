// Files the user names: read whole up to a bound and only when they are text, written so that a reader
// sees the old file or the new one and nobody but the owner sees either.
import Common
import Glibc
import Text

/// Why a file the user named could not be read or written.
enum FileError: Error, Equatable, CustomStringConvertible {
  /// The system refused `action` ("read", "written"); `code` is its errno.
  case system(path: String, action: String, code: Int32)
  /// A directory, a device or a pipe.
  case notARegularFile(path: String)
  /// More bytes than are taken.
  case tooLarge(path: String, limit: Int)
  /// The byte at `offset`, in line `line`, begins no UTF-8 character.
  case notUTF8(path: String, offset: Int, line: Int)
  /// A NUL byte, which no text has.
  case notText(path: String, offset: Int)

  var description: String {
    switch self {
    case .system(let path, let action, let code):
      return "\(path): cannot be \(action): \(String(cString: strerror(code)))"
    case .notARegularFile(let path):
      return "\(path): not a regular file"
    case .tooLarge(let path, let limit):
      return "\(path): larger than \(grouped(limit)) bytes, the most that is taken"
    case .notUTF8(let path, let offset, let line):
      return "\(path): not UTF-8 at byte \(offset) (line \(line)); convert it first, "
        + "for example with: iconv -f GB18030 -t UTF-8"
    case .notText(let path, let offset):
      return "\(path): not a text file (a NUL at byte \(offset))"
    }
  }
}

enum TextFile {
  /// The bytes of the regular file at `path`, at most `limit` of them.
  static func bytes(at path: String, limit: Int) throws(FileError) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .system(path: path, action: "read", code: errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .system(path: path, action: "read", code: errno) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .notARegularFile(path: path) }

    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      if count == 0 { return bytes }
      guard count > 0 else {
        if errno == EINTR { continue }
        throw .system(path: path, action: "read", code: errno)
      }
      guard count <= limit - bytes.count else { throw .tooLarge(path: path, limit: limit) }
      bytes += buffer[..<count]
    }
  }

  /// The text of the file at `path`, which must be UTF-8 without NUL; a byte order mark is left out.
  static func text(at path: String, limit: Int) throws(FileError) -> String {
    let bytes = try bytes(at: path, limit: limit)
    do { return try String(text: bytes) } catch {
      switch error {
      case .nul(let offset): throw .notText(path: path, offset: offset)
      case .notUTF8(let offset):
        let line = 1 + bytes[..<offset].count { $0 == UInt8(ascii: "\n") }
        throw .notUTF8(path: path, offset: offset, line: line)
      }
    }
  }

  /// Makes `text` the content of the file at `path`, or of that which a link there leads to, readable by its owner alone,
  /// so that a crash leaves the old file or the new one.
  static func replace(_ path: String, with text: String) throws(FileError) {
    var status = stat()
    if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG { throw .notARegularFile(path: path) }
    do { try OwnerFile.write(text, to: target(of: path)) } catch {
      throw .system(path: path, action: "written", code: error.code)
    }
  }

  /// Where a link at `path` leads; `path` when there is none.
  private static func target(of path: String) -> String {
    guard let resolved = realpath(path, nil) else { return path }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  /// Adds `text` at the end of the file at `path`, which is made when it is not there, and readable by its owner alone
  /// from then on.
  static func append(_ text: String, to path: String) throws(FileError) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0o600)
    guard descriptor >= 0 else { throw .system(path: path, action: "written", code: errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw .notARegularFile(path: path)
    }
    if let code = OwnerFile.append(text, to: descriptor) {
      throw .system(path: path, action: "written", code: code)
    }
  }

  /// Why `replace` would fail at `path`, as far as can be told before; nil when nothing is known against it.
  static func obstacle(toWriting path: String) -> String? {
    access(TemporaryFile.folder(of: path), W_OK | X_OK) == 0 ? nil : String(cString: strerror(errno))
  }

  /// Whether something is at `path`.
  static func exists(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
  }

  /// Whether a directory is at `path`.
  static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// `path` with a leading `~/` replaced by the home directory, as a shell does it.
  static func expandingHome(_ path: String) -> String {
    guard path == "~" || path.hasPrefix("~/"), let home = environmentVariable("HOME") else { return path }
    return home + path.dropFirst()
  }
}
