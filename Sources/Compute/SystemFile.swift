// Small files in which the system says what it has.
import Glibc

/// Text files of `/proc` and `/sys`.
enum SystemFile {
  /// The lines that are not empty, of the file's first 4,096 bytes; none when it cannot be read.
  static func lines(_ path: String) -> [String] {
    guard let file = fopen(path, "r") else { return [] }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = fread(&bytes, 1, bytes.count, file)
    return String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\n").map(String.init)
  }

  /// The first line, if there is one.
  static func firstLine(_ path: String) -> String? { lines(path).first }
}
