// Small files in which the system says what it has.
import Glibc

/// Text files of `/proc` and `/sys`.
enum SystemFile {
  /// The lines that are not empty, of the file's first 64 KiB, the last one only when it is whole; none when it cannot be
  /// read.
  static func lines(_ path: String) -> [String] {
    guard let file = fopen(path, "r") else { return [] }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 64 << 10)
    let count = fread(&bytes, 1, bytes.count, file)
    let end = count < bytes.count ? count : bytes.lastIndex(of: UInt8(ascii: "\n")) ?? 0
    return String(decoding: bytes[..<end], as: UTF8.self).split(separator: "\n").map(String.init)
  }

  /// The first line, if there is one.
  static func firstLine(_ path: String) -> String? { lines(path).first }
}
