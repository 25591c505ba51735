// Answering one prompt: the loop from logits to token to text, and why it ended.
import Glibc
import Model
import Text

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

  /// The defaults.
  public init() {}
}

/// An answer and how it came about.
public struct Answer: Sendable {
  /// The text, as it was streamed.
  public var text: String
  /// Why it ended.
  public var finish: Finish
  /// Tokens of the prompt.
  public var promptTokens: Int
  /// Tokens of the prompt that were in the cache already.
  public var reusedTokens: Int
  /// The answer's tokens, an end token left out.
  public var tokens: [Int32]
  /// Each token's log-probability under the unchanged logits, where they were asked for.
  public var logProbabilities: [Double]
  /// Seconds until the prompt was read.
  public var promptSeconds: Double
  /// Seconds from then to the end.
  public var answerSeconds: Double
  /// The seed in use.
  public var seed: UInt64
}

/// Generates answers in a session.
public struct Generator {
  private let session: Session
  private let options: GenerationOptions
  private var tokenizer: Tokenizer { session.model.checkpoint.tokenizer }

  /// A generator for `session` with `options`.
  public init(session: Session, options: GenerationOptions) {
    self.session = session
    self.options = options
  }

  /// Answers `prompt`. `receive` gets text as it becomes certain, in whole characters.
  public func answer(
    _ prompt: [Int32], progress: (_ done: Int, _ total: Int) -> Void = { _, _ in },
    isCancelled: () -> Bool = { false }, receive: (String) throws -> Void
  ) throws -> Answer {
    guard prompt.count < session.context else {
      throw ContextExceeded(tokens: prompt.count, available: session.context - 1)
    }
    session.recall(prompt)
    var answer = Answer(
      text: "", finish: .end, promptTokens: prompt.count, reusedTokens: session.reusable(of: prompt), tokens: [],
      logProbabilities: [], promptSeconds: 0, answerSeconds: 0, seed: options.sampling.seed)
    let start = monotonicSeconds()
    var logits: [Float]
    do {
      logits = try session.advance(to: prompt, progress: progress, isCancelled: isCancelled)
    } catch is Interrupted {
      answer.finish = .interrupted
      answer.promptSeconds = monotonicSeconds() - start
      return answer
    }
    answer.promptSeconds = monotonicSeconds() - start
    try generate(after: prompt, &logits, into: &answer, isCancelled: isCancelled, receive: receive)
    answer.answerSeconds = monotonicSeconds() - start - answer.promptSeconds
    session.remember(prompt)
    return answer
  }

  private func generate(
    after prompt: [Int32], _ logits: inout [Float], into answer: inout Answer, isCancelled: () -> Bool,
    receive: (String) throws -> Void
  ) throws {
    var sampler = Sampler(options.sampling)
    var stream = AnswerStream(stops: options.stops)
    func show(_ text: String) throws {
      guard !text.isEmpty else { return }
      answer.text += text
      try receive(text)
    }
    while true {
      if let finish = limit(answer, prompt: prompt.count, isCancelled: isCancelled) {
        answer.finish = finish
        break
      }
      let token = sampler.choose(logits, answered: answer.tokens)
      if tokenizer.endTokens.contains(Int(token)) { break }
      if options.keepsLogProbabilities {
        answer.logProbabilities.append(Double(logits[Int(token)]) - LogProbabilities.logSumExp(logits))
      }
      answer.tokens.append(token)
      try show(stream.append(tokenizer.bytes(of: Int(token))))
      if stream.isStopped {
        answer.finish = .stop
        return
      }
      if Repetition.isLoop(answer.tokens) {
        answer.finish = .repetition
        break
      }
      guard limit(answer, prompt: prompt.count, isCancelled: { false }) == nil else { continue }
      logits = try session.advance(to: prompt + answer.tokens)
    }
    try show(stream.finish())
    if stream.isStopped { answer.finish = .stop }
  }

  private func limit(_ answer: Answer, prompt: Int, isCancelled: () -> Bool) -> Finish? {
    if isCancelled() { return .interrupted }
    if answer.tokens.count >= options.maxTokens { return .length }
    if prompt + answer.tokens.count >= session.context { return .context }
    return nil
  }
}

/// Recognizes an answer that goes round in circles.
enum Repetition {
  /// Whether the answer's end is the same run of up to 64 tokens again and again: at least four times and over at
  /// least 48 tokens.
  static func isLoop(_ tokens: [Int32]) -> Bool {
    for period in 1...64 {
      let span = max(4 * period, 48)
      guard tokens.count >= span else { continue }
      let last = tokens.count - 1
      if (0..<span - period).allSatisfy({ tokens[last - $0] == tokens[last - $0 - period] }) { return true }
    }
    return false
  }
}

/// Seconds of a clock that only goes forward.
func monotonicSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
