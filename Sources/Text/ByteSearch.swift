// Finds one text in another in linear time (Knuth, Morris and Pratt), whatever a template or a person makes the
// two look like. Bytes suffice: UTF-8 never matches in the middle of a character.

/// A search for one run of bytes.
public struct ByteSearch: Sendable {
  private let pattern: [UInt8]
  /// For each prefix of the pattern, how much of it is also its own end.
  private let overlaps: [Int]

  /// Prepares a search for `text`, which must not be empty.
  init(_ text: String) { self.init(pattern: Array(text.utf8)) }

  /// Prepares a search for `pattern`; an empty one is found nowhere.
  public init(pattern: [UInt8]) {
    var overlaps = [0]
    var matched = 0
    for byte in pattern.dropFirst() {
      while matched > 0, pattern[matched] != byte { matched = overlaps[matched - 1] }
      if pattern[matched] == byte { matched += 1 }
      overlaps.append(matched)
    }
    self.pattern = pattern
    self.overlaps = overlaps
  }

  /// Where the pattern next stands in `bytes`, at `start` or later.
  public func first(in bytes: [UInt8], from start: Int = 0) -> Range<Int>? {
    guard !pattern.isEmpty else { return nil }
    var matched = 0
    var position = start
    while position < bytes.count {
      while matched > 0, pattern[matched] != bytes[position] { matched = overlaps[matched - 1] }
      if pattern[matched] == bytes[position] { matched += 1 }
      position += 1
      if matched == pattern.count { return position - matched..<position }
    }
    return nil
  }

  /// Where the pattern stands in `bytes` from left to right without overlap, at most `limit` times.
  func all(in bytes: [UInt8], limit: Int = .max) -> [Range<Int>] {
    var found: [Range<Int>] = []
    var start = 0
    while found.count < limit, let range = first(in: bytes, from: start) {
      found.append(range)
      start = range.upperBound
    }
    return found
  }

  /// Where the pattern stands in `bytes` from right to left without overlap, at most `limit` times;
  /// in the order of the text.
  func allFromBack(in bytes: [UInt8], limit: Int) -> [Range<Int>] {
    let backwards = ByteSearch(pattern: pattern.reversed()).all(in: bytes.reversed(), limit: limit)
    return backwards.reversed().map { bytes.count - $0.upperBound..<bytes.count - $0.lowerBound }
  }
}

extension String {
  /// The byte offset at which `part` first stands, nil when it does not.
  func utf8Position(of part: String) -> Int? {
    part.isEmpty ? 0 : ByteSearch(part).first(in: Array(utf8))?.lowerBound
  }
}
