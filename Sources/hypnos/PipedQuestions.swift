// Questions from a pipe: each line one, answered in order, each answer written as soon as it is whole. A line that
// cannot be answered is reported with its number and the rest goes on.
import Generation
import Text

/// Answers the lines of standard input.
struct PipedQuestions {
  let answerer: Answerer
  let jsonl: Bool

  /// A question read from one line.
  private struct Question {
    let line: Int
    let id: JSONValue
    let text: String?
    let messages: [ChatMessage]
  }

  /// Why a line is no question.
  private struct BadLine: Error, CustomStringConvertible {
    let description: String
  }

  func run() throws {
    var input = StandardInput()
    var number = 0
    var failed = 0
    var answered = 0
    var isFirst = true
    var waiting = try next(&input, &number, &failed)
    while let question = waiting {
      // Only the first question's form depends on whether another follows: the rest are answered at once, since
      // whoever asks through a pipe may wait for each answer before asking on.
      waiting = jsonl || !isFirst ? nil : try next(&input, &number, &failed)
      do {
        try answer(question, isOnly: isFirst && waiting == nil && !jsonl)
        answered += 1
      } catch let closed as ClosedPipe {
        throw closed
      } catch {
        report(question.line, "\(error)", &failed)
      }
      isFirst = false
      if waiting == nil { waiting = try next(&input, &number, &failed) }
    }
    if answered == 0 && failed == 0 { throw Failure("standard input holds no question", code: 2) }
    if failed > 0 {
      throw Failure("\(failed) of \(answered + failed) questions could not be answered", code: 1)
    }
  }

  private func report(_ line: Int, _ message: String, _ failed: inout Int) {
    failed += 1
    Output.complain("standard input, line \(line): \(message)")
  }

  /// The next line that is a question; bad ones are reported on the way.
  private func next(_ input: inout StandardInput, _ number: inout Int, _ failed: inout Int) throws -> Question? {
    while let line = try input.nextLine() {
      number += 1
      do {
        guard case .success(let bytes) = line else {
          throw BadLine(description: "is longer than \(StandardInput.lineLimit >> 20) MiB")
        }
        if let question = try parse(bytes, line: number) { return question }
      } catch {
        report(number, "\(error)", &failed)
      }
    }
    return nil
  }

  private func parse(_ bytes: [UInt8], line: Int) throws -> Question? {
    let text = try StandardInput.text(bytes)
    guard !text.allSatisfy(\.isWhitespace) else { return nil }
    guard jsonl else {
      return Question(line: line, id: .integer(line), text: text, messages: answerer.messages(text))
    }
    let object = try JSONValue(parsing: text)
    guard object.object != nil else { throw BadLine(description: "is not a JSON object") }
    let id = object["id"] ?? .integer(line)
    if let question = object["question"] {
      guard let text = question.string else { throw BadLine(description: "\"question\" is not a string") }
      return Question(line: line, id: id, text: text, messages: answerer.messages(text))
    }
    guard let messages = object["messages"] else {
      throw BadLine(description: "has neither \"question\" nor \"messages\"")
    }
    return Question(line: line, id: id, text: nil, messages: try MessageList.parse(messages))
  }

  private func answer(_ question: Question, isOnly: Bool) throws {
    if isOnly, let text = question.text { return try answerer.stream(text) }
    let answer = try answerer.answer(question.messages) { _ in }
    if jsonl {
      try Output.write(answerer.record(answer, id: question.id).encoded + "\n")
    } else {
      try Output.write("Question: \(question.text ?? "")\nAnswer: \(answer.text)\n\n")
      Answerer.explain(answer, place: "standard input, line \(question.line): ")
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
      messages.append(ChatMessage(role: role, content: content))
    }
    return messages
  }
}
