// Why no data set could be made at all. What is wrong with single rows is a DataProblem.
import Common

/// Why the training data could not be read.
public enum DataError: Error, Equatable, CustomStringConvertible {
  /// A path that was named cannot be opened; an errno.
  case unreadable(path: String, code: Int32)
  /// The name of something in a folder is not UTF-8, as after unpacking an archive of another system; what it looks like.
  case name(path: String)
  /// Rows or files cannot be trained on, and were not to be skipped.
  case problems(DataReport)
  /// No file holds an example for what they were named for; what became of them.
  case nothing(paths: [String], aim: Aim, DataReport)
  /// Sequences shorter than `minimum` tokens were asked for.
  case sequenceTooShort(Int, minimum: Int)
  /// A part to hold out that is not between 0 and 1.
  case fraction(Double)
  /// More examples or tokens than are held in memory.
  case tooMuch(limit: Int, unit: String)
  /// It was interrupted.
  case interrupted

  /// What data are for.
  public enum Aim: String, Sendable {
    /// Examples to learn from.
    case training = "train on"
    /// Examples held out.
    case measuring = "measure on"
  }

  /// What happened and what to do.
  public var description: String {
    switch self {
    case .unreadable(let path, let code): return "\(path): cannot be read: \(systemMessage(code))"
    case .name(let path):
      return
        "\(path): the name is not UTF-8, so that it cannot be read; rename it, for example with convmv -f gbk -t utf8"
    case .problems(let report):
      return DataError.heading(of: report) + "\n" + report.problemLines.joined(separator: "\n")
    case .nothing(let paths, let aim, let report):
      let ours = report.files.filter { $0.isHeldOut == (aim == .measuring) }
      let lines = ours.flatMap { [$0.line] + $0.longLines } + report.problemLines
      let heading = "nothing to \(aim.rawValue) in " + paths.joined(separator: ", ")
      return ([heading + (lines.isEmpty ? ": no file of text or JSONL is there" : ":")] + lines).joined(separator: "\n")
    case .sequenceTooShort(let length, let minimum):
      return "sequences of \(length) tokens are too short; \(minimum) is the least"
    case .fraction(let fraction): return "\(fraction) is no part to hold out: it must be at least 0 and below 1"
    case .tooMuch(let limit, let unit): return "the data have more than \(limit) \(unit); train on fewer files"
    case .interrupted: return "interrupted while the data were read"
    }
  }

  private static func heading(of report: DataReport) -> String {
    let count = report.problemCount
    if report.problems.allSatisfy({ $0.reason == .noTemplate }),
      report.files.allSatisfy({ $0.furtherBadLines.count == 0 })
    {
      return "the base has no chat template, so \(count) \(count == 1 ? "row" : "rows") cannot be trained on:"
    }
    return
      "\(count) \(count == 1 ? "row or file" : "rows or files") cannot be trained on; mend them, or leave them out "
      + "with --skip-bad:"
  }
}
