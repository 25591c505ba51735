// The length of the longest common subsequence, 64 cells of the table at a time: a column is a word of bits, and a
// step from column to column an addition (Hyyrö, "Bit-parallel LCS-length computation revisited", 2004).

/// One sequence made ready to be compared with many others.
public struct LongestCommonSubsequence<Element: Hashable> {
  /// How many elements the sequence has.
  public let count: Int
  private let words: Int
  /// For each distinct element where its row begins in `rows`.
  private let starts: [Element: Int]
  /// Rows of `words` words: bit i is set where the sequence has the element at place i.
  private let rows: [UInt64]

  /// Makes `sequence` ready.
  public init(_ sequence: some Collection<Element>) {
    count = sequence.count
    words = (count + 63) / 64
    var starts: [Element: Int] = [:]
    var rows: [UInt64] = []
    for (place, element) in sequence.enumerated() {
      let start = starts[element] ?? rows.count
      if start == rows.count {
        starts[element] = start
        rows += repeatElement(0, count: words)
      }
      rows[start + place / 64] |= 1 << UInt64(place % 64)
    }
    self.starts = starts
    self.rows = rows
  }

  /// The length of the longest subsequence that `other` has in common with the sequence.
  public func length(with other: some Sequence<Element>) -> Int {
    guard count > 0 else { return 0 }
    if words == 1 { return shortLength(with: other) }
    var column = [UInt64](repeating: .max, count: words)
    for element in other {
      guard let start = starts[element] else { continue }
      var carry: UInt64 = 0
      for word in 0..<words {
        let matched = column[word] & rows[start + word]
        let (sum, first) = column[word].addingReportingOverflow(matched)
        let (total, second) = sum.addingReportingOverflow(carry)
        carry = first || second ? 1 : 0
        column[word] = total | (column[word] & ~matched)
      }
    }
    return zeros(in: column)
  }

  private func shortLength(with other: some Sequence<Element>) -> Int {
    var column = UInt64.max
    for element in other {
      guard let start = starts[element] else { continue }
      let matched = column & rows[start]
      column = (column &+ matched) | (column & ~matched)
    }
    return zeros(in: [column])
  }

  /// Zero bits among the first `count`: places of the sequence that are in the subsequence.
  private func zeros(in column: [UInt64]) -> Int {
    let used = count % 64 == 0 ? UInt64.max : (1 << UInt64(count % 64)) - 1
    return column.enumerated().reduce(0) { sum, word in
      sum + (~word.element & (word.offset == words - 1 ? used : .max)).nonzeroBitCount
    }
  }
}
