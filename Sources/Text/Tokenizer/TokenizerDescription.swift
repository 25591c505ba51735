// What a checkpoint's metadata say about its tokenizer, as they say it: nothing here is checked.
// `Tokenizer.init` does the checking.

/// The type of a token, with the values of GGUF's `tokenizer.ggml.token_type`.
public enum TokenKind: Int, Sendable {
  /// Text; the only kind whose spelling is encoded (U+2581 or the byte alphabet).
  case normal = 1
  /// Stands for what the vocabulary cannot spell.
  case unknown
  /// Structure, such as the beginning of a turn; never produced from text unless the caller allows.
  case control
  /// Text that is always one token, recognized before anything else is tokenized.
  case userDefined
  /// A reserved place in the vocabulary.
  case unused
  /// One byte, spelt `<0xNN>`.
  case byte
}

/// A tokenizer as a checkpoint describes it. The keys are those of the GGUF specification,
/// without their prefix `tokenizer.ggml.`.
public struct TokenizerDescription: Sendable {
  /// `model`: `llama` (SentencePiece) or `gpt2` (byte-level byte-pair encoding).
  public var model: String
  /// `pre`: how byte-level models cut text into words before merging; nil means `default`.
  public var preTokenizer: String?
  /// `tokens`: the spelling of each token, by id.
  public var tokens: PackedStrings
  /// `scores`: SentencePiece's merge priorities, one per token; higher merges first.
  public var scores: [Float]?
  /// `token_type`: raw `TokenKind` values, one per token; nil means that all are normal.
  public var kinds: [Int]?
  /// `merges`: the byte-level pairs `left right`, best first.
  public var merges: PackedStrings?
  /// `bos_token_id`.
  public var beginningOfText: Int?
  /// `eos_token_id`.
  public var endOfText: Int?
  /// `eot_token_id`.
  public var endOfTurn: Int?
  /// `unknown_token_id`.
  public var unknown: Int?
  /// `seperator_token_id` (spelt so in the format).
  public var separator: Int?
  /// `padding_token_id`.
  public var padding: Int?
  /// Further tokens that end an answer, such as `eom_token_id`.
  public var otherEndTokens: [Int]
  /// `add_bos_token`.
  public var addBeginning: Bool?
  /// `add_eos_token`.
  public var addEnd: Bool?
  /// `add_space_prefix`.
  public var addSpacePrefix: Bool?

  /// A description with everything optional left out; see the properties.
  public init(
    model: String, preTokenizer: String? = nil, tokens: PackedStrings, scores: [Float]? = nil,
    kinds: [Int]? = nil, merges: PackedStrings? = nil, beginningOfText: Int? = nil, endOfText: Int? = nil,
    endOfTurn: Int? = nil, unknown: Int? = nil, separator: Int? = nil, padding: Int? = nil,
    otherEndTokens: [Int] = [], addBeginning: Bool? = nil, addEnd: Bool? = nil, addSpacePrefix: Bool? = nil
  ) {
    self.model = model
    self.preTokenizer = preTokenizer
    self.tokens = tokens
    self.scores = scores
    self.kinds = kinds
    self.merges = merges
    self.beginningOfText = beginningOfText
    self.endOfText = endOfText
    self.endOfTurn = endOfTurn
    self.unknown = unknown
    self.separator = separator
    self.padding = padding
    self.otherEndTokens = otherEndTokens
    self.addBeginning = addBeginning
    self.addEnd = addEnd
    self.addSpacePrefix = addSpacePrefix
  }
}
