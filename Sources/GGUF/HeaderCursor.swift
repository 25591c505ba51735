// The one reader of header bytes: it walks a mapped file from front to back, and every step is held
// against the end before it is taken. It looks at the file through a copied window, because the length
// of every one of several 100,000 vocabulary entries is read and a call into the mapping costs more.
import Compute

/// A bounds-checked walk over part of a mapped file.
struct HeaderCursor {
  private static let windowBytes = 1 << 16

  let file: MappedFile
  /// What is being read, for the errors.
  var subject: GGUFError.Subject?
  private let end: Int
  private var window: [UInt8] = []
  private var windowStart: Int
  private var position = 0

  /// A cursor at byte `offset` that may not pass byte `end`; both are held to the file's size.
  init(file: MappedFile, from offset: Int = 0, to end: Int = .max, subject: GGUFError.Subject? = nil) {
    self.file = file
    self.subject = subject
    self.end = min(max(end, 0), file.count)
    self.windowStart = min(max(offset, 0), self.end)
  }

  /// The byte of the file that is read next.
  var offset: Int { windowStart + position }

  /// Bytes left to read.
  var remaining: Int { end - offset }

  /// An error of this kind about the current subject, at `offset` or at the cursor.
  func error(_ kind: GGUFError.Kind, at offset: Int? = nil) -> GGUFError {
    GGUFError(path: file.path, offset: offset ?? self.offset, subject: subject, kind: kind)
  }

  /// The next little-endian integer.
  mutating func integer<Value: FixedWidthInteger & UnsignedInteger>(
    _ type: Value.Type
  ) throws(GGUFError) -> Value {
    let width = Value.bitWidth / 8
    if window.count - position < width { try refill(atLeast: width) }
    var value: Value = 0
    for (index, byte) in window[position..<position + width].enumerated() {
      value |= Value(truncatingIfNeeded: byte) &<< Value(truncatingIfNeeded: 8 * index)
    }
    position += width
    return value
  }

  /// Passes over `count` bytes.
  mutating func skip(_ count: Int) throws(GGUFError) {
    guard count <= remaining else { throw cut(UInt64(count)) }
    if count <= window.count - position {
      position += count
    } else {
      windowStart += position + count
      window = []
      position = 0
    }
  }

  /// The next `count` bytes.
  mutating func bytes(_ count: Int) throws(GGUFError) -> ArraySlice<UInt8> {
    if window.count - position < count { try refill(atLeast: count) }
    position += count
    return window[position - count..<position]
  }

  /// The length before a string's bytes, held against the bytes that remain.
  mutating func stringLength() throws(GGUFError) -> Int {
    let start = offset
    let length = try integer(UInt64.self)
    guard length <= UInt64(remaining) else {
      throw error(.cut(needed: length, remaining: remaining), at: start)
    }
    return Int(length)
  }

  /// The number of elements that follow, each at least `leastBytes` long, held against the bytes that
  /// remain and a limit.
  mutating func count(leastBytes: Int, limit: Int = .max) throws(GGUFError) -> Int {
    let start = offset
    let count = try integer(UInt64.self)
    return try check(count: count, leastBytes: leastBytes, limit: limit, at: start)
  }

  /// `count`, when so many elements of at least `leastBytes` can follow and the limit allows them.
  func check(
    count: UInt64, leastBytes: Int, limit: Int, at start: Int
  ) throws(GGUFError) -> Int {
    let most = min(limit, remaining / leastBytes)
    guard count <= UInt64(most) else { throw error(.countTooLarge(count: count, atMost: most), at: start) }
    return Int(count)
  }

  /// The name of a key or tensor: at most `limit` bytes of UTF-8.
  mutating func name(limit: Int) throws(GGUFError) -> String {
    let start = offset
    let length = try integer(UInt64.self)
    guard length > 0, length <= UInt64(limit) else {
      throw error(.nameLength(length: length, atMost: limit), at: start)
    }
    guard let name = String(validating: try bytes(Int(length)), as: UTF8.self) else {
      throw error(.nameNotUTF8, at: start)
    }
    return name
  }

  private mutating func refill(atLeast needed: Int) throws(GGUFError) {
    let length = min(remaining, max(needed, Self.windowBytes))
    guard needed <= length, let bytes = file.bytes(at: offset, length: length) else {
      throw cut(UInt64(needed))
    }
    windowStart = offset
    window = bytes
    position = 0
  }

  private func cut(_ needed: UInt64) -> GGUFError {
    error(.cut(needed: needed, remaining: remaining))
  }
}
