// The tokenizer of a checkpoint: text to ids and back. It gives exactly the ids that llama.cpp gives
// for the same vocabulary, since that is what published quantized checkpoints are used with.
//
// Invalid UTF-8 is no error. SentencePiece vocabularies keep such bytes, through byte tokens; for
// byte-level ones each byte that belongs to no character counts as U+FFFD.

/// Turns text into token ids and ids into text.
public final class Tokenizer: Sendable {
  private let vocabulary: Vocabulary
  private let encoder: Encoder
  private let specialTokens: SpecialTokenMatcher

  /// The token put before a text, when there is one.
  public let beginningOfText: Int?
  /// The token that ends a text, when there is one.
  public let endOfText: Int?
  /// All tokens that end an answer: those that the metadata name and those of well-known spelling.
  public let endTokens: Set<Int>
  /// Whether `encode` puts `beginningOfText` first unless told otherwise.
  public let addsBeginning: Bool
  /// Whether `encode` puts `endOfText` last unless told otherwise.
  public let addsEnd: Bool

  private enum Encoder: Sendable {
    case sentencePiece(SentencePieceEncoder)
    case byteLevel(ByteLevelEncoder)
  }

  /// Checks a description and builds the tables.
  /// - Throws: what is wrong with the description.
  public init(_ description: TokenizerDescription) throws(TokenizerError) {
    try Self.checkIDs(of: description)
    var vocabulary: Vocabulary
    var defaultID: (Int) -> Int? = { _ in nil }
    let defaultAddsBeginning: Bool
    switch description.model {
    case "llama":
      vocabulary = try Vocabulary(description, spelling: .sentencePiece)
      // SentencePiece numbers <unk>, <s> and </s> so unless told otherwise.
      let count = vocabulary.count
      defaultID = { $0 < count ? $0 : nil }
      defaultAddsBeginning = true
      encoder = .sentencePiece(
        SentencePieceEncoder(
          vocabulary, addsSpacePrefix: description.addSpacePrefix ?? true,
          unknown: description.unknown ?? defaultID(0)))
    case "gpt2":
      let name = description.preTokenizer ?? "default"
      guard let preTokenizer = PreTokenizer(named: name) else { throw .unknownPreTokenizer(name) }
      vocabulary = try Vocabulary(description, spelling: .byteLevel)
      guard let merges = description.merges else { throw .missingMerges }
      defaultAddsBeginning = preTokenizer.addsBeginning
      encoder = .byteLevel(try ByteLevelEncoder(vocabulary, preTokenizer: preTokenizer, merges: merges))
    default:
      throw .unknownModel(description.model)
    }

    let beginningOfText = description.beginningOfText ?? defaultID(1)
    let endOfText = description.endOfText ?? defaultID(2)
    if description.addBeginning == true && beginningOfText == nil {
      throw .missingToken(flag: "add_bos_token", key: "bos_token_id")
    }
    if description.addEnd == true && endOfText == nil {
      throw .missingToken(flag: "add_eos_token", key: "eos_token_id")
    }
    self.beginningOfText = beginningOfText
    self.endOfText = endOfText
    addsBeginning = beginningOfText != nil && description.addBeginning ?? defaultAddsBeginning
    addsEnd = description.addEnd ?? false

    let named = [endOfText, description.endOfTurn].compactMap { $0 } + description.otherEndTokens
    endTokens = vocabulary.assignWellKnownRoles().union(named)
    specialTokens = try SpecialTokenMatcher(vocabulary)
    self.vocabulary = vocabulary
  }

  /// Special ids must lie in the vocabulary.
  private static func checkIDs(of description: TokenizerDescription) throws(TokenizerError) {
    let named = [
      ("bos_token_id", description.beginningOfText), ("eos_token_id", description.endOfText),
      ("eot_token_id", description.endOfTurn), ("unknown_token_id", description.unknown),
      ("seperator_token_id", description.separator), ("padding_token_id", description.padding),
    ]
    let others = description.otherEndTokens.map { ("eom_token_id", Int?.some($0)) }
    let tokens = description.tokens.count
    if tokens == 0 { throw .emptyVocabulary }
    for case (let key, let id?) in named + others where !(0..<tokens).contains(id) {
      throw .idOutOfRange(key: key, id: id, tokens: tokens)
    }
  }
}

// MARK: - Text to ids

extension Tokenizer {
  /// A stretch of ordinary text longer than this is cut, since symbols are numbered with 32 bits.
  private static let longestStretch = 1 << 28

  /// The ids of `text`.
  /// - Parameters:
  ///   - text: UTF-8; other bytes are taken as the head of this file says.
  ///   - parseSpecial: whether control tokens spelt out in the text become those tokens. User-defined
  ///     tokens always do.
  ///   - addBeginning: true puts the beginning-of-text token first; false leaves both it and the
  ///     end-of-text token out; nil does as the checkpoint says.
  public func encode(_ text: [UInt8], parseSpecial: Bool, addBeginning: Bool? = nil) -> [Int32] {
    var ids: [Int32] = []
    if addBeginning ?? addsBeginning, let beginningOfText { ids.append(Int32(beginningOfText)) }
    var followsSpecialToken = true
    for fragment in specialTokens.fragments(of: text, includingGuarded: parseSpecial) {
      switch fragment {
      case .token(let id):
        ids.append(id)
        followsSpecialToken = true
      case .text(let range):
        for start in stride(from: range.lowerBound, to: range.upperBound, by: Self.longestStretch) {
          let stretch = text[start..<min(start + Self.longestStretch, range.upperBound)]
          encode(stretch, followsSpecialToken: followsSpecialToken, into: &ids)
          followsSpecialToken = false
        }
      }
    }
    if addBeginning ?? true, addsEnd, let endOfText { ids.append(Int32(endOfText)) }
    return ids
  }

  /// The ids of a text that is to be gone on with: with the beginning-of-text token where the model wants one, and
  /// without an end-of-text token.
  public func opening(_ text: String) -> [Int32] {
    let ids = encode(text, parseSpecial: false)
    return addsEnd && endOfText != nil ? ids.dropLast() : ids
  }

  /// The ids of `text`; see the overload for bytes.
  public func encode(_ text: String, parseSpecial: Bool, addBeginning: Bool? = nil) -> [Int32] {
    encode(Array(text.utf8), parseSpecial: parseSpecial, addBeginning: addBeginning)
  }

  private func encode(_ text: ArraySlice<UInt8>, followsSpecialToken: Bool, into ids: inout [Int32]) {
    switch encoder {
    case .sentencePiece(let encoder):
      encoder.encode(text, afterSpecialToken: followsSpecialToken, vocabulary: vocabulary, into: &ids)
    case .byteLevel(let encoder):
      encoder.encode(text, vocabulary: vocabulary, into: &ids)
    }
  }
}

// MARK: - Ids to text

extension Tokenizer {
  /// The bytes of a token as they appear in running text, not always whole characters. Control and
  /// unknown tokens have none unless `special`; an id outside the vocabulary has none.
  public func bytes(of id: Int, special: Bool = false) -> ArraySlice<UInt8> {
    var piece: [UInt8] = []
    vocabulary.appendPiece(of: id, special: special, to: &piece)
    return piece[...]
  }

  /// The bytes of a row of tokens. Where encoding puts a space before a text, one space at the very
  /// beginning is taken off again. `special` shows control and unknown tokens.
  public func decode(_ ids: some Sequence<Int32>, special: Bool) -> [UInt8] {
    var bytes: [UInt8] = []
    var isFirst = true
    for id in ids {
      vocabulary.appendPiece(of: Int(id), special: special, to: &bytes)
      if isFirst, case .sentencePiece(let encoder) = encoder, encoder.addsSpacePrefix,
        bytes.first == UInt8(ascii: " ")
      {
        bytes.removeFirst()
      }
      isFirst = false
    }
    return bytes
  }
}

// MARK: - The vocabulary

extension Tokenizer {
  /// The number of tokens.
  public var vocabularySize: Int { vocabulary.count }

  /// A token as the vocabulary spells it; empty for an id outside the vocabulary.
  public func text(of id: Int) -> ArraySlice<UInt8> {
    vocabulary.roles.indices.contains(id) ? vocabulary.texts[id] : []
  }

  /// The token that the vocabulary spells `text`.
  public func id(of text: some Sequence<UInt8>) -> Int? {
    let id = vocabulary.id(of: Array(text))
    return id < 0 ? nil : Int(id)
  }

  /// The token that the vocabulary spells `text`.
  public func id(of text: String) -> Int? { id(of: text.utf8) }

  /// Whether a token is structure rather than text, by its type or because it ends answers.
  public func isControl(_ id: Int) -> Bool {
    vocabulary.roles.indices.contains(id) && vocabulary.roles[id].contains(.control)
  }
}
