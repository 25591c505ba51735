// What answers are made with, and what is known of one when it has ended.

/// Why an answer ended.
public enum Finish: String, Sendable {
  /// The model gave one of its end tokens.
  case end
  /// One of the stop strings came up.
  case stop
  /// The limit on the number of tokens was reached.
  case length
  /// The context is full.
  case context
  /// The model fell into repeating itself.
  case repetition
  /// It was interrupted.
  case interrupted
}

/// What to generate with.
public struct GenerationOptions: Sendable, Equatable {
  /// How tokens are chosen.
  public var sampling = SamplingOptions()
  /// The most tokens an answer has.
  public var maxTokens = 1024
  /// Strings that end the answer and are not part of it.
  public var stops: [String] = []
  /// Whether each token's log-probability is kept.
  public var keepsLogProbabilities = false
  /// Whether tokens are drafted from what the prompt and the answer say already; the answer is the same either way.
  public var speculates = true

  /// The defaults.
  public init() {}
}

/// An answer and how it came about.
public struct Answer: Sendable {
  /// The text, as it was streamed.
  public internal(set) var text = ""
  /// Why it ended.
  public internal(set) var finish = Finish.end
  /// Tokens of the prompt.
  public let promptTokens: Int
  /// Tokens of the prompt that were in the cache already.
  public let reusedTokens: Int
  /// Tokens of the prompt that were computed: the others, unless it was interrupted meanwhile.
  public internal(set) var readTokens: Int
  /// The answer's tokens, an end token left out.
  public internal(set) var tokens: [Int32] = []
  /// Each token's log-probability under the unchanged logits, where they were asked for.
  public internal(set) var logProbabilities: [Double] = []
  /// Tokens that were drafted for it.
  public internal(set) var draftedTokens = 0
  /// How many of the drafted tokens turned out to be the answer's.
  public internal(set) var acceptedTokens = 0
  /// Seconds until the prompt was read.
  public internal(set) var promptSeconds = 0.0
  /// Seconds from then to the end.
  public internal(set) var answerSeconds = 0.0
  /// The seed in use.
  public let seed: UInt64
}
