// A vocabulary or a list of merges, packed: one buffer and where each string ends in it, since several
// 100,000 separate strings would cost more time and memory than reading the whole header.

/// An array of byte strings in one buffer. The strings are UTF-8 in well-made files, but need not be.
public struct StringArray: Equatable, Sendable {
  /// All strings, one after another.
  public let bytes: [UInt8]
  /// For each string, the index in `bytes` after its last byte.
  public let ends: [Int]

  /// The number of strings.
  public var count: Int { ends.count }

  /// The bytes of the string at `index`, which must be below `count`.
  public subscript(index: Int) -> ArraySlice<UInt8> {
    bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]]
  }

  /// The string at `index`, which must be below `count`; what is not UTF-8 becomes U+FFFD.
  public func string(at index: Int) -> String {
    String(decoding: self[index], as: UTF8.self)
  }

  /// The next `count` strings at the cursor.
  init(count: Int, from cursor: inout HeaderCursor) throws(GGUFError) {
    var bytes: [UInt8] = []
    var ends: [Int] = []
    bytes.reserveCapacity(max(0, cursor.remaining - count * ValueType.string.leastBytes))
    ends.reserveCapacity(count)
    for _ in 0..<count {
      bytes += try cursor.bytes(try cursor.stringLength())
      ends.append(bytes.count)
    }
    self.bytes = bytes
    self.ends = ends
  }
}
