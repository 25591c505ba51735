// The length of the longest common subsequence, 64 cells of the table at a time: a column is a word of bits, and a
// step from column to column an addition (Hyyrö, "Bit-parallel LCS-length computation revisited", 2004).

/// One sequence made ready to be compared with many others.
public struct LongestCommonSubsequence<Element: Hashable> {
  /// How many elements the sequence has.
  public let count: Int
  private let blocks: [Block]

  /// A part of the sequence. One that has the whole of a long text would take the square of its length.
  private struct Block {
    let words: Int
    /// For each distinct element where its row begins in `rows`.
    var starts: [Element: Int] = [:]
    /// Rows of `words` words: bit i is set where the block has the element at place i. The first is that of all elements
    /// it does not have.
    var rows: [UInt64]

    init(_ elements: some Collection<Element>) {
      words = (elements.count + 63) / 64
      rows = [UInt64](repeating: 0, count: words)
      for (place, element) in elements.enumerated() {
        let start = starts[element] ?? rows.count
        if start == rows.count {
          starts[element] = start
          rows += repeatElement(0, count: words)
        }
        rows[start + place / 64] |= 1 << UInt64(place % 64)
      }
    }
  }

  /// Makes `sequence` ready.
  public init(_ sequence: some Collection<Element>) { self.init(sequence, blockWords: 64) }

  /// The same in blocks of so many words.
  init(_ sequence: some Collection<Element>, blockWords: Int) {
    count = sequence.count
    var (blocks, rest) = ([Block](), sequence[...])
    while !rest.isEmpty {
      blocks.append(Block(rest.prefix(64 * blockWords)))
      rest = rest.dropFirst(64 * blockWords)
    }
    self.blocks = blocks
  }

  /// The length of the longest subsequence that `other` has in common with the sequence.
  public func length(with other: some Collection<Element>) -> Int {
    if (1...64).contains(count) { return shortLength(with: other) }
    // What the additions of each element carry from one block into the next.
    var carries = [Bool](repeating: false, count: other.count)
    return blocks.reduce(0) { sum, block in
      var column = [UInt64](repeating: .max, count: block.words)
      for (place, element) in other.enumerated() {
        let start = block.starts[element] ?? 0
        guard start > 0 || carries[place] else { continue }
        carries[place] = LongestCommonSubsequence.step(&column, block, start, carries: carries[place])
      }
      return sum + LongestCommonSubsequence.zeros(in: column)
    }
  }

  /// Takes an element, whose row begins at `start`, into the column; whether that carries into the next block.
  private static func step(_ column: inout [UInt64], _ block: Block, _ start: Int, carries: Bool) -> Bool {
    var carry: UInt64 = carries ? 1 : 0
    for word in column.indices {
      let matched = column[word] & block.rows[start + word]
      let (sum, first) = column[word].addingReportingOverflow(matched)
      let (total, second) = sum.addingReportingOverflow(carry)
      carry = first || second ? 1 : 0
      column[word] = total | (column[word] & ~matched)
    }
    return carry == 1
  }

  private func shortLength(with other: some Sequence<Element>) -> Int {
    let block = blocks[0]
    var column = UInt64.max
    for element in other {
      guard let start = block.starts[element] else { continue }
      let matched = column & block.rows[start]
      column = (column &+ matched) | (column & ~matched)
    }
    return LongestCommonSubsequence.zeros(in: [column])
  }

  /// Zero bits: places of the sequence that are in the subsequence. Those behind its end never become zero, since no
  /// element has a bit there.
  private static func zeros(in column: [UInt64]) -> Int { column.reduce(0) { $0 + (~$1).nonzeroBitCount } }
}
