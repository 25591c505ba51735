// What a model is told when it is to write a question or an answer. A chat model is asked; a base model is shown
// examples and goes on behind them.
import Crypto
import Evaluation
import Generation
import Model
import Text
import Training

/// How a model is made to write.
public enum InstructStyle: String, Sendable, CaseIterable {
  /// Through the chat template.
  case chat
  /// As a base model, which goes on behind examples.
  case examples
}

/// The words of one language.
struct InstructText {
  let questions: String
  let chatQuestion: String
  let chatPassageQuestion: String
  let chatAnswer: String
  let answers: String
  let questionLabel, answerLabel, passageLabel: String

  static func of(_ language: JudgedLanguage) -> InstructText { language == .chinese ? chinese : english }

  /// A digest of everything that prompts are made of; rows made from other words can be told by it.
  static var digest: String {
    RunIdentity.digest(
      of: [english, chinese].map { text in
        [
          text.questions, text.chatQuestion, text.chatPassageQuestion, text.chatAnswer, text.answers,
          text.questionLabel,
          text.answerLabel, text.passageLabel,
        ].joined(separator: "\n")
      }.joined(separator: "\n"))
  }

  private static let english = InstructText(
    questions: "A list of different questions, each on its own line:",
    chatQuestion: "Here are some questions. Write one new question of the same kind about something else, in English. "
      + "Reply with the question alone.",
    chatPassageQuestion: "Read the text and write one question, in English, that it answers. The question must be "
      + "clear to someone who does not see the text. Reply with the question alone.",
    chatAnswer: "Read the text and answer the question from it, in English, in a few sentences.",
    answers: "Questions and their answers:", questionLabel: "Question:", answerLabel: "Answer:", passageLabel: "Text:")

  private static let chinese = InstructText(
    questions: "下面是一些各不相同的问题，每行一个：", chatQuestion: "下面是一些问题。请用中文写一个内容不同的同类新问题，只回复这个问题。",
    chatPassageQuestion: "请阅读下面的资料，用中文提出一个能由它回答的问题。没有看过资料的人也应能看懂这个问题。只回复这个问题。",
    chatAnswer: "请阅读下面的资料，并根据它用中文简要回答问题。", answers: "下面是一些问题和回答：", questionLabel: "问题：",
    answerLabel: "回答：", passageLabel: "资料：")
}

/// Makes the prompts of one model.
public struct InstructPrompts {
  /// The day that templates print, the same in all runs.
  private static let day = LocalTime(year: 2024, month: 1, day: 1)
  /// The most characters of a seed's question or answer that an example shows.
  private static let exampleLimit = 400

  /// How the model is made to write.
  public let style: InstructStyle
  private let prompts: PromptBuilder
  private let tokenizer: Tokenizer

  /// Prompts for `checkpoint`. Without a `style`, a model with a chat template, its own or `template`, is asked through
  /// it, and a base model by examples. Throws `PromptError` when a base model is to be asked, and `TemplateError`.
  public init(_ checkpoint: Checkpoint, template: ChatTemplate? = nil, style: InstructStyle? = nil) throws {
    prompts = try PromptBuilder(checkpoint, template: template)
    tokenizer = checkpoint.tokenizer
    self.style = style ?? (prompts.template == nil ? .examples : .chat)
    guard self.style == .examples || prompts.template != nil else {
      throw PromptError.noTemplate(model: checkpoint.name)
    }
  }

  /// A digest of what is said to the model, its template included.
  public var digest: String {
    RunIdentity.digest(
      of: style.rawValue + InstructText.digest + (style == .chat ? prompts.template?.source ?? "" : ""))
  }

  /// What ends a text that a base model goes on with: the line.
  var stops: [String] { style == .examples ? ["\n"] : [] }

  /// Asks for a question like those of `seeds`, about `passage` where there is one; the seeds then have answers.
  func question(
    like seeds: [Seed], about passage: Passage?, language: JudgedLanguage
  ) throws(PromptError) -> [Int32] {
    let text = InstructText.of(language)
    let examples = seeds.map { InstructPrompts.line($0.question) }
    func about(_ passage: String, _ question: String) -> String {
      "\(text.passageLabel)\n\(passage)\n\(text.questionLabel)\(space(language, question))\(question)"
    }
    switch (style, passage) {
    case (.chat, nil):
      return try ask(text.chatQuestion + "\n\n" + examples.map { "- \($0)" }.joined(separator: "\n"))
    case (.chat, let passage?): return try ask("\(text.chatPassageQuestion)\n\n\(text.passageLabel)\n\(passage.text)")
    case (.examples, nil):
      let list = (examples + [""]).enumerated().map { "\($0 + 1).\($1.isEmpty ? "" : " ")\($1)" }
      return try goOn(text.questions + "\n\n" + list.joined(separator: "\n"))
    case (.examples, let passage?):
      // An answer is a text that its question is about.
      let list = zip(seeds, examples).map { about(InstructPrompts.line($0.answer ?? ""), $1) }
      return try goOn((list + [about(passage.text, "")]).joined(separator: "\n\n"))
    }
  }

  /// Asks for the answer to `question`, from `passage` where there is one. `examples` have answers.
  func answer(
    to question: String, from passage: Passage?, examples: [Seed], language: JudgedLanguage
  ) throws(PromptError) -> [Int32] {
    let text = InstructText.of(language)
    guard style == .examples else {
      guard let passage else { return try ask(question) }
      return try ask("\(text.chatAnswer)\n\n\(text.passageLabel)\n\(passage.text)\n\n\(text.questionLabel) \(question)")
    }
    var parts = [text.answers]
    for seed in examples {
      let answer = InstructPrompts.line(seed.answer ?? "")
      parts.append(entry(text, InstructPrompts.line(seed.question), language) + space(language, answer) + answer)
    }
    if let passage { parts.append("\(text.passageLabel)\n\(passage.text)") }
    parts.append(entry(text, question, language))
    return try goOn(parts.joined(separator: "\n\n"))
  }

  private func entry(_ text: InstructText, _ question: String, _ language: JudgedLanguage) -> String {
    "\(text.questionLabel)\(space(language, question))\(question)\n\(text.answerLabel)"
  }

  /// What stands between a label and what it labels; nothing before what the model is to write.
  private func space(_ language: JudgedLanguage, _ text: String) -> String {
    language == .english && !text.isEmpty ? " " : ""
  }

  private func ask(_ text: String) throws(PromptError) -> [Int32] {
    try prompts.tokens([ChatMessage(role: "user", content: text)], now: InstructPrompts.day)
  }

  private func goOn(_ text: String) throws(PromptError) -> [Int32] { try tokenizer.opening(text).nonEmpty() }

  /// `text` on one line, cut where a sentence ends if it is long: an example need not be whole.
  static func line(_ text: String) -> String {
    let words = text.split(whereSeparator: \.isNewline).map { String($0).trimmed }.filter { !$0.isEmpty }
    let line = words.joined(separator: " ")
    guard line.count > exampleLimit else { return line }
    let beginning = line.prefix(exampleLimit)
    let end = beginning.lastIndex { "。！？.!?".contains($0) }
    return String(end.map { beginning[...$0] } ?? beginning)
  }
}
