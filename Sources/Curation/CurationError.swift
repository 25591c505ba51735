// Why data could not be made or filtered.
import Training

/// Why there is no data to work on, or none came of it.
public enum CurationError: Error, Equatable, CustomStringConvertible {
  /// Rows that cannot be used, the first of them and how many there are; `advice` says how they can be left out.
  case problems([DataProblem], count: Int, advice: String)
  /// No file holds a row.
  case nothing(paths: [String], what: String)
  /// A file of an earlier run that was made from other data or with other settings.
  case otherRun(path: String, differences: [String])
  /// A file that holds what this program has not written there.
  case notOurs(path: String, line: Int)
  /// Fewer rows than asked for came of it.
  case exhausted(made: Int, wanted: Int, attempts: Int)

  /// What happened and what to do.
  public var description: String {
    switch self {
    case .problems(let problems, let count, let advice):
      let more = count > problems.count ? "\n… and \(count - problems.count) more" : ""
      return "\(count) \(count == 1 ? "row" : "rows") cannot be used; \(advice):\n"
        + problems.map(\.description).joined(separator: "\n") + more
    case .nothing(let paths, let what): return "there is no \(what) in \(paths.joined(separator: ", "))"
    case .otherRun(let path, let differences):
      return "\(path): begun with another \(differences.joined(separator: ", another ")); give the same again, another "
        + "name, or --force to begin anew"
    case .notOurs(let path, let line):
      return "\(path), line \(line): not of a run of this command; give another name, or --force to replace the file"
    case .exhausted(let made, let wanted, let attempts):
      return "gave up with \(made) of \(wanted) rows: the last \(attempts) attempts brought nothing new. What was made "
        + "is kept. Give more seeds or passages, another --seed, a higher --temperature, or a larger --patience"
    }
  }
}
