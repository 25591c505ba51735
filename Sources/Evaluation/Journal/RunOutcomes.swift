// What has come of the items of a run so far. Where a file was asked for, it is written down as it comes, so that the
// same run goes on behind it; without one it is nowhere but in memory.
import Text

/// The outcomes of a run on their way.
public final class RunOutcomes {
  /// A task, as far as its outcomes must be of it.
  public struct Task {
    /// What kind it is.
    public let kind: TaskKind
    /// The ids of its items, in their order.
    public let ids: [String]

    /// A task of `kind` with items of these ids.
    public init(kind: TaskKind, ids: [String]) { (self.kind, self.ids) = (kind, ids) }

    /// Whether `outcome` can be that of the item at `place`.
    fileprivate func takes(_ outcome: ItemOutcome, at place: Int) -> Bool {
      guard ids.indices.contains(place), ids[place] == outcome.id else { return false }
      switch (kind, outcome.content) {
      case (.choice, .choice), (.answers, .answer), (.loss, .cost), (.perplexity, .cost): return true
      default: return false
      }
    }
  }

  private var found: [[ItemOutcome?]]
  private let journal: RunJournal?
  /// How many outcomes an earlier run left.
  public let taken: Int

  /// The outcomes of `tasks`; none yet, or those that the journal at `path` has from a run of the same `identity`, all
  /// that outcomes follow from under the names by which a difference is told. With `isForced` they are thrown away.
  /// Throws `JournalError`.
  public init(
    _ tasks: [Task], journal path: String?, identity: [(name: String, value: String)], isForced: Bool
  ) throws {
    var found = tasks.map { [ItemOutcome?](repeating: nil, count: $0.ids.count) }
    journal = try path.map { path in
      let identity = identity.map { (name: $0.name, value: JSONValue.string($0.value)) }
      return try RunJournal(path: path, kind: "hypnos eval", identity: identity, isForced: isForced) { line in
        guard let task = line["task"]?.integer, let item = line["item"]?.integer, tasks.indices.contains(task),
          let outcome = line["outcome"].flatMap(ItemOutcome.init), tasks[task].takes(outcome, at: item)
        else { return false }
        found[task][item] = outcome
        return true
      }
    }
    taken = found.reduce(0) { $0 + $1.count { $0 != nil } }
    self.found = found
  }

  /// The outcomes of a task by its items' places; nil where there is none yet.
  public subscript(task: Int) -> [ItemOutcome?] { found[task] }

  /// Keeps `outcomes` of a task, for items at these places; later ones replace earlier ones.
  public func keep(_ outcomes: [(item: Int, outcome: ItemOutcome)], of task: Int) throws {
    try journal?.append(
      outcomes.map { ["task": .integer(task), "item": .integer($0.item), "outcome": $0.outcome.json] })
    for (item, outcome) in outcomes { found[task][item] = outcome }
  }

  /// Removes the file, when the run has come to its end.
  public func remove() { journal?.remove() }
}
