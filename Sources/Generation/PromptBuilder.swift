// From a conversation to the tokens of a prompt: the chat template makes the text, the tokenizer the tokens. Only
// the template's own text may hold special tokens: what a person wrote stays plain text, whatever it looks like.
import Model
import Text

/// Why no prompt could be made.
public enum PromptError: Error, CustomStringConvertible {
  /// A base model without a template.
  case noTemplate(model: String)
  /// The template refused the conversation.
  case template(TemplateError)
  /// A message holds the text of a special token, and the template changes the message so that the two cannot be
  /// told apart.
  case specialTokenInMessage(String)
  /// The prompt has no tokens at all.
  case empty

  /// What happened and what to do.
  public var description: String {
    switch self {
    case .noTemplate(let model):
      return "\(model) is a base model without a chat template: it continues text and does not answer. To ask it all "
        + "the same, choose a template with --template NAME or --template FILE; names are "
        + ChatTemplate.builtInNames.joined(separator: ", ")
    case .template(let error): return "\(error)"
    case .specialTokenInMessage(let token):
      return "the message contains \"\(token)\", a special token of this model; take it out"
    case .empty: return "the prompt is empty"
    }
  }
}

/// Makes prompts for one checkpoint.
public struct PromptBuilder {
  let tokenizer: Tokenizer
  /// The template in use; nil for a base model.
  public let template: ChatTemplate?
  private let modelName: String

  /// A builder with `template`, or the checkpoint's own where that is nil.
  public init(_ checkpoint: Checkpoint, template: ChatTemplate? = nil) throws(TemplateError) {
    tokenizer = checkpoint.tokenizer
    modelName = checkpoint.name
    if let template {
      self.template = template
    } else if let source = checkpoint.templateSource {
      self.template = try ChatTemplate(source: source, name: checkpoint.path)
    } else {
      self.template = nil
    }
  }

  /// The text of the prompt, special tokens as the template writes them. It ends with what opens an answer if
  /// `addGenerationPrompt`; `now` is the moment for templates that print one.
  public func text(
    _ messages: [ChatMessage], addGenerationPrompt: Bool = true, now: LocalTime = .current()
  ) throws(PromptError) -> String {
    guard let template else { throw .noTemplate(model: modelName) }
    do {
      return try template.render(
        messages: messages, addGenerationPrompt: addGenerationPrompt, variables: PromptBuilder.variables(tokenizer),
        now: now)
    } catch {
      throw .template(error)
    }
  }

  /// What templates know of the tokenizer.
  public static func variables(_ tokenizer: Tokenizer) -> [String: TemplateValue] {
    var variables: [String: TemplateValue] = [:]
    let end = tokenizer.endOfText
    for (name, id) in [("bos_token", tokenizer.beginningOfText), ("eos_token", end)] {
      variables[name] = .string(id.map { String(decoding: tokenizer.text(of: $0), as: UTF8.self) } ?? "")
    }
    return variables
  }

  /// The prompt's tokens; see `text` for the arguments.
  public func tokens(
    _ messages: [ChatMessage], addGenerationPrompt: Bool = true, now: LocalTime = .current()
  ) throws(PromptError) -> [Int32] {
    func render(_ messages: [ChatMessage]) throws(PromptError) -> String {
      try self.text(messages, addGenerationPrompt: addGenerationPrompt, now: now)
    }
    let text = Array(try render(messages).utf8)
    var ids: [Int32] = []
    var start = 0
    for range in try plainRanges(of: messages, in: text, render: render) {
      ids += tokenizer.encode(Array(text[start..<range.lowerBound]), parseSpecial: true, addBeginning: false)
      ids += tokenizer.encode(Array(text[range]), parseSpecial: false, addBeginning: false)
      start = range.upperBound
    }
    ids += tokenizer.encode(Array(text[start...]), parseSpecial: true, addBeginning: false)
    if tokenizer.addsBeginning, let first = tokenizer.beginningOfText, ids.first != Int32(first) {
      ids.insert(Int32(first), at: 0)
    }
    return try ids.nonEmpty()
  }
}

extension [Int32] {
  /// The tokens, of which there must be some; a vocabulary that lacks single bytes may make none of a text.
  package func nonEmpty() throws(PromptError) -> [Int32] {
    guard !isEmpty else { throw .empty }
    return self
  }
}
