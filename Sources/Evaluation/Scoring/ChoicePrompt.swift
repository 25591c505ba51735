// From a choice question to the tokens a model is asked with, and those of each option behind them.
import Common
import Generation
import Model
import Text

/// What of an option is scored.
public enum ChoiceStyle: String, Sendable, CaseIterable {
  /// The options stand in the prompt, and the likelihood is that of a letter behind it.
  case letter
  /// The options do not stand in the prompt, and the likelihood is that of an option's whole text behind it.
  case text
  /// The options stand in the prompt, and an answer is generated whose first letter counts.
  case generated
}

/// A choice question as tokens.
public struct ChoiceTokens: Sendable, Equatable {
  /// What all options stand behind.
  public let prompt: [Int32]
  /// Each option's tokens, never none.
  public let options: [[Int32]]
  /// The characters of each option's text, by which its likelihood is divided to be length-normalized.
  public let characters: [Int]

  /// Tokens of the prompt with the longest option.
  public var length: Int { prompt.count + (options.map(\.count).max() ?? 0) }
}

/// Makes the prompts of choice questions for one model.
public struct ChoicePrompt {
  private let prompts: PromptBuilder
  private let tokenizer: Tokenizer
  private let style: ChoiceStyle
  private let shots: [TaskItem]
  /// The day that templates print, the same on all days.
  private static let day = LocalTime(year: 2024, month: 1, day: 1)

  /// Prompts for `checkpoint` in `style`, with the answered questions `shots` before each question. A model with a
  /// chat template, its own or `template`, is asked through it.
  public init(
    _ checkpoint: Checkpoint, template: ChatTemplate? = nil, style: ChoiceStyle, shots: [TaskItem] = []
  ) throws(TemplateError) {
    prompts = try PromptBuilder(checkpoint, template: template)
    tokenizer = checkpoint.tokenizer
    self.style = style
    self.shots = shots
  }

  /// The tokens of `item`, a choice question.
  public func tokens(_ item: TaskItem) throws(PromptError) -> ChoiceTokens {
    let options = item.options
    let isChat = prompts.template != nil
    let words = ChoiceWords(JudgedLanguage(of: item.question + (options.first?.text ?? "")))
    let continuations = options.map { (isChat ? "" : words.space) + (style == .text ? $0.text : $0.letter) }
    let characters = options.map { $0.text.unicodeScalars.count }
    let text = self.text(item, words)
    if isChat {
      let prompt = try prompts.tokens([ChatMessage(role: "user", content: text)], now: ChoicePrompt.day)
      let tails = try continuations.map { tail throws(PromptError) in
        try tokenizer.encode(tail, parseSpecial: false, addBeginning: false).nonEmpty()
      }
      return ChoiceTokens(prompt: prompt, options: tails, characters: characters)
    }
    // Prompt and option are tokenized in one piece, as the model has seen text; where a token holds the end of the
    // one and the beginning of the other, it is the option's.
    let prompt = try tokenizer.opening(text).nonEmpty()
    let whole = try continuations.map { tail throws(PromptError) in try tokenizer.opening(text + tail).nonEmpty() }
    let shared = whole.reduce(prompt.count) { shared, tokens in
      min(shared, prompt.commonPrefixLength(tokens), tokens.count - 1)
    }
    return ChoiceTokens(
      prompt: try Array(prompt[..<shared]).nonEmpty(), options: whole.map { Array($0[shared...]) },
      characters: characters)
  }

  /// The tokens an answer to `item` is generated from.
  public func generationPrompt(_ item: TaskItem) throws(PromptError) -> [Int32] {
    let words = ChoiceWords(JudgedLanguage(of: item.question + (item.options.first?.text ?? "")))
    let text = self.text(item, words)
    guard prompts.template == nil else {
      return try prompts.tokens([ChatMessage(role: "user", content: text)], now: ChoicePrompt.day)
    }
    return try tokenizer.opening(text).nonEmpty()
  }

  private func text(_ item: TaskItem, _ words: ChoiceWords) -> String {
    let isChat = prompts.template != nil
    let examples = shots.map { block($0, words) + words.space + answer($0) + "\n\n" }.joined()
    let question = block(item, words)
    guard isChat else { return examples + question }
    let opening = words.answer
    let asked = question.hasSuffix(opening) ? String(question.dropLast(opening.count)) : question
    return (style == .text ? "" : words.instruction + "\n\n") + examples + asked.trimmedAtEnd
  }

  private func block(_ item: TaskItem, _ words: ChoiceWords) -> String {
    let passage = item.passage.isEmpty ? "" : words.passage + item.passage + "\n"
    let list = style == .text ? "" : item.options.map { "\($0.letter). \($0.text)\n" }.joined()
    return passage + words.question + item.question + "\n" + list + words.answer
  }

  /// What an answered example says.
  private func answer(_ item: TaskItem) -> String {
    guard style == .text else { return item.keys.joined() }
    return item.options.filter { item.keys.contains($0.letter) }.map(\.text).joined(separator: "; ")
  }
}

extension TaskItem {
  /// The options of a choice question.
  public var options: [ChoiceOption] {
    if case .choice(let options, _) = content { options } else { [] }
  }

  /// The keyed letters of a choice question.
  public var keys: [String] {
    if case .choice(_, let keys) = content { keys } else { [] }
  }

  /// The answer that is expected in words.
  public var reference: String {
    if case .open(let reference) = content { reference } else { "" }
  }
}

/// The words around a question.
private struct ChoiceWords {
  let passage, question, answer, space, instruction: String

  init(_ language: JudgedLanguage) {
    switch language {
    case .chinese:
      (passage, question, answer, space) = ("材料：", "题目：", "答案：", "")
      instruction = "请回答下面的选择题，只写正确选项的字母。"
    case .english:
      (passage, question, answer, space) = ("Passage: ", "Question: ", "Answer:", " ")
      instruction = "Answer the following multiple choice question with the letter of the right option only."
    }
  }
}

extension String {
  /// Without white space at its end.
  fileprivate var trimmedAtEnd: String {
    guard let last = unicodeScalars.lastIndex(where: { !$0.properties.isWhitespace }) else { return "" }
    return String(unicodeScalars[...last])
  }
}
