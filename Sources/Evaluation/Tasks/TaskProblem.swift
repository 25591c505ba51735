// What is wrong with a task's file or with one of its rows. Problems are collected, so that all are seen at once.
import Common

/// A row or file that cannot be evaluated.
public struct TaskProblem: Error, Sendable, Equatable, CustomStringConvertible {
  /// What is wrong.
  public enum Reason: Error, Sendable, Equatable {
    /// No JSON, or no CSV; what the parser says.
    case malformed(String)
    /// None of the layouts that are known.
    case unknownLayout(keys: [String])
    /// A field that the layout has is missing, empty or of the wrong kind.
    case field(String, String)
    /// A choice question with fewer than two or more than ten options.
    case optionCount(Int)
    /// A choice question without a key.
    case noKey(field: String)
    /// A key that names no option.
    case unknownKey(String, options: [String])
    /// An id that an earlier row has.
    case duplicate(id: String, line: Int)
    /// The item with its prompt does not fit the context.
    case tooLong(tokens: Int, context: Int)
    /// The template refuses it, or nothing of it is left.
    case refused(String)
    /// No answer for it among those that were given.
    case noAnswer(id: String, path: String)
    /// A line or file that is not read.
    case unreadable(String)
    /// A Parquet file, of which others make JSONL.
    case parquet(path: String)
    /// A file without rows.
    case empty
  }

  /// The file.
  public let path: String
  /// The line, from 1; nil where the whole file is meant.
  public let line: Int?
  /// What is wrong.
  public let reason: Reason

  /// `reason` at `line` of the file at `path`.
  public init(path: String, line: Int?, reason: Reason) {
    (self.path, self.line, self.reason) = (path, line, reason)
  }

  /// File, line and reason.
  public var description: String { path + (line.map { ", line \($0)" } ?? "") + ": \(reason)" }
}

extension TaskProblem.Reason: CustomStringConvertible {
  /// The problem in a phrase, without its place.
  public var description: String {
    switch self {
    case .malformed(let reason): return reason
    case .unknownLayout(let keys):
      let list = keys.prefix(12).joined(separator: ", ")
      return "no layout that is known; it has the fields \(list.isEmpty ? "(none)" : list)"
    case .field(let name, let what): return "\"\(name)\" \(what)"
    case .optionCount(let count):
      return "\(count) \(count == 1 ? "option" : "options"); there can be 2 to \(TaskItem.optionLimit)"
    case .noKey(let field): return "options without a key: \"\(field)\" names none of them"
    case .unknownKey(let key, let options):
      return "the key \"\(key)\" names no option; there are \(options.joined(separator: ", "))"
    case .duplicate(let id, let line): return "the id \"\(id)\" is that of line \(line) too"
    case .tooLong(let tokens, let context):
      return "takes \(tokens) tokens with its prompt, but the context holds \(context); shorten the passage, or ask "
        + "for a larger context with -c"
    case .refused(let reason), .unreadable(let reason): return reason
    case .noAnswer(let id, let path): return "there is no answer to \"\(id)\" in \(path)"
    case .parquet(let path):
      let name = path.hasSuffix(".parquet") ? String(path.dropLast(8)) : path
      return "a Parquet file, which is not read; make JSONL of it, with pandas in Python for one: "
        + "pandas.read_parquet(\"\(path)\").to_json(\"\(name).jsonl\", orient=\"records\", lines=True, "
        + "force_ascii=False)"
    case .empty: return "holds nothing to evaluate"
    }
  }
}

/// Problems that keep a task from being evaluated.
public struct TaskProblems: Error, CustomStringConvertible {
  /// The first of them.
  public let problems: [TaskProblem]
  /// How many there are.
  public let count: Int

  /// The most that are told one by one.
  static let limit = 20

  /// All of `problems`.
  public init(_ problems: [TaskProblem]) {
    self.problems = Array(problems.prefix(TaskProblems.limit))
    count = problems.count
  }

  /// The problems, and what to do.
  public var description: String {
    let more = count > problems.count ? "\n… and \(count - problems.count) more" : ""
    return "\(count) \(count == 1 ? "row or file" : "rows or files") cannot be evaluated; mend them, or leave them out "
      + "with --skip-bad:\n" + problems.map(\.description).joined(separator: "\n") + more
  }
}
