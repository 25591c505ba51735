// From a pair to the tokens a judge sees, one prompt for each aspect. They differ in their last words alone, so that
// what comes before is computed once.
import Generation
import Model
import Text

/// How a judge is asked.
public enum JudgeStyle: String, Sendable, CaseIterable {
  /// Through the chat template.
  case chat
  /// As a base model, which goes on behind judged examples.
  case examples
}

/// Makes the prompts of one judge.
struct JudgePrompts {
  /// The day that templates print, the same for all pairs on all days.
  private static let day = LocalTime(year: 2024, month: 1, day: 1)

  let style: JudgeStyle
  private let prompts: PromptBuilder
  private let tokenizer: Tokenizer
  private let scores: [JudgedLanguage: ScoreTokens]

  init(_ checkpoint: Checkpoint, template: ChatTemplate?, style: JudgeStyle?) throws {
    prompts = try PromptBuilder(checkpoint, template: template)
    tokenizer = checkpoint.tokenizer
    self.style = style ?? (prompts.template == nil ? .examples : .chat)
    let model = (checkpoint.file.files.first.map { $0.path + ": " } ?? "") + checkpoint.name
    guard self.style == .examples || prompts.template != nil else {
      throw JudgeError.noTemplate(model: model)
    }
    var scores: [JudgedLanguage: ScoreTokens] = [:]
    for language in JudgedLanguage.allCases {
      let text = JudgeText.of(language)
      // The end of an aspect's line for a base model; a chat model's answer has an opening of its own.
      let opening = self.style == .chat ? text.opening : ")" + text.colon.filter { $0 != " " }
      guard let found = ScoreTokens(opening: opening, space: text.space, tokenizer: tokenizer) else {
        throw JudgeError.noScores(model: model)
      }
      scores[language] = found
    }
    self.scores = scores
  }

  /// The scores as this judge writes them.
  func scores(_ language: JudgedLanguage) -> ScoreTokens? { scores[language] }

  /// The prompt for one mark, up to where the score begins.
  func tokens(_ pair: JudgedPair, _ aspect: JudgedAspect) throws(PromptError) -> [Int32] {
    let text = JudgeText.of(pair.language)
    let opening = scores[pair.language]?.opening ?? []
    switch style {
    case .chat:
      let message = ChatMessage(role: "user", content: text.question(pair, aspect))
      return try prompts.tokens([message], now: JudgePrompts.day) + opening
    case .examples:
      // The line ends in the opening of the scores, whose tokens are known.
      let line = text.line(aspect)
      let cut = line.lastIndex(of: ")") ?? line.endIndex
      let whole = text.beginning + text.entry(question: pair.question, answer: pair.answer) + line[..<cut]
      return tokenizer.opening(whole) + opening
    }
  }
}
