// Why data could not be made or filtered.
import Training

/// Why there is no data to work on, or none came of it.
public enum CurationError: Error, Equatable, CustomStringConvertible {
  /// Rows that cannot be used, the first of them and how many there are; `advice` says how they can be left out.
  case problems([DataProblem], count: Int, advice: String)
  /// No file holds a row.
  case nothing(paths: [String], what: String)
  /// Fewer rows than asked for came of it.
  case exhausted(made: Int, wanted: Int, attempts: Int)

  /// What happened and what to do.
  public var description: String {
    switch self {
    case .problems(let problems, let count, let advice):
      let more = count > problems.count ? "\n… and \(count - problems.count) more" : ""
      return "\(count) \(count == 1 ? "row or file" : "rows or files") cannot be used; \(advice):\n"
        + problems.map(\.description).joined(separator: "\n") + more
    case .nothing(let paths, let what): return "there is no \(what) in \(paths.joined(separator: ", "))"
    case .exhausted(let made, let wanted, let attempts):
      return "gave up with \(made) of \(wanted) rows: the last \(attempts) attempts brought nothing new. What was made "
        + "is kept. Give more seeds or passages, another --seed, a higher --temperature, or a larger --patience"
    }
  }
}
