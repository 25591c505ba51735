// One row of training data before it is tokens, and the kinds of rows there are. A line of JSON says its kind by its
// keys; a text file is one row.
import Text

/// The kinds of rows, named by their keys.
public enum RowKind: String, Sendable, CaseIterable {
  /// `{"messages": [{"role", "content"}]}`: a dialogue.
  case messages
  /// `{"question", "answer"}`: a dialogue of one turn.
  case questionAnswer = "question/answer"
  /// `{"instruction", "input"?, "output"}`: a dialogue of one turn; the input follows the instruction.
  case instruction = "instruction/output"
  /// `{"prompt", "completion"}`: text and how it goes on, without a template.
  case promptCompletion = "prompt/completion"
  /// `{"text"}`, or a text file: continued training.
  case text
}

/// What one row says.
package enum RowContent: Equatable {
  case dialogue([ChatMessage])
  case completion(prompt: String, completion: String)
  case note(String)
}

/// One row of training data.
package struct DataRow: Equatable {
  let kind: RowKind
  package let content: RowContent
}

extension DataRow {
  /// The row that a line of JSON holds.
  init(line: [UInt8]) throws(DataProblem.Reason) { try self.init(fields: DataRow.fields(of: line)) }

  /// The object that a line of JSON holds.
  package static func fields(of line: [UInt8]) throws(DataProblem.Reason) -> OrderedFields<JSONValue> {
    let value: JSONValue
    do throws(JSONError) {
      value = try JSONValue(parsing: line)
    } catch {
      try refuseUTF16(line)
      if error.reason == .invalidUTF8 { throw .notUTF8(offset: error.offset) }
      throw .malformed("column \(error.column): \(error.reason)")
    }
    guard let fields = value.object else {
      throw .unknownRow("not a JSON object: each line is one row, such as {\"question\": …, \"answer\": …}")
    }
    return fields
  }

  /// The row that the object `fields` is. Other keys, such as an id, are passed over.
  package init(fields: OrderedFields<JSONValue>) throws(DataProblem.Reason) {
    func text(_ key: String) throws(DataProblem.Reason) -> String {
      guard let text = fields[key]?.string else { throw .unknownRow("\"\(key)\" is not a string") }
      guard !text.utf8.contains(0) else { throw .nul }
      return text
    }
    func has(_ keys: String...) -> Bool { keys.allSatisfy { fields[$0] ?? .null != .null } }

    if has("messages") {
      if has("question") || has("answer") {
        throw .unknownRow("both \"messages\" and a question or an answer: which is meant?")
      }
      self.init(kind: .messages, content: .dialogue(try DataRow.dialogue(fields["messages"])))
    } else if has("question", "answer") {
      // These are questions to measure with; the letter of a choice alone would be learnt as the answer.
      for key in ["options", "context"] where fields[key] != nil {
        throw .unknownRow("a question with \"\(key)\" is for evaluation; write all of it into \"question\"")
      }
      self.init(kind: .questionAnswer, content: try .turn(text("question"), text("answer"), named: "answer"))
    } else if has("instruction", "output") {
      let parts = [try text("instruction"), has("input") ? try text("input") : ""]
      let question = parts.filter { !$0.isBlank }.joined(separator: "\n\n")
      self.init(kind: .instruction, content: try .turn(question, text("output"), named: "output"))
    } else if has("prompt", "completion") {
      let completion = try text("completion")
      guard !completion.isBlank else { throw .emptyAnswer("\"completion\"") }
      self.init(kind: .promptCompletion, content: .completion(prompt: try text("prompt"), completion: completion))
    } else if has("text") {
      let note = try text("text")
      guard !note.isBlank else { throw .emptyText("\"text\"") }
      self.init(kind: .text, content: .note(note))
    } else {
      throw .unknownRow(
        "none of the rows that are known: messages, question and answer, instruction and output, "
          + "prompt and completion, or text")
    }
  }

  /// Throws where `bytes` begin with the byte order mark of UTF-16.
  private static func refuseUTF16(_ bytes: [UInt8]) throws(DataProblem.Reason) {
    guard bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) else { return }
    throw .notUTF8(offset: 0, likely: "UTF-16")
  }

  /// A text file's bytes as a row. A byte order mark is left out, and line ends become newlines.
  init(file bytes: [UInt8]) throws(DataProblem.Reason) {
    try DataRow.refuseUTF16(bytes)
    guard !bytes.contains(0) else { throw .nul }
    let lines = bytes.withoutByteOrderMark.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    let unmarked = lines.map { $0.last == UInt8(ascii: "\r") ? $0.dropLast() : $0 }
    do throws(UTF8.ValidationError) {
      _ = try UTF8Span(validating: bytes.span)
    } catch {
      throw .notUTF8(offset: error.byteOffsets.lowerBound)
    }
    let text = String(decoding: Array(unmarked.joined(separator: [UInt8(ascii: "\n")])), as: UTF8.self)
    guard !text.isBlank else { throw .emptyFile }
    self.init(kind: .text, content: .note(text))
  }

  /// The conversation in `value`, with an answer in it and no empty one.
  private static func dialogue(_ value: JSONValue?) throws(DataProblem.Reason) -> [ChatMessage] {
    guard let elements = value?.array else { throw .unknownRow("\"messages\" is not an array") }
    var messages: [ChatMessage] = []
    for (index, element) in elements.enumerated() {
      guard let role = element["role"]?.string, let content = element["content"]?.string else {
        throw .unknownRow("message \(index + 1) has no \"role\" and \"content\" that are strings")
      }
      guard ChatMessage.knownRoles.contains(role) else {
        throw .unknownRow(ChatMessage.unknown(role, message: index + 1))
      }
      guard !content.utf8.contains(0) else { throw .nul }
      guard role != "assistant" || !content.isBlank else { throw .emptyAnswer("message \(index + 1)") }
      messages.append(role == "assistant" ? .answer(content) : ChatMessage(role: role, content: content))
    }
    guard messages.contains(where: { $0.role == "assistant" }) else {
      throw .unknownRow("no message is an answer: none has the role \"assistant\"")
    }
    return messages
  }
}

extension RowContent {
  /// A question and its answer, neither of them empty; `key` is what the row calls the answer.
  fileprivate static func turn(
    _ question: String, _ answer: String, named key: String
  ) throws(DataProblem.Reason) -> RowContent {
    guard !question.isBlank else { throw .emptyText("the question") }
    guard !answer.isBlank else { throw .emptyAnswer("\"\(key)\"") }
    return .dialogue([ChatMessage(role: "user", content: question), .answer(answer)])
  }
}

extension ChatMessage {
  /// The answer `text`, without white space at its beginning: it would run together with the line end that opens the
  /// answer into tokens that a model asked for an answer never has to give.
  fileprivate static func answer(_ text: String) -> ChatMessage {
    let start = text.unicodeScalars.firstIndex { !$0.properties.isWhitespace } ?? text.endIndex
    return ChatMessage(role: "assistant", content: String(text[start...]))
  }
}

extension String {
  /// Whether there is nothing but white space.
  package var isBlank: Bool { unicodeScalars.allSatisfy(\.properties.isWhitespace) }
}
