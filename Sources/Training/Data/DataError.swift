// Why no data set could be made at all. What is wrong with single rows is a DataProblem.
import Common

/// Why the training data could not be read.
public enum DataError: Error, Equatable, CustomStringConvertible {
  /// A path that was named cannot be opened; an errno.
  case unreadable(path: String, code: Int32)
  /// Rows or files cannot be trained on, and were not to be skipped: the first of them, and how many there are.
  case problems([DataProblem], count: Int)
  /// No file holds an example; with bad rows skipped, the first of them.
  case nothing(paths: [String], problems: [DataProblem])
  /// Sequences shorter than `minimum` tokens were asked for.
  case sequenceTooShort(Int, minimum: Int)
  /// A part to hold out that is not between 0 and 1.
  case fraction(Double)
  /// More examples or tokens than are held in memory.
  case tooMuch(limit: Int, unit: String)
  /// It was interrupted.
  case interrupted

  /// What happened and what to do.
  public var description: String {
    switch self {
    case .unreadable(let path, let code): return "\(path): cannot be read: \(systemMessage(code))"
    case .problems(let problems, let count):
      let more = count > problems.count ? "\n… and \(count - problems.count) more" : ""
      return "\(count) \(count == 1 ? "row or file" : "rows or files") cannot be trained on; mend them, or leave "
        + "them out with --skip-bad:\n" + problems.map(\.description).joined(separator: "\n") + more
    case .nothing(let paths, let problems):
      return (["nothing to train on in " + paths.joined(separator: ", ")] + problems.map(\.description))
        .joined(separator: "\n")
    case .sequenceTooShort(let length, let minimum):
      return "sequences of \(length) tokens are too short; \(minimum) is the least"
    case .fraction(let fraction): return "\(fraction) is no part to hold out: it must be at least 0 and below 1"
    case .tooMuch(let limit, let unit): return "the data have more than \(limit) \(unit); train on fewer files"
    case .interrupted: return "interrupted while the data were read"
    }
  }
}
