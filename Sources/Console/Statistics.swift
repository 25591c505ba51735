// Tokens and seconds of the answers so far, for `/stats`.
import Common

/// What was read and generated since the start.
struct Statistics: Equatable, Sendable {
  private(set) var last: AnswerSummary?
  private(set) var answers = 0
  private(set) var promptTokens = 0
  private(set) var answerTokens = 0
  private(set) var promptSeconds = 0.0
  private(set) var answerSeconds = 0.0

  /// Counts an answer; of its prompt only the tokens that were computed.
  mutating func add(_ summary: AnswerSummary) {
    last = summary
    answers += 1
    promptTokens += summary.readTokens
    answerTokens += summary.answerTokens
    promptSeconds += summary.promptSeconds
    answerSeconds += summary.answerSeconds
  }

  /// The lines that `/stats` shows.
  var lines: [String] {
    guard let last else { return ["No answer yet."] }
    let drafts =
      last.draftedTokens == 0
      ? []
      : ["             \(grouped(last.acceptedTokens)) of \(counted(last.draftedTokens, "drafted token")) came true"]
    let totals = Statistics.speed(promptTokens, promptSeconds, answerTokens, answerSeconds)
    return [
      "Last answer: \(Statistics.speed(last.readTokens, last.promptSeconds, last.answerTokens, last.answerSeconds))",
      "             \(grouped(last.reusedTokens)) of \(counted(last.promptTokens, "prompt token")) were "
        + "still in the cache; seed \(last.seed); ended by \(last.finish.words)",
    ] + drafts + [
      "All \(counted(answers, "answer")): \(totals)"
    ]
  }

  private static func speed(
    _ promptTokens: Int, _ promptSeconds: Double, _ answerTokens: Int, _ answerSeconds: Double
  ) -> String {
    "\(counted(promptTokens, "token")) read in \(oneDecimal(promptSeconds)) s\(rate(promptTokens, promptSeconds)), "
      + "\(grouped(answerTokens)) generated in \(oneDecimal(answerSeconds)) s\(rate(answerTokens, answerSeconds))"
  }

  private static func rate(_ tokens: Int, _ seconds: Double) -> String {
    seconds > 0 && tokens > 0 ? " (\(oneDecimal(Double(tokens) / seconds)) a second)" : ""
  }
}

extension FinishReason {
  /// The reason in words that follow "ended by".
  var words: String {
    switch self {
    case .endOfText: "the model"
    case .stopString: "a stop string"
    case .tokenLimit: "max-tokens"
    case .contextFull: "a full context"
    case .repetition: "repetition"
    case .cancelled: "Ctrl-C"
    }
  }
}
