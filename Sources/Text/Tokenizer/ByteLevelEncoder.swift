// Byte-level byte-pair encoding: the text is cut into words, and within each word bytes are joined
// in the order of the merges. A byte for which the vocabulary has no token is left out, as
// llama.cpp does; vocabularies trained without the full alphabet lack bytes that valid UTF-8 never
// has.

/// Encodes text with a byte-level vocabulary and its merges.
struct ByteLevelEncoder: Sendable {
  private let preTokenizer: PreTokenizer
  private let merges: MergeTable
  /// For each byte the token that stands for it alone, or -1.
  private let byteTokens: [Int32]

  init(_ vocabulary: Vocabulary, preTokenizer: PreTokenizer, merges: PackedStrings) throws(TokenizerError) {
    self.preTokenizer = preTokenizer
    self.merges = try MergeTable(merges, vocabulary: vocabulary)
    byteTokens = ByteAlphabet.spellings.map { vocabulary.id(of: $0) }
  }

  /// Appends the ids of `text` to `ids`.
  func encode(_ text: ArraySlice<UInt8>, vocabulary: Vocabulary, into ids: inout [Int32]) {
    let scalars = ScalarText(text)
    var merger = SymbolMerger()
    var word: [UInt8] = []
    var start = 0
    for end in preTokenizer.wordEnds(in: scalars) {
      word.removeAll(keepingCapacity: true)
      for scalar in scalars.values[start..<end] { appendUTF8(scalar, to: &word) }
      start = end
      if preTokenizer.takesWholeWords, let id = wholeWord(word, in: vocabulary) {
        ids.append(id)
        continue
      }
      merger.removeAll()
      for (offset, byte) in word.enumerated() {
        merger.append(Symbol(start: Int32(offset), length: 1, id: byteTokens[Int(byte)]))
      }
      merger.merge(by: merges) { symbol in
        if symbol.id >= 0 { ids.append(symbol.id) }
      }
    }
  }

  /// The token that is spelt as `word` is, or nil.
  private func wholeWord(_ word: [UInt8], in vocabulary: Vocabulary) -> Int32? {
    guard word.count <= vocabulary.longestText else { return nil }
    let id = vocabulary.id(of: word.flatMap { ByteAlphabet.spellings[Int($0)] })
    return id < 0 ? nil : id
  }
}

/// The merges of a byte-level vocabulary: which two tokens make which third, and in what order.
private struct MergeTable: JoinRule, Sendable {
  /// From (left, right) to the rank, in the high half, and the id of what they make.
  private var table: PairTable

  init(_ merges: PackedStrings, vocabulary: Vocabulary) throws(TokenizerError) {
    if merges.count >= Int(Int32.max) { throw .tooMany(key: "merges", count: merges.count) }
    table = PairTable(capacity: merges.count)
    var joined: [UInt8] = []
    var whole: Int32 = -1
    for rank in 0..<merges.count {
      let range = merges.range(of: rank)
      guard let space = Self.onlySpace(in: range, of: merges.bytes) else {
        throw .malformedMerge(index: rank, text: Vocabulary.readable(merges[rank]))
      }
      joined.removeAll(keepingCapacity: true)
      joined.append(contentsOf: merges.bytes[range.lowerBound..<space])
      joined.append(contentsOf: merges.bytes[space + 1..<range.upperBound])
      let left = vocabulary.id(of: merges.bytes.span.extracting(range.lowerBound..<space))
      let right = vocabulary.id(of: merges.bytes.span.extracting(space + 1..<range.upperBound))
      // Most vocabularies list tokens in the order of the merges that make them.
      whole = vocabulary.id(of: joined.span, guess: whole + 1)
      if left < 0 || right < 0 || whole < 0 {
        let missing =
          left < 0
          ? merges.bytes[range.lowerBound..<space]
          : right < 0 ? merges.bytes[space + 1..<range.upperBound] : joined[...]
        throw .mergeOutsideVocabulary(
          index: rank, text: Vocabulary.readable(merges[rank]), missing: Vocabulary.readable(missing))
      }
      // Of a pair that is listed twice the first rank counts.
      table.insert(left, right, value: UInt64(rank) << 32 | UInt64(whole))
    }
  }

  func join(_ left: Symbol, _ right: Symbol) -> (priority: Int32, id: Int32)? {
    guard let value = table[left.id, right.id] else { return nil }
    return (Int32(truncatingIfNeeded: value >> 32), Int32(truncatingIfNeeded: value))
  }

  /// Where the one space of a merge is, if there is just one and something on both sides of it.
  private static func onlySpace(in range: Range<Int>, of bytes: [UInt8]) -> Int? {
    var found: Int?
    for position in range where bytes[position] == UInt8(ascii: " ") {
      if found != nil { return nil }
      found = position
    }
    guard let found, found > range.lowerBound, found + 1 < range.upperBound else { return nil }
    return found
  }
}
