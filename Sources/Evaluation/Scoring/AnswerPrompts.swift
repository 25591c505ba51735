// Questions and answers as the tokens a model is asked with, and measured by.
import Common
import Generation
import Model
import Text

/// Makes the tokens of questions and answers as `hypnos finetune` renders them.
public struct AnswerPrompts {
  private static let day = LocalTime(year: 2024, month: 1, day: 1)
  private let prompts: PromptBuilder
  private let tokenizer: Tokenizer

  /// Prompts for `checkpoint` with `template`, or its own.
  public init(_ checkpoint: Checkpoint, template: ChatTemplate? = nil) throws(TemplateError) {
    prompts = try PromptBuilder(checkpoint, template: template)
    tokenizer = checkpoint.tokenizer
  }

  /// Whether questions are asked through a chat template.
  public var isChat: Bool { prompts.template != nil }

  /// The prompt for `question`. A base model without a template goes on behind "Question: … Answer:".
  public func question(_ question: String) throws(PromptError) -> [Int32] {
    guard isChat else { return try tokenizer.opening(AnswerPrompts.frame(question)).nonEmpty() }
    return try prompts.tokens([ChatMessage(role: "user", content: question)], now: AnswerPrompts.day)
  }

  /// `question` and `answer`, of which the tokens of the answer count, up to the token that ends it. They are found as
  /// fine-tuning finds them: where the answered conversation leaves the prompt. Nil when nothing of the answer is left.
  public func answered(_ question: String, _ answer: String) throws(PromptError) -> ScoredTokens? {
    let prompt = try self.question(question)
    var turn: [Int32]
    if isChat {
      let messages = [ChatMessage(role: "user", content: question), ChatMessage(role: "assistant", content: answer)]
      turn = try prompts.tokens(messages, addGenerationPrompt: false, now: AnswerPrompts.day)
    } else {
      let space = JudgedLanguage(of: question) == .chinese ? "" : " "
      turn = tokenizer.opening(AnswerPrompts.frame(question) + space + answer)
    }
    let start = prompt.commonPrefixLength(turn)
    let end = turn[start...].lastIndex { tokenizer.endTokens.contains(Int($0)) }.map { $0 + 1 } ?? turn.count
    guard start > 0, turn[start..<end].contains(where: { !tokenizer.endTokens.contains(Int($0)) }) else { return nil }
    turn = Array(turn[..<end])
    if let last = turn.last, !tokenizer.endTokens.contains(Int(last)), let endOfText = tokenizer.endOfText {
      turn.append(Int32(endOfText))
    }
    return ScoredTokens(tokens: turn, start: start)
  }

  private static func frame(_ question: String) -> String {
    JudgedLanguage(of: question) == .chinese ? "问：\(question)\n答：" : "Question: \(question)\nAnswer:"
  }
}
