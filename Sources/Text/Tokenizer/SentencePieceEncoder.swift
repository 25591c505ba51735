// SentencePiece's byte-pair encoding over a whole text: spaces become U+2581, characters are
// joined in the order of the scores of what they make, and what the vocabulary cannot spell falls
// back to byte tokens. Bytes that are no valid UTF-8 take the same way and survive unchanged.

/// Encodes text with a SentencePiece vocabulary.
struct SentencePieceEncoder: Sendable {
  /// Whether text at the beginning or after a special token gets a space before it.
  let addsSpacePrefix: Bool
  /// For each byte the token that stands for it, or -1.
  private let byteTokens: [Int32]

  /// - Parameter unknown: what stands for bytes that have no token of their own.
  init(_ vocabulary: Vocabulary, addsSpacePrefix: Bool, unknown: Int?) {
    self.addsSpacePrefix = addsSpacePrefix
    let digits = Array("0123456789ABCDEF".utf8)
    byteTokens = (UInt8.min...UInt8.max).map { byte in
      let name = Array("<0x".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)], UInt8(ascii: ">")]
      let named = vocabulary.id(of: name)
      if named >= 0 { return named }
      let bare = vocabulary.id(of: [byte])
      return bare >= 0 ? bare : Int32(unknown ?? -1)
    }
  }

  /// Appends the ids of `text` to `ids`. The beginning of a text counts as `afterSpecialToken`.
  func encode(
    _ text: ArraySlice<UInt8>, afterSpecialToken: Bool, vocabulary: Vocabulary, into ids: inout [Int32]
  ) {
    var escaped: [UInt8] = []
    escaped.reserveCapacity(text.count + text.count / 4)
    if afterSpecialToken && addsSpacePrefix { escaped += EscapedSpace.bytes }
    EscapedSpace.escape(text, into: &escaped)

    var merger = SymbolMerger()
    var start = 0
    while start < escaped.count {
      let length = min(Self.characterLength(escaped[start]), escaped.count - start)
      merger.append(Symbol(start: Int32(start), length: Int32(length), id: -1))
      start += length
    }
    merger.merge(by: ScoreRule(text: escaped, vocabulary: vocabulary)) { symbol in
      let range = Int(symbol.start)..<Int(symbol.start + symbol.length)
      let id = symbol.id >= 0 ? symbol.id : vocabulary.id(of: escaped.span.extracting(range))
      if id >= 0 {
        ids.append(id)
      } else {
        for byte in escaped[range] where byteTokens[Int(byte)] >= 0 { ids.append(byteTokens[Int(byte)]) }
      }
    }
  }

  /// The length that a character's first byte announces; a stray continuation byte is one character.
  private static func characterLength(_ first: UInt8) -> Int {
    switch first {
    case 0xF0...: return 4
    case 0xE0...: return 3
    case 0xC0...: return 2
    default: return 1
    }
  }
}

/// Joins what makes a token of the vocabulary, highest score first.
private struct ScoreRule: JoinRule {
  let text: [UInt8]
  let vocabulary: Vocabulary

  func join(_ left: Symbol, _ right: Symbol) -> (priority: Int32, id: Int32)? {
    let length = Int(left.length + right.length)
    guard length <= vocabulary.longestText else { return nil }
    let start = Int(left.start)
    let id = vocabulary.id(of: text.span.extracting(start..<start + length))
    return id < 0 ? nil : (Self.priority(of: vocabulary.score(of: id)), id)
  }

  /// An integer that orders as the scores do, the other way round. The bits of a float order like
  /// an integer, but for the negative ones, whose magnitude is turned; adding zero unites the zeros.
  private static func priority(of score: Float) -> Int32 {
    let bits = Int32(bitPattern: (score + 0).bitPattern)
    return ~(bits >= 0 ? bits : bits ^ Int32.max)
  }
}
