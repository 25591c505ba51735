// What lists of tokens begin with alike.

extension [Int32] {
  /// How many of the first tokens are those of `other`.
  package func commonPrefixLength(_ other: [Int32]) -> Int {
    let most = Swift.min(count, other.count)
    return indices.prefix(most).first { self[$0] != other[$0] } ?? most
  }
}
