// Input that is no clean short text: invalid UTF-8, NUL, and long runs that would show an algorithm
// that is not near-linear by never coming to an end.

import Testing

@testable import Text

@Suite struct TokenizerInputTests {
  private static let invalid: [[UInt8]] = [
    [0xFF], [0x80, 0x80], [0xC3], [0xE9, 0xBA], [0xF0, 0x9F, 0x98], [0x61, 0xE9, 0x62], [0xC0, 0x80],
    [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0xFE, 0x0A, 0x61, 0x62, 0xFF],
    Array(0x00...0xFF),
  ]

  @Test(arguments: invalid)
  func sentencePieceKeepsInvalidBytes(bytes: [UInt8]) throws {
    let tokenizer = try VocabularyFixture.sentencePieceTokenizer()
    let ids = tokenizer.encode(bytes, parseSpecial: true, addBeginning: false)
    #expect(tokenizer.decode(ids, special: false) == bytes)
  }

  @Test func sentencePieceBytesAreByteTokens() throws {
    let tokenizer = try VocabularyFixture.sentencePieceTokenizer(addSpacePrefix: false)
    let fixture = VocabularyFixture.sentencePiece
    let ids = tokenizer.encode([0xFF, 0x00, 0xE9], parseSpecial: false, addBeginning: false)
    #expect(try ids.map(Int.init) == ["<0xFF>", "<0x00>", "<0xE9>"].map(fixture.id))
  }

  /// A first byte takes what follows into its character, be it the spelling of a space, which then
  /// stays as it is: the ids are llama.cpp's.
  @Test func sentencePieceCharacterThatTakesASpace() throws {
    let tokenizer = try VocabularyFixture.sentencePieceTokenizer(addSpacePrefix: false)
    let ids = tokenizer.encode([0xFE, 0x20, 0x61], parseSpecial: false, addBeginning: false)
    #expect(tokenizer.decode(ids, special: false) == [0xFE, 0xE2, 0x96, 0x81, 0x61])
  }

  /// Each byte that belongs to no character counts as U+FFFD; overlong spellings and surrogates count
  /// as what they spell.
  @Test func byteLevelReplacesInvalidBytes() throws {
    let tokenizer = try VocabularyFixture.byteLevelTokenizer()
    func text(_ bytes: [UInt8]) -> [UInt8] {
      tokenizer.decode(tokenizer.encode(bytes, parseSpecial: false), special: false)
    }
    #expect(text([0x61, 0xFF, 0x62]) == Array("a\u{FFFD}b".utf8))
    #expect(text([0xE9, 0xBA]) == Array("\u{FFFD}\u{FFFD}".utf8))
    #expect(text([0xF4, 0x90, 0x80, 0x80]) == Array(String(repeating: "\u{FFFD}", count: 4).utf8))
    #expect(text([0xC0, 0x80]) == [0])
    #expect(text([0xED, 0xA0, 0x80]) == [0xED, 0xA0, 0x80])
    for bytes in Self.invalid { #expect(!text(bytes).isEmpty) }
  }

  /// A byte for which there is no token is left out, as llama.cpp does.
  @Test func byteLevelWithoutAByte() throws {
    let tokenizer = try Tokenizer(
      TokenizerDescription(
        model: "gpt2", preTokenizer: "gpt-2", tokens: PackedStrings(["a", "b", "ab"].map(\.utf8)),
        merges: PackedStrings(["a b".utf8])))
    #expect(tokenizer.encode("abcab", parseSpecial: false) == [2, 2])
    #expect(tokenizer.encode("acb", parseSpecial: false) == [0, 1])
  }

  /// A byte without a byte token is the unknown token.
  @Test func sentencePieceWithoutByteTokens() throws {
    let tokenizer = try Tokenizer(
      TokenizerDescription(
        model: "llama", tokens: PackedStrings(["<unk>", "<s>", "</s>", "a"].map(\.utf8)),
        kinds: [2, 3, 3, 1], addSpacePrefix: false))
    #expect(tokenizer.encode("aé", parseSpecial: false) == [1, 3, 0, 0])
  }

  @Test(arguments: ["a", " ", "\n", "麻", "1", "<", "麻醉 a1\n", "\n    ", "[note]"])
  func longRuns(unit: String) throws {
    let text = String(repeating: unit, count: 60_000 / unit.utf8.count)
    var tokenizers = [try VocabularyFixture.sentencePieceTokenizer()]
    for preTokenizer in ["default", "gpt-2", "smollm", "llama-bpe", "qwen2", "deepseek-llm"] {
      tokenizers.append(try VocabularyFixture.byteLevelTokenizer(preTokenizer))
    }
    for tokenizer in tokenizers {
      let ids = tokenizer.encode(text, parseSpecial: true, addBeginning: false)
      #expect(tokenizer.decode(ids, special: false) == Array(text.utf8))
    }
  }

  /// A long run of one byte ends in the longest tokens that the merges reach: here 2, 4 and 8.
  @Test func mergesOfALongRun() throws {
    let tokens = ["a", "aa", "aaaa", "aaaaaaaa"]
    let tokenizer = try Tokenizer(
      TokenizerDescription(
        model: "gpt2", preTokenizer: "gpt-2", tokens: PackedStrings(tokens.map(\.utf8)),
        merges: PackedStrings(["a a", "aa aa", "aaaa aaaa"].map(\.utf8))))
    let ids = tokenizer.encode([UInt8](repeating: 0x61, count: 80_007), parseSpecial: false)
    #expect(ids == [Int32](repeating: 3, count: 10_000) + [2, 1, 0])
  }
}
