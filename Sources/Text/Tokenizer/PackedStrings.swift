// Many byte strings in one buffer: a vocabulary of a quarter of a million tokens is two
// allocations instead of a quarter of a million. Tokens are bytes, not text: nothing says that a
// token is valid UTF-8.

/// An immutable list of byte strings that lie one after the other in one buffer.
public struct PackedStrings: Sendable {
  /// The strings' bytes, joined.
  let bytes: [UInt8]
  /// `ends[i]` is where string `i` ends and string `i + 1` begins; ascending, at most `bytes.count`.
  let ends: [Int]

  /// - Parameters:
  ///   - bytes: all strings, joined.
  ///   - ends: for each string the offset just past it; string `i` is `bytes[ends[i-1]..<ends[i]]`.
  ///     Ascending, the last at most `bytes.count`.
  public init(bytes: [UInt8], ends: [Int]) {
    self.bytes = bytes
    self.ends = ends
  }

  /// Packs the strings of `strings`, in order.
  public init(_ strings: some Sequence<some Sequence<UInt8>>) {
    var bytes: [UInt8] = []
    var ends: [Int] = []
    for string in strings {
      bytes.append(contentsOf: string)
      ends.append(bytes.count)
    }
    self.init(bytes: bytes, ends: ends)
  }

  /// The number of strings.
  public var count: Int { ends.count }

  /// The bytes of string `index`, which must be in `0..<count`.
  public subscript(index: Int) -> ArraySlice<UInt8> { bytes[range(of: index)] }

  /// Where string `index` lies in `bytes`.
  func range(of index: Int) -> Range<Int> {
    (index == 0 ? 0 : ends[index - 1])..<ends[index]
  }
}
