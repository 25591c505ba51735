// The ids themselves, against llama.cpp's.

import Testing

@testable import Text

@Suite struct TokenizerIDTests {
  /// Text whose cuts show in the ids, for each family of pre-tokenizers.
  @Test(arguments: ["default", "gpt-2", "smollm", "llama-bpe", "qwen2", "deepseek-llm"])
  func cutsWordsLikeLlamaCpp(preTokenizer: String) throws {
    struct Case: Decodable {
      let text: String
      let ids: [Int32]
    }
    let cases: [String: [Case]] = fixture("boundaries.json")
    var description = pairVocabulary
    description.preTokenizer = preTokenizer
    let tokenizer = try Tokenizer(description)
    for expected in try #require(cases[preTokenizer]) {
      let ids = tokenizer.encode(expected.text, parseSpecial: false)
      #expect(ids == expected.ids, "\(preTokenizer): \(expected.text.debugDescription)")
      #expect(tokenizer.decode(ids, special: false) == Array(expected.text.utf8))
    }
  }

  @Test(arguments: ["gpt-2", "llama-bpe", "deepseek-llm"])
  func byteLevel(preTokenizer: String) throws {
    let tokenizer = try VocabularyFixture.byteLevelTokenizer(preTokenizer)
    try check(tokenizer, VocabularyFixture.byteLevel.cases[preTokenizer])
  }

  @Test func sentencePieceWithSpacePrefix() throws {
    let tokenizer = try VocabularyFixture.sentencePieceTokenizer()
    try check(tokenizer, VocabularyFixture.sentencePiece.cases["prefix"])
  }

  @Test func sentencePieceWithoutSpacePrefix() throws {
    var description = VocabularyFixture.sentencePiece.description(model: "llama")
    description.addSpacePrefix = false
    description.addBeginning = false
    description.addEnd = true
    let tokenizer = try Tokenizer(description)
    try check(tokenizer, VocabularyFixture.sentencePiece.cases["noPrefix"])
  }

  private func check(_ tokenizer: Tokenizer, _ cases: [TokenizerCase]?) throws {
    for expected in try #require(cases) {
      let text = expected.text.debugDescription
      #expect(tokenizer.encode(expected.text, parseSpecial: false, addBeginning: false) == expected.plain, "\(text)")
      #expect(tokenizer.encode(expected.text, parseSpecial: true) == expected.special, "\(text)")
    }
  }

  /// Text survives the way there and back. SentencePiece spells a space with U+2581, so that comes
  /// back as one.
  @Test func decodingUndoesEncoding() throws {
    let sentencePiece = try VocabularyFixture.sentencePieceTokenizer()
    let byteLevel = try VocabularyFixture.byteLevelTokenizer()
    for text in try #require(VocabularyFixture.byteLevel.cases["gpt-2"]).map(\.text) {
      let bytes = Array(text.utf8)
      #expect(byteLevel.decode(byteLevel.encode(text, parseSpecial: true), special: true) == bytes)
      let ids = sentencePiece.encode(text, parseSpecial: false, addBeginning: false)
      let spaced = Array(text.replacing("\u{2581}", with: " ").utf8)
      #expect(sentencePiece.decode(ids, special: false) == spaced)
      let pieces = ids.flatMap { sentencePiece.bytes(of: Int($0)) }
      #expect(text.isEmpty || pieces == [0x20] + spaced)
    }
  }

  /// Names that llama.cpp treats alike cut alike, and each known name can be had.
  @Test func aliasesCutAlike() throws {
    let families = [
      ["gpt-2", "phi-2", "mpt", "olmo", "exaone4"], ["smollm", "starcoder", "refact", "command-r"],
      ["llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral", "dbrx", "smaug-bpe"],
      ["qwen2", "deepseek-r1-qwen", "stablelm2", "megrez"],
    ]
    let text = ScalarText(Array("I'LL give 12345 mg\n\n  of x2y — 麻醉 3.5%".utf8)[...])
    var cuts: Set<[Int]> = []
    for family in families {
      let expected = try #require(PreTokenizer(named: family[0])).wordEnds(in: text)
      for name in family { #expect(PreTokenizer(named: name)?.wordEnds(in: text) == expected) }
      cuts.insert(expected)
    }
    #expect(cuts.count == families.count)
    for name in PreTokenizer.names { #expect(PreTokenizer(named: name) != nil) }
  }

  /// A whole word goes before the merges for llama-bpe, and only there.
  @Test func wholeWordsBeforeMerges() throws {
    let tokens = ["a", "b", "c", "ab", "bc", "abc"]
    // From the left abc becomes ab + c; no merge makes abc.
    let merges = ["a b", "b c"]
    func ids(_ preTokenizer: String) throws -> [Int32] {
      let tokenizer = try Tokenizer(
        TokenizerDescription(
          model: "gpt2", preTokenizer: preTokenizer, tokens: PackedStrings(tokens.map(\.utf8)),
          merges: PackedStrings(merges.map(\.utf8))))
      return tokenizer.encode("abc", parseSpecial: false)
    }
    #expect(try ids("gpt-2") == [3, 2])
    #expect(try ids("dbrx") == [3, 2])
    #expect(try ids("llama-bpe") == [5])
  }

  /// Equal scores go from left to right, higher ones first.
  @Test func scoresOrderTheJoins() throws {
    func ids(_ scores: [Float]) throws -> [Int32] {
      let tokens = ["<unk>", "<s>", "</s>", "a", "b", "c", "ab", "bc"]
      let tokenizer = try Tokenizer(
        TokenizerDescription(
          model: "llama", tokens: PackedStrings(tokens.map(\.utf8)),
          scores: [0, 0, 0, -9, -9, -9] + scores, addSpacePrefix: false))
      return tokenizer.encode("abc", parseSpecial: false, addBeginning: false)
    }
    #expect(try ids([-1, -1]) == [6, 5])
    #expect(try ids([-2, -1]) == [3, 7])
    #expect(try ids([-0.0, 0.0]) == [6, 5])
    #expect(try ids([-1, 1]) == [3, 7])
    #expect(try ids([2, 1]) == [6, 5])
    #expect(try ids([-.infinity, -1e30]) == [3, 7])
  }
}
