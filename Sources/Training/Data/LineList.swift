// The lines of a file that something is said of, few or many, in as few words as possible.

/// Line numbers in the order they come, neighbours together.
public struct LineList: Sendable, Equatable, CustomStringConvertible {
  /// The most runs of neighbours that are written out.
  static let limit = 100

  /// How many lines.
  public private(set) var count = 0
  private var runs: [ClosedRange<Int>] = []
  private var unlisted = 0

  /// No lines.
  public init() {}

  /// Adds a line behind those there are. One that is added again counts once.
  public mutating func add(_ line: Int) {
    guard runs.last.map({ line > $0.upperBound }) ?? true else { return }
    count += 1
    if let last = runs.last, unlisted == 0, line == last.upperBound + 1 {
      runs[runs.count - 1] = last.lowerBound...line
    } else if runs.count < LineList.limit {
      runs.append(line...line)
    } else {
      unlisted += 1
    }
  }

  /// Such as "line 3", or "lines 3, 7 to 9 and 12 more".
  public var description: String {
    let words = runs.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound) to \($0.upperBound)" }
    let more = unlisted > 0 ? " and \(unlisted) more" : ""
    return (count == 1 ? "line " : "lines ") + words.joined(separator: ", ") + more
  }
}
