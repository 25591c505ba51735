// The tokens themselves: spelling, score, what each one is for, and how each one appears in
// running text. Everything here is checked when it is made, so that the encoders need not.

/// What a token is for. A token may be several things at once: one that ends an answer counts as
/// control whatever its type says.
struct TokenRoles: OptionSet, Sendable {
  let rawValue: UInt8

  static let normal = TokenRoles(rawValue: 1)
  static let unknown = TokenRoles(rawValue: 2)
  static let control = TokenRoles(rawValue: 4)
  static let userDefined = TokenRoles(rawValue: 8)
  static let byte = TokenRoles(rawValue: 16)

  /// Roles that text must not bring about by itself.
  static let guarded: TokenRoles = [.unknown, .control]
  /// Roles that are searched for before tokenizing and spelt as they are.
  static let special: TokenRoles = [.unknown, .control, .userDefined]

  init(rawValue: UInt8) { self.rawValue = rawValue }

  /// The role of a raw `tokenizer.ggml.token_type`; unused and unheard-of types have none.
  init(kind: Int) {
    switch TokenKind(rawValue: kind) {
    case .normal: self = .normal
    case .unknown: self = .unknown
    case .control: self = .control
    case .userDefined: self = .userDefined
    case .byte: self = .byte
    case .unused, nil: self = []
    }
  }
}

/// How normal tokens are spelt.
enum Spelling: Sendable {
  /// SentencePiece: U+2581 stands for a space.
  case sentencePiece
  /// Byte-level: each character of `ByteAlphabet` stands for a byte.
  case byteLevel
}

/// The checked tokens of a vocabulary, by id.
struct Vocabulary: Sendable {
  let spelling: Spelling
  let texts: PackedStrings
  /// SentencePiece's priorities; empty when the file has none, which means that all are zero.
  let scores: [Float]
  var roles: [TokenRoles]
  /// The length in bytes of the longest token.
  let longestText: Int
  private let index: TextIndex

  var count: Int { texts.count }

  init(_ description: TokenizerDescription, spelling: Spelling) throws(TokenizerError) {
    let texts = description.tokens
    if texts.count == 0 { throw .emptyVocabulary }
    if texts.count >= Int(Int32.max) { throw .tooMany(key: "tokens", count: texts.count) }
    if let scores = description.scores {
      if scores.count != texts.count {
        throw .countMismatch(key: "scores", count: scores.count, tokens: texts.count)
      }
      if let token = scores.firstIndex(where: \.isNaN) { throw .scoreNotANumber(token: token) }
    }
    if let kinds = description.kinds, kinds.count != texts.count {
      throw .countMismatch(key: "token_type", count: kinds.count, tokens: texts.count)
    }
    var duplicate: (first: Int, second: Int)?
    index = TextIndex(texts) { first, second in duplicate = duplicate ?? (first, second) }
    if let duplicate {
      throw .duplicateToken(
        text: Self.readable(texts[duplicate.first]), first: duplicate.first, second: duplicate.second)
    }
    self.spelling = spelling
    self.texts = texts
    scores = description.scores ?? []
    roles =
      description.kinds?.map(TokenRoles.init(kind:)) ?? [TokenRoles](repeating: .normal, count: texts.count)
    longestText = (0..<texts.count).reduce(0) { max($0, texts.range(of: $1).count) }
    try checkSpellings()
  }

  /// The id of the token spelt `text`, or -1.
  func id(of text: Span<UInt8>) -> Int32 {
    guard text.count <= longestText, let id = index.index(of: text) else { return -1 }
    return Int32(id)
  }

  /// The id of the token spelt `text`, or -1.
  func id(of text: [UInt8]) -> Int32 { id(of: text.span) }

  /// The id of the token spelt `text`, or -1; looks first whether it is `guess`, which spares the search.
  func id(of text: Span<UInt8>, guess: Int32) -> Int32 {
    if 0..<count ~= Int(guess), texts.equal(Int(guess), text) { return guess }
    return id(of: text)
  }

  /// The score of a token.
  func score(of id: Int32) -> Float { scores.isEmpty ? 0 : scores[Int(id)] }

  /// Appends the bytes that token `id` stands for in running text. Control and unknown tokens stand
  /// for nothing unless `special`, which shows them as they are spelt.
  func appendPiece(of id: Int, special: Bool, to output: inout [UInt8]) {
    guard roles.indices.contains(id) else { return }
    let roles = roles[id]
    if !special && !roles.isDisjoint(with: .guarded) { return }
    if !roles.isDisjoint(with: .special) {
      output.append(contentsOf: texts[id])
    } else if roles.contains(.byte) {
      if let byte = Self.byte(spelt: texts[id]) { output.append(byte) }
    } else if roles.contains(.normal) {
      switch spelling {
      case .sentencePiece: EscapedSpace.unescape(texts[id], into: &output)
      case .byteLevel: ByteAlphabet.decode(texts[id], into: &output)
      }
    }
  }

  /// Byte tokens must be bytes, and normal tokens of a byte-level vocabulary must spell bytes.
  private func checkSpellings() throws(TokenizerError) {
    for id in 0..<count {
      if roles[id].contains(.byte) && Self.byte(spelt: texts[id]) == nil {
        throw .notAByte(token: id, text: Self.readable(texts[id]))
      }
      if spelling == .byteLevel && roles[id] == .normal && !ByteAlphabet.spells(texts[id]) {
        throw .outsideByteAlphabet(token: id, text: Self.readable(texts[id]))
      }
    }
  }

  /// The byte that `<0xNN>` stands for.
  private static func byte(spelt text: ArraySlice<UInt8>) -> UInt8? {
    guard text.count == 6, text.starts(with: "<0x".utf8), text.last == UInt8(ascii: ">") else { return nil }
    let digits = text.dropFirst(3).prefix(2)
    guard digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }) else { return nil }
    return UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
  }

  /// Bytes as a message can show them: not too long.
  static func readable(_ bytes: some Collection<UInt8>) -> String {
    let shown = String(decoding: bytes.prefix(80), as: UTF8.self)
    return bytes.count > 80 ? shown + "…" : shown
  }
}

/// SentencePiece's stand-in for the space, U+2581 (lower one eighth block).
enum EscapedSpace {
  static let bytes: [UInt8] = [0xE2, 0x96, 0x81]

  /// Appends `text` to `output` with each space replaced.
  static func escape(_ text: ArraySlice<UInt8>, into output: inout [UInt8]) {
    for byte in text {
      if byte == UInt8(ascii: " ") { output.append(contentsOf: bytes) } else { output.append(byte) }
    }
  }

  /// Appends `text` to `output` with the spaces put back.
  static func unescape(_ text: ArraySlice<UInt8>, into output: inout [UInt8]) {
    var index = text.startIndex
    while index < text.endIndex {
      if text[index] == bytes[0], text[index...].starts(with: bytes) {
        output.append(UInt8(ascii: " "))
        index += bytes.count
      } else {
        output.append(text[index])
        index += 1
      }
    }
  }
}
