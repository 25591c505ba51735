// Line and column of a byte offset. They are counted only when an error needs them.

/// A place in a UTF-8 text as a reader finds it in an editor.
struct TextPosition: Equatable {
  /// The line, from 1.
  let line: Int
  /// The column in Unicode scalars, from 1.
  let column: Int

  /// The place of the byte `offset` of `bytes`; an offset past the end is the end.
  init(offset: Int, in bytes: [UInt8]) {
    let before = bytes[..<min(offset, bytes.count)]
    let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    line = before[..<lineStart].count { $0 == UInt8(ascii: "\n") } + 1
    column = before[lineStart...].count { $0 & 0xC0 != 0x80 } + 1
  }
}
