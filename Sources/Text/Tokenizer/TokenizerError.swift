// Why a description makes no tokenizer. Cases carry the metadata key, the index and the spelling,
// so that whoever made the file can find the place.

/// What is wrong with a `TokenizerDescription`.
public enum TokenizerError: Error, Equatable, Sendable {
  /// `tokenizer.ggml.model` names no tokenizer that is implemented.
  case unknownModel(String)
  /// `tokenizer.ggml.pre` names no pre-tokenizer that is implemented.
  case unknownPreTokenizer(String)
  /// The vocabulary has no tokens.
  case emptyVocabulary
  /// The vocabulary or the list of merges has more entries than ids can number.
  case tooMany(key: String, count: Int)
  /// A list that goes with the vocabulary has another number of entries.
  case countMismatch(key: String, count: Int, tokens: Int)
  /// A special token's id is not in the vocabulary.
  case idOutOfRange(key: String, id: Int, tokens: Int)
  /// The file asks for a token to be added and does not say which.
  case missingToken(flag: String, key: String)
  /// Two tokens are spelt alike.
  case duplicateToken(text: String, first: Int, second: Int)
  /// A score is not a number.
  case scoreNotANumber(token: Int)
  /// A token of the byte kind is not spelt `<0xNN>`.
  case notAByte(token: Int, text: String)
  /// A normal token of a byte-level vocabulary has a character that stands for no byte.
  case outsideByteAlphabet(token: Int, text: String)
  /// A control, unknown or user-defined token is longer than text is searched for.
  case specialTokenTooLong(token: Int, byteCount: Int, limit: Int)
  /// A byte-level vocabulary comes without merges.
  case missingMerges
  /// A merge is not two parts with one space between.
  case malformedMerge(index: Int, text: String)
  /// A part of a merge, or what it makes, is not in the vocabulary.
  case mergeOutsideVocabulary(index: Int, text: String, missing: String)
}

extension TokenizerError: CustomStringConvertible {
  /// What is wrong, where, and what can be done.
  public var description: String {
    switch self {
    case .unknownModel(let name):
      return "tokenizer.ggml.model is '\(name)'; this program knows 'llama' (SentencePiece) and "
        + "'gpt2' (byte-level BPE)"
    case .unknownPreTokenizer(let name):
      return "tokenizer.ggml.pre is '\(name)', which this program does not know; text would be cut "
        + "differently from how the model was trained. Known: "
        + PreTokenizer.names.joined(separator: ", ")
    case .emptyVocabulary:
      return "tokenizer.ggml.tokens is empty: the checkpoint has no vocabulary"
    case .tooMany(let key, let count):
      return "tokenizer.ggml.\(key) has \(count) entries, more than 32-bit ids can number"
    case .countMismatch(let key, let count, let tokens):
      return "tokenizer.ggml.\(key) has \(count) entries for a vocabulary of \(tokens) tokens"
    case .idOutOfRange(let key, let id, let tokens):
      return "tokenizer.ggml.\(key) is \(id), outside the vocabulary of \(tokens) tokens"
    case .missingToken(let flag, let key):
      return "tokenizer.ggml.\(flag) holds, but tokenizer.ggml.\(key) is missing"
    case .duplicateToken(let text, let first, let second):
      return "tokens \(first) and \(second) of the vocabulary are both spelt '\(text)'"
    case .scoreNotANumber(let token):
      return "tokenizer.ggml.scores[\(token)] is not a number"
    case .notAByte(let token, let text):
      return "token \(token) is of type byte, but its text '\(text)' is not of the form <0xNN>"
    case .outsideByteAlphabet(let token, let text):
      return "token \(token), '\(text)', has a character outside the byte alphabet of byte-level BPE"
    case .specialTokenTooLong(let token, let byteCount, let limit):
      return "special token \(token) is \(byteCount) bytes long; the limit is \(limit)"
    case .missingMerges:
      return "tokenizer.ggml.merges is missing, which a 'gpt2' vocabulary needs"
    case .malformedMerge(let index, let text):
      return "tokenizer.ggml.merges[\(index)], '\(text)', is not two parts with one space between"
    case .mergeOutsideVocabulary(let index, let text, let missing):
      return "tokenizer.ggml.merges[\(index)], '\(text)', needs '\(missing)', which is not in the vocabulary"
    }
  }
}
