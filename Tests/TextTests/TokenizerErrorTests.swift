// Descriptions that make no tokenizer, and which error each one is.

import Testing

@testable import Text

@Suite struct TokenizerErrorTests {
  private var sentencePiece: TokenizerDescription {
    TokenizerDescription(
      model: "llama", tokens: PackedStrings(["<unk>", "<s>", "</s>", "a", "b"].map(\.utf8)),
      scores: [0, 0, 0, -1, -2], kinds: [2, 3, 3, 1, 1])
  }

  private func byteLevel(tokens: [String] = ["a", "b", "ab"], merges: [String] = ["a b"]) -> TokenizerDescription {
    TokenizerDescription(
      model: "gpt2", preTokenizer: "gpt-2", tokens: PackedStrings(tokens.map(\.utf8)),
      merges: PackedStrings(merges.map(\.utf8)))
  }

  private func expect(
    _ error: TokenizerError, _ description: TokenizerDescription, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(throws: error, sourceLocation: sourceLocation) { try Tokenizer(description) }
  }

  @Test func theseAreSound() throws {
    _ = try Tokenizer(sentencePiece)
    _ = try Tokenizer(byteLevel())
  }

  @Test func unknownNames() {
    var description = sentencePiece
    description.model = "t5"
    expect(.unknownModel("t5"), description)
    description = byteLevel()
    description.preTokenizer = "qwen3000"
    expect(.unknownPreTokenizer("qwen3000"), description)
    let message = TokenizerError.unknownPreTokenizer("qwen3000").description
    #expect(message.contains("'qwen3000'") && message.contains("smollm, ") && message.contains("deepseek-llm"))
  }

  @Test func counts() {
    var description = sentencePiece
    description.tokens = PackedStrings(bytes: [], ends: [])
    expect(.emptyVocabulary, description)
    description = sentencePiece
    description.scores = [1]
    expect(.countMismatch(key: "scores", count: 1, tokens: 5), description)
    description = sentencePiece
    description.kinds = [Int](repeating: 1, count: 6)
    expect(.countMismatch(key: "token_type", count: 6, tokens: 5), description)
  }

  @Test func idsOutOfRange() {
    let keys: [(String, WritableKeyPath<TokenizerDescription, Int?>)] = [
      ("bos_token_id", \.beginningOfText), ("eos_token_id", \.endOfText), ("eot_token_id", \.endOfTurn),
      ("unknown_token_id", \.unknown), ("seperator_token_id", \.separator), ("padding_token_id", \.padding),
    ]
    for (key, path) in keys {
      for id in [5, -1, Int.max] {
        var description = sentencePiece
        description[keyPath: path] = id
        expect(.idOutOfRange(key: key, id: id, tokens: 5), description)
      }
    }
    var description = sentencePiece
    description.otherEndTokens = [3, 99]
    expect(.idOutOfRange(key: "eom_token_id", id: 99, tokens: 5), description)
  }

  @Test func tokensToAddThatAreMissing() {
    var description = byteLevel()
    description.addBeginning = true
    expect(.missingToken(flag: "add_bos_token", key: "bos_token_id"), description)
    description.addBeginning = nil
    description.addEnd = true
    expect(.missingToken(flag: "add_eos_token", key: "eos_token_id"), description)
  }

  @Test func tokens() {
    var description = sentencePiece
    description.tokens = PackedStrings(["<unk>", "<s>", "</s>", "a", "a"].map(\.utf8))
    expect(.duplicateToken(text: "a", first: 3, second: 4), description)
    description = sentencePiece
    description.scores?[3] = .nan
    expect(.scoreNotANumber(token: 3), description)
    let long = String(repeating: "x", count: 257)
    description = sentencePiece
    description.tokens = PackedStrings(["<unk>", "<s>", "</s>", "a", long].map(\.utf8))
    description.kinds = [2, 3, 3, 1, 4]
    expect(.specialTokenTooLong(token: 4, byteCount: 257, limit: 256), description)
    description.kinds?[4] = 1
    #expect(throws: Never.self) { try Tokenizer(description) }
  }

  @Test(arguments: ["<0x1G>", "<0x1>", "0x1F", "<0X1F>", "<0x1F", "<0x+1>", ""])
  func byteTokens(text: String) throws {
    var description = sentencePiece
    description.kinds?[4] = 6
    description.tokens = PackedStrings(["<unk>", "<s>", "</s>", "a", text].map(\.utf8))
    expect(.notAByte(token: 4, text: text), description)
    description.tokens = PackedStrings(["<unk>", "<s>", "</s>", "a", "<0x1f>"].map(\.utf8))
    #expect(try Tokenizer(description).bytes(of: 4).elementsEqual([0x1F]))
  }

  @Test func byteAlphabet() throws {
    expect(.outsideByteAlphabet(token: 2, text: "a b"), byteLevel(tokens: ["a", "b", "a b"], merges: []))
    expect(.outsideByteAlphabet(token: 0, text: "麻"), byteLevel(tokens: ["麻"], merges: []))
    var description = byteLevel(tokens: ["麻", "a b"], merges: [])
    description.kinds = [3, 4]
    let tokenizer = try Tokenizer(description)
    #expect(tokenizer.encode("a b麻", parseSpecial: true) == [1, 0])
  }

  @Test func merges() {
    for malformed in ["ab", "a  b", " a b", "a b ", "a ", " b", " ", ""] {
      expect(.malformedMerge(index: 1, text: malformed), byteLevel(merges: ["a b", malformed]))
    }
    expect(.mergeOutsideVocabulary(index: 0, text: "c b", missing: "c"), byteLevel(merges: ["c b"]))
    expect(.mergeOutsideVocabulary(index: 0, text: "a c", missing: "c"), byteLevel(merges: ["a c"]))
    expect(.mergeOutsideVocabulary(index: 0, text: "b a", missing: "ba"), byteLevel(merges: ["b a"]))
    var description = byteLevel()
    description.merges = nil
    expect(.missingMerges, description)
  }

  /// Messages name the key and what is there.
  @Test func messages() {
    #expect(
      TokenizerError.mergeOutsideVocabulary(index: 7, text: "a c", missing: "c").description
        == "tokenizer.ggml.merges[7], 'a c', needs 'c', which is not in the vocabulary")
    #expect(
      TokenizerError.idOutOfRange(key: "eos_token_id", id: 9, tokens: 5).description
        == "tokenizer.ggml.eos_token_id is 9, outside the vocabulary of 5 tokens")
  }
}
