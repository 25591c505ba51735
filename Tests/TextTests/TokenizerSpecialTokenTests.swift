// Special tokens: when text turns into them, how they are shown, and which end an answer.

import Testing

@testable import Text

@Suite struct TokenizerSpecialTokenTests {
  /// A vocabulary of single letters and the given special tokens, from id 3 on.
  private func tokenizer(_ special: [(text: String, kind: TokenKind)]) throws -> Tokenizer {
    let letters = ["<unk>", "<s>", "</s>"]
    let alphabet = "abcdefghijklmnopqrstuvwxyz<>[]!|_".map(String.init)
    return try Tokenizer(
      TokenizerDescription(
        model: "llama",
        tokens: PackedStrings((letters + special.map(\.text) + alphabet).map(\.utf8)),
        kinds: [2, 3, 3] + special.map(\.kind.rawValue) + alphabet.map { _ in 1 }, addSpacePrefix: false))
  }

  private func texts(_ tokenizer: Tokenizer, _ text: String, parseSpecial: Bool = true) -> [String] {
    tokenizer.encode(text, parseSpecial: parseSpecial, addBeginning: false).map {
      String(decoding: tokenizer.text(of: Int($0)), as: UTF8.self)
    }
  }

  @Test func theLongestGoesFirstWhereverItIs() throws {
    let tokenizer = try tokenizer([("[ab]", .userDefined), ("[ab]cd", .userDefined), ("]cde", .userDefined)])
    #expect(texts(tokenizer, "[ab]") == ["[ab]"])
    #expect(texts(tokenizer, "[ab]cd[ab]c") == ["[ab]cd", "[ab]", "c"])
    // The longer token wins over one that begins earlier.
    #expect(texts(tokenizer, "[ab]cde") == ["[ab]cd", "e"])
    let overlapping = try self.tokenizer([("ab", .userDefined), ("abcd", .userDefined), ("bcdefg", .userDefined)])
    #expect(texts(overlapping, "abcdefg") == ["a", "bcdefg"])
    #expect(texts(overlapping, "abcdef") == ["abcd", "e", "f"])
    #expect(texts(overlapping, "ababcdab") == ["ab", "abcd", "ab"])
  }

  /// A token whose place is taken by a longer one gives way to a shorter one with the same beginning.
  @Test func aShorterTokenTakesWhatIsLeft() throws {
    let tokenizer = try tokenizer([("aab", .userDefined), ("aa", .userDefined), ("bbbb", .userDefined)])
    #expect(texts(tokenizer, "aabbbb") == ["aa", "bbbb"])
    #expect(texts(tokenizer, "aabbb") == ["aab", "b", "b"])
    #expect(texts(tokenizer, "aaaaa") == ["aa", "aa", "a"])
  }

  @Test func controlTokensOnlyWhereAllowed() throws {
    let tokenizer = try tokenizer([("<turn>", .control), ("[note]", .userDefined)])
    #expect(texts(tokenizer, "<turn>[note]") == ["<turn>", "[note]"])
    #expect(
      texts(tokenizer, "<turn>[note]", parseSpecial: false) == ["<", "t", "u", "r", "n", ">", "[note]"])
    #expect(texts(tokenizer, "<s><unk>", parseSpecial: true) == ["<s>", "<unk>"])
    #expect(texts(tokenizer, "<s>", parseSpecial: false) == ["<", "s", ">"])
  }

  @Test func piecesOfSpecialTokens() throws {
    let tokenizer = try tokenizer([("<turn>", .control), ("[note]", .userDefined), ("<pad>", .unused)])
    #expect(tokenizer.bytes(of: 3).isEmpty)
    #expect(tokenizer.bytes(of: 3, special: true).elementsEqual("<turn>".utf8))
    #expect(tokenizer.bytes(of: 4).elementsEqual("[note]".utf8))
    #expect(tokenizer.bytes(of: 5, special: true).isEmpty)
    #expect(tokenizer.bytes(of: 0).isEmpty)
    #expect(tokenizer.bytes(of: 0, special: true).elementsEqual("<unk>".utf8))
    #expect(tokenizer.isControl(3) && !tokenizer.isControl(4) && !tokenizer.isControl(0))
  }

  @Test func idsOutsideTheVocabularyAreNothing() throws {
    let tokenizer = try tokenizer([])
    for id in [-1, tokenizer.vocabularySize, Int.max, Int.min] {
      #expect(tokenizer.bytes(of: id, special: true).isEmpty)
      #expect(tokenizer.text(of: id).isEmpty)
      #expect(!tokenizer.isControl(id))
    }
    #expect(tokenizer.decode([Int32.max, -7], special: true).isEmpty)
  }

  @Test func endTokensByNameAndBySpelling() throws {
    let special: [(String, TokenKind)] = [
      ("<|im_end|>", .control), ("<|eot_id|>", .normal), ("<end_of_turn>", .userDefined), ("<|file_sep|>", .control),
      ("<turn>", .control), ("[PAD]", .normal), ("<fim_prefix>", .normal), ("<stop>", .control),
    ]
    let first = try tokenizer(special)
    // </s> is 2; the special tokens begin at 3.
    #expect(first.endTokens == [2, 3, 4, 5, 6, 8])
    #expect((3...9).allSatisfy(first.isControl))

    var description = VocabularyFixture.sentencePiece.description(model: "llama")
    description.endOfTurn = try VocabularyFixture.sentencePiece.id("</turn>")
    description.otherEndTokens = [try VocabularyFixture.sentencePiece.id("<turn>")]
    #expect(try Tokenizer(description).endTokens == [2, 3, 4])
  }

  /// A token that ends answers is guarded even when its type says it is text.
  @Test func aWellKnownEndIsGuarded() throws {
    let tokenizer = try tokenizer([("<eos>", .userDefined)])
    #expect(texts(tokenizer, "<eos>", parseSpecial: false) == ["<", "e", "o", "s", ">"])
    #expect(texts(tokenizer, "<eos>") == ["<eos>"])
  }

  @Test func beginningAndEndOfText() throws {
    var description = VocabularyFixture.sentencePiece.description(model: "llama")
    description.addEnd = true
    let tokenizer = try Tokenizer(description)
    #expect(tokenizer.beginningOfText == 1 && tokenizer.endOfText == 2 && tokenizer.addsBeginning)
    #expect(tokenizer.encode("", parseSpecial: true) == [1, 2])
    #expect(tokenizer.encode("", parseSpecial: true, addBeginning: false) == [])
    description.addBeginning = false
    description.addEnd = false
    let bare = try Tokenizer(description)
    #expect(bare.encode("", parseSpecial: true) == [])
    #expect(bare.encode("", parseSpecial: true, addBeginning: true) == [1])
    // llama-bpe puts it first by itself, gpt-2 does not.
    #expect(try VocabularyFixture.byteLevelTokenizer("llama-bpe").addsBeginning)
    #expect(try !VocabularyFixture.byteLevelTokenizer("gpt-2").addsBeginning)
  }

  @Test func vocabularyLookups() throws {
    let tokenizer = try VocabularyFixture.sentencePieceTokenizer()
    let tokens = VocabularyFixture.sentencePiece.tokens
    #expect(tokenizer.vocabularySize == tokens.count)
    for (id, token) in tokens.enumerated() {
      #expect(tokenizer.id(of: token) == id)
      #expect(tokenizer.text(of: id).elementsEqual(token.utf8))
    }
    #expect(tokenizer.id(of: "not a token") == nil)
    #expect(tokenizer.id(of: "") == nil)
  }

  @Test func leadingSpaceIsTakenOffOnce() throws {
    let tokenizer = try VocabularyFixture.sentencePieceTokenizer()
    let ids = tokenizer.encode("  a b", parseSpecial: false, addBeginning: false)
    #expect(String(decoding: tokenizer.decode(ids, special: false), as: UTF8.self) == "  a b")
    // After the beginning-of-text token the space is an ordinary one.
    #expect(String(decoding: tokenizer.decode([1] + ids, special: false), as: UTF8.self) == "   a b")
    let unprefixed = try VocabularyFixture.sentencePieceTokenizer(addSpacePrefix: false)
    #expect(String(decoding: unprefixed.decode(ids, special: false), as: UTF8.self) == "   a b")
  }
}
