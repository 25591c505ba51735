// The conversation as the user sees it: exchanges of a question and its answer, a system prompt, and
// documents that wait to go with the next question. What the model is given is derived from it.

/// A question and its answer.
struct Exchange: Equatable, Sendable {
  /// What the user asked, attached documents included.
  var question: String
  /// What the model answered: the part that came when it was interrupted.
  var answer: String
  /// Why the answer ended.
  var finish: FinishReason
}

/// A file's text that goes with the next question.
public struct Document: Equatable, Sendable {
  /// The name it is shown to the model by.
  public var name: String
  /// The whole text.
  public var text: String

  /// A document called `name`.
  public init(name: String, text: String) {
    self.name = name
    self.text = text
  }

  /// The one message in which `documents` go before `question`, each without the line feeds at its end.
  public static func message(_ question: String, with documents: [Document]) -> String {
    let parts = documents.map { document in
      let end = document.text.lastIndex { !$0.isNewline }.map(document.text.index(after:))
      return "Document \"\(document.name)\":\n\n\(document.text[..<(end ?? document.text.startIndex)])"
    }
    return (parts + [question]).joined(separator: "\n\n")
  }
}

/// Everything said so far.
struct Conversation: Equatable, Sendable {
  var systemPrompt: String?
  var exchanges: [Exchange] = []
  /// How many of the oldest exchanges the model is no longer given, because the user chose so when they
  /// no longer fitted. They stay in the conversation and in its session file.
  var dropped = 0

  /// What the model is given: the system prompt, the exchanges that were not dropped, and `question`
  /// when there is one.
  func messages(asking question: String? = nil) -> [Message] {
    var messages: [Message] = []
    if let systemPrompt {
      messages.append(Message(role: .system, content: systemPrompt))
    }
    for exchange in exchanges.dropFirst(dropped) {
      messages.append(Message(role: .user, content: exchange.question))
      messages.append(Message(role: .assistant, content: exchange.answer))
    }
    if let question {
      messages.append(Message(role: .user, content: question))
    }
    return messages
  }

  /// Takes the last exchange off and returns it, nil when there is none.
  mutating func removeLastExchange() -> Exchange? {
    let last = exchanges.popLast()
    dropped = min(dropped, exchanges.count)
    return last
  }
}
