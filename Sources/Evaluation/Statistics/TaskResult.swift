// A task that has been run: its outcomes and figures, over all items and over groups of them.
import Text

/// What kind of figures a task gives.
public enum TaskKind: String, Sendable, CaseIterable {
  /// Choice questions.
  case choice
  /// Answers in words.
  case answers
  /// Held-out loss of answers.
  case loss
  /// Perplexity of texts.
  case perplexity
}

/// A figure and its estimate.
public struct TaskFigure: Sendable, Equatable {
  /// The metric's name.
  public let name: String
  /// Its value.
  public let estimate: Estimate
}

/// Some items of a task.
public struct ItemGroup: Sendable, Equatable {
  /// What they have in common.
  public let name: String
  /// How many there are.
  public let count: Int
  /// Their figures.
  public let figures: [TaskFigure]
}

/// The results of one task.
public struct TaskResult: Sendable {
  /// The most groups by source; those with the fewest items are counted together.
  private static let sourceLimit = 12

  /// The file, and how its rows are laid out.
  public let path, layout: String
  /// What kind of task it is.
  public let kind: TaskKind
  /// The language of its metrics.
  public let language: JudgedLanguage
  /// What figures stand for, such as the package that a metric equals.
  public let settings: [(name: String, value: String)]
  /// Rows that were left out.
  public let leftOut: Int
  /// What came of each item.
  public let outcomes: [ItemOutcome]
  /// The figures over all items.
  public let figures: [TaskFigure]
  /// The figures by source, where there are several, and by length.
  public let bySource, byLength: [ItemGroup]

  /// Measures `outcomes`, none of which may be missing.
  public init(
    path: String, layout: String, kind: TaskKind, language: JudgedLanguage, settings: [(name: String, value: String)],
    leftOut: Int, outcomes: [ItemOutcome], measure: AnswerMeasure, bootstrap: Bootstrap
  ) {
    (self.path, self.layout, self.kind, self.language) = (path, layout, kind, language)
    (self.settings, self.leftOut, self.outcomes) = (settings, leftOut, outcomes)
    let metrics = TaskMetric.all(outcomes, measure: measure)
    func group(_ name: String, _ members: [Int]) -> ItemGroup {
      let estimates = bootstrap.estimates(metrics, over: members)
      let figures = zip(metrics, estimates).compactMap { metric, estimate in
        estimate.map { TaskFigure(name: metric.name, estimate: $0) }
      }
      return ItemGroup(name: name, count: members.count, figures: figures)
    }
    figures = group("all", Array(outcomes.indices)).figures
    let sources = TaskResult.sources(outcomes)
    bySource = sources.count > 1 ? sources.map { group($0.name, $0.members) } : []
    let lengths = TaskResult.lengths(outcomes)
    byLength = lengths.count > 1 ? lengths.map { group($0.name, $0.members) } : []
  }

  private static func sources(_ outcomes: [ItemOutcome]) -> [(name: String, members: [Int])] {
    var members: [String: [Int]] = [:]
    for (index, outcome) in outcomes.enumerated() {
      members[outcome.source.isEmpty ? "(none)" : outcome.source, default: []].append(index)
    }
    let sorted = members.sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }.map {
      (name: $0.key, members: $0.value)
    }
    guard sorted.count > sourceLimit else { return sorted }
    let rest = sorted[(sourceLimit - 1)...].flatMap(\.members).sorted()
    return Array(sorted.prefix(sourceLimit - 1)) + [("\(sorted.count - sourceLimit + 1) others", rest)]
  }

  /// Thirds by the length of passage and question; items of one length stay together.
  private static func lengths(_ outcomes: [ItemOutcome]) -> [(name: String, members: [Int])] {
    let sorted = outcomes.map(\.length).sorted()
    guard sorted.count >= 6 else { return [] }
    let borders = [sorted[sorted.count / 3], sorted[sorted.count * 2 / 3]]
    let parts: [(String, (Int) -> Bool)] = [
      ("short, under \(borders[0]) characters", { $0 < borders[0] }),
      ("middle, \(borders[0]) to \(borders[1] - 1)", { $0 >= borders[0] && $0 < borders[1] }),
      ("long, \(borders[1]) and more", { $0 >= borders[1] }),
    ]
    return parts.compactMap { name, holds in
      let members = outcomes.indices.filter { holds(outcomes[$0].length) }
      return members.isEmpty ? nil : (name, members)
    }
  }
}
