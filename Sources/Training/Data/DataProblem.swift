// What is wrong with a row or a file of the training data. Problems are collected rather than thrown, so that a
// person sees all of them at once and mends the files in one go.
import Common

/// A row or file that cannot be trained on.
public struct DataProblem: Sendable, Equatable, CustomStringConvertible {
  /// What is wrong.
  public enum Reason: Error, Sendable, Equatable {
    /// The line is no JSON; what the parser says, with the column.
    case malformed(String)
    /// JSON, but none of the kinds of rows.
    case unknownRow(String)
    /// An answer or completion of nothing but spaces.
    case emptyAnswer(String)
    /// A question or text of nothing but spaces.
    case emptyText(String)
    /// A file without any text.
    case emptyFile
    /// The byte at `offset` of the file or line begins no UTF-8 character.
    case notUTF8(offset: Int, likely: String = "GB18030")
    /// A NUL, which no text has.
    case nul
    /// A line of more bytes than are taken.
    case lineTooLong(limit: Int)
    /// A text file of more bytes than are taken.
    case fileTooLarge(limit: Int)
    /// Neither a file nor a folder: a device, a pipe.
    case notARegularFile
    /// The system refused to read; an errno.
    case unreadable(code: Int32)
    /// A dialogue, but the base has no chat template.
    case noTemplate
    /// The template refused the conversation.
    case refused(String)
    /// What the template writes before an answer is not how it writes the answered turn.
    case promptNotInTurn(template: String)
    /// The template leaves nothing of an answer.
    case answerLost(template: String)
  }

  /// The file.
  public let path: String
  /// The first line, from 1; nil where the whole file is meant.
  public let line: Int?
  /// All lines that it is wrong with.
  public private(set) var lines = LineList()
  /// What is wrong.
  public let reason: Reason

  /// A problem at `line` of the file at `path`.
  package init(path: String, line: Int?, reason: Reason) {
    (self.path, self.line, self.reason) = (path, line, reason)
    if let line { lines.add(line) }
  }

  /// Takes in another problem of the same file and reason; no if it is another.
  package mutating func takeIn(_ other: DataProblem) -> Bool {
    guard path == other.path, reason == other.reason, let line = other.line else { return false }
    lines.add(line)
    return true
  }

  /// File, lines and reason, and what to do.
  public var description: String { path + (line == nil ? "" : ", \(lines)") + ": \(reason)" }
}

extension DataProblem.Reason: CustomStringConvertible {
  /// The problem in a phrase, without its place.
  public var description: String {
    switch self {
    case .malformed(let reason): "not JSON: \(reason)"
    case .unknownRow(let reason): reason
    case .emptyAnswer(let field): "\(field) is empty: there is nothing to learn"
    case .emptyText(let field): "\(field) is empty"
    case .emptyFile: "empty"
    case .notUTF8(let offset, let encoding):
      "not UTF-8 at byte \(offset); convert the file first, for example with: iconv -f \(encoding) -t UTF-8"
    case .nul: "not text: it holds a NUL"
    case .lineTooLong(let limit): "longer than \(limit >> 20) MiB, the most a line may have"
    case .fileTooLarge(let limit): "larger than \(limit >> 20) MiB, the most a text file may have; split it"
    case .notARegularFile: "neither a file nor a folder"
    case .unreadable(let code): "cannot be read: \(systemMessage(code))"
    case .noTemplate:
      "a dialogue, but the base has no chat template; choose one with --template NAME or --template FILE"
    case .refused(let reason): "the chat template refuses it: \(reason)"
    case .promptNotInTurn(let template):
      "the template \(template) opens an answer differently from how it writes an answered turn, so what is "
        + "learnt would not be what is asked; choose another with --template"
    case .answerLost(let template): "the template \(template) leaves nothing of an answer"
    }
  }
}
