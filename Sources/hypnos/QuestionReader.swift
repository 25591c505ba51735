// The lines of standard input as questions: plain text, or JSON objects with a question or a conversation.
import Text

/// A question read from one line.
struct Question {
  /// The number of the line, from 1.
  let line: Int
  /// What its answer bears: its own `id`, or the number of the line.
  let id: JSONValue
  /// Its text; nil for a conversation.
  let text: String?
  /// The conversation that asks it.
  let messages: [ChatMessage]
}

/// Reads questions line by line.
struct QuestionReader {
  /// What reading came to.
  enum Reading {
    case question(Question)
    /// A line that is no question, and why.
    case bad(line: Int, reason: String)
    /// No whole line is there yet.
    case notYet
    /// There are no more lines.
    case end
  }

  /// Why a line is no question.
  private struct BadLine: Error, CustomStringConvertible {
    let description: String
  }

  private let answerer: Answerer
  private let jsonl: Bool
  private var input = StandardInput()
  private var number = 0

  /// A reader of plain lines, or of objects with `jsonl`.
  init(answerer: Answerer, jsonl: Bool) {
    self.answerer = answerer
    self.jsonl = jsonl
  }

  /// The next line that is not empty. Unless it `waits`, only what is there already is read.
  mutating func next(waits: Bool) throws -> Reading {
    while true {
      switch try input.nextLine(waits: waits) {
      case .notYet: return .notYet
      case .end: return .end
      case .tooLong:
        number += 1
        return .bad(line: number, reason: "is longer than \(StandardInput.lineLimit >> 20) MiB")
      case .bytes(let bytes):
        number += 1
        do {
          if let question = try parse(bytes) { return .question(question) }
        } catch {
          return .bad(line: number, reason: "\(error)")
        }
      }
    }
  }

  private func parse(_ bytes: [UInt8]) throws -> Question? {
    let text = try String(text: bytes)
    guard !text.allSatisfy(\.isWhitespace) else { return nil }
    guard jsonl else {
      return Question(line: number, id: .integer(number), text: text, messages: answerer.messages(text))
    }
    let object: JSONValue
    do { object = try JSONValue(parsing: text) } catch {
      throw BadLine(description: "column \(error.column): \(error.reason)")
    }
    guard object.object != nil else { throw BadLine(description: "is not a JSON object") }
    let id = object["id"] ?? .integer(number)
    guard !id.holdsChangedNumber else {
      throw BadLine(description: "\"id\" has too large a number to be given back as it is; write it as a string")
    }
    if let question = object["question"], question != .null {
      guard object["messages"] ?? .null == .null else {
        throw BadLine(description: "has both \"question\" and \"messages\"; which is meant?")
      }
      guard let text = question.string else { throw BadLine(description: "\"question\" is not a string") }
      guard !text.allSatisfy(\.isWhitespace) else { throw BadLine(description: "\"question\" is empty") }
      return Question(line: number, id: id, text: text, messages: answerer.messages(text))
    }
    guard let messages = object["messages"] else {
      throw BadLine(description: "has neither \"question\" nor \"messages\"")
    }
    return Question(line: number, id: id, text: nil, messages: try MessageList.parse(messages))
  }
}

extension JSONValue {
  /// Whether a number in it is so large that it would come back as another one.
  fileprivate var holdsChangedNumber: Bool {
    switch self {
    case .number(let number): abs(number) >= 0x1p53
    case .array(let elements): elements.contains(where: \.holdsChangedNumber)
    case .object(let fields): fields.contains { $0.value.holdsChangedNumber }
    default: false
    }
  }
}

/// Conversations as JSON.
enum MessageList {
  /// Why a value is no conversation.
  struct Malformed: Error, CustomStringConvertible {
    let description: String
  }

  /// The messages of an array of objects with `role` and `content`.
  static func parse(_ value: JSONValue) throws(Malformed) -> [ChatMessage] {
    guard let array = value.array, !array.isEmpty else {
      throw Malformed(description: "\"messages\" is not an array of messages")
    }
    var messages: [ChatMessage] = []
    for (index, entry) in array.enumerated() {
      guard let role = entry["role"]?.string, let content = entry["content"]?.string else {
        throw Malformed(description: "message \(index + 1) has no \"role\" and \"content\" that are strings")
      }
      guard ChatMessage.knownRoles.contains(role) else {
        throw Malformed(description: ChatMessage.unknown(role, message: index + 1))
      }
      messages.append(ChatMessage(role: role, content: content))
    }
    return messages
  }
}
