// Vocabularies and ids for the tokenizer tests. The ids in the fixtures were made with llama.cpp; the
// small vocabularies were trained on a page of text written for the purpose.

import Foundation
import Testing

@testable import Text

/// A text and the ids that llama.cpp gives it.
struct TokenizerCase: Decodable, Sendable {
  let text: String
  /// Special tokens neither added nor recognized.
  let plain: [Int32]
  /// Special tokens added and recognized.
  let special: [Int32]
}

/// A small vocabulary and what it makes of some texts, by the name of the settings.
struct VocabularyFixture: Decodable, Sendable {
  let tokens: [String]
  let scores: [Float]?
  let kinds: [Int]
  let merges: [String]?
  let cases: [String: [TokenizerCase]]

  static let sentencePiece: VocabularyFixture = fixture("sentencepiece.json")
  static let byteLevel: VocabularyFixture = fixture("byte-level.json")

  /// A description with the vocabulary alone.
  func description(model: String, preTokenizer: String? = nil) -> TokenizerDescription {
    TokenizerDescription(
      model: model, preTokenizer: preTokenizer, tokens: PackedStrings(tokens.map(\.utf8)), scores: scores,
      kinds: kinds, merges: merges.map { PackedStrings($0.map(\.utf8)) })
  }

  /// The id of a token, which must exist.
  func id(_ token: String) throws -> Int { try #require(tokens.firstIndex(of: token)) }

  /// The SentencePiece vocabulary with <s>, </s> and <unk> in their usual places.
  static func sentencePieceTokenizer(addSpacePrefix: Bool? = nil) throws -> Tokenizer {
    var description = sentencePiece.description(model: "llama")
    description.addSpacePrefix = addSpacePrefix
    return try Tokenizer(description)
  }

  /// The byte-level vocabulary with its beginning and end of text.
  static func byteLevelTokenizer(_ preTokenizer: String = "gpt-2") throws -> Tokenizer {
    var description = byteLevel.description(model: "gpt2", preTokenizer: preTokenizer)
    description.beginningOfText = try byteLevel.id("<|begin|>")
    description.endOfText = try byteLevel.id("<|im_end|>")
    return try Tokenizer(description)
  }
}

/// Reads a fixture; a test cannot go on without it.
func fixture<Value: Decodable>(_ name: String) -> Value {
  do {
    let folder = try #require(Bundle.module.resourceURL).appending(path: "Fixtures/Tokenizer")
    return try JSONDecoder().decode(Value.self, from: Data(contentsOf: folder.appending(path: name)))
  } catch {
    preconditionFailure("\(name): \(error)")
  }
}

/// The characters that spell bytes in byte-level vocabularies, written down anew: printable bytes
/// of Latin-1 as they are, the others from U+0100 on.
let byteCharacters: [String] = {
  var next: UInt32 = 0x100
  return (UInt32(0)..<256).map { byte in
    if (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || (0xAE...0xFF).contains(byte) {
      return String(Unicode.Scalar(byte).map(Character.init) ?? " ")
    }
    defer { next += 1 }
    return String(Unicode.Scalar(next).map(Character.init) ?? " ")
  }
}()

/// A vocabulary of all bytes and all pairs of bytes, in which words of one or two bytes show where
/// text was cut: the pair (a, b) has id 256 + 256 a + b.
let pairVocabulary: TokenizerDescription = {
  var tokens = byteCharacters
  var merges: [String] = []
  for first in byteCharacters {
    for second in byteCharacters {
      tokens.append(first + second)
      merges.append(first + " " + second)
    }
  }
  return TokenizerDescription(
    model: "gpt2", tokens: PackedStrings(tokens.map(\.utf8)), merges: PackedStrings(merges.map(\.utf8)))
}()
