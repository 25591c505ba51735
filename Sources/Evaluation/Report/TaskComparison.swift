// Two runs on the same items: each figure's difference, with its interval and p. Items are matched by their ids.
import Text

/// The file of an earlier run.
public struct EvaluationFile: Sendable {
  static let kind = "hypnos evaluation"

  /// A task of the run.
  struct Task: Sendable {
    let path: String
    let kind: TaskKind
    let outcomes: [ItemOutcome]
  }

  /// The file, and the model that was measured.
  public let path, model: String
  let tasks: [Task]

  /// Reads the file at `path`.
  public init(path: String) throws(TaskProblem) {
    self.path = path
    do throws(TaskProblem.Reason) {
      let bytes = try RecordReader.content(of: path)
      let value: JSONValue
      do throws(JSONError) { value = try JSONValue(parsing: bytes) } catch { throw .malformed("not JSON: \(error)") }
      guard value["kind"]?.string == EvaluationFile.kind, let tasks = value["tasks"]?.array else {
        throw .malformed("no results of hypnos eval --json")
      }
      model = value["model"]?.string ?? ""
      var read: [Task] = []
      for (index, task) in tasks.enumerated() {
        guard let file = task["file"]?.string, let kind = task["kind"]?.string.flatMap(TaskKind.init(rawValue:)),
          let results = task["results"]?.array
        else { throw .malformed("task \(index + 1) has no file, kind and results") }
        let outcomes = results.compactMap { ItemOutcome($0) }
        guard outcomes.count == results.count else {
          throw .malformed("task \(index + 1) has a result that cannot be read")
        }
        read.append(Task(path: file, kind: kind, outcomes: outcomes))
      }
      self.tasks = read
    } catch {
      throw TaskProblem(path: path, line: nil, reason: error)
    }
  }

  /// Whether the run has a task of `kind` on the file called `name` that shares one of the items `ids`.
  public func shares(_ ids: [String], of kind: TaskKind, in name: String) -> Bool {
    let task = tasks.first { $0.kind == kind && $0.path.lastComponent == name.lastComponent }
    let known = Set(task?.outcomes.map(\.id) ?? [])
    return ids.contains(where: known.contains)
  }

  /// The answers in words that the run has for the items of the file called `name`, by id.
  public func answers(to name: String) -> [String: String] {
    var answers: [String: String] = [:]
    for task in tasks where task.kind == .answers && task.path.lastComponent == name.lastComponent {
      for outcome in task.outcomes { answers[outcome.id] = outcome.answer?.answer }
    }
    return answers
  }
}

/// A task in two runs.
public struct TaskComparison: Sendable {
  /// The task's file.
  public let path: String
  /// What kind of task it is.
  public let kind: TaskKind
  /// The other run's file.
  public let against: String
  /// Items of this run, and those that are in both.
  public let total, count: Int
  /// The differences in each figure, this run's value less the other's.
  public let differences: [Difference]

  /// Compares `result` with the task of the same kind and file name in `other`; nil when they share no item.
  public init?(_ result: TaskResult, with other: EvaluationFile, measure: AnswerMeasure, bootstrap: Bootstrap) {
    let tasks = other.tasks.filter { $0.kind == result.kind && $0.path.lastComponent == result.path.lastComponent }
    guard let task = tasks.first else { return nil }
    let theirs = Dictionary(task.outcomes.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    let mine = result.outcomes.filter { theirs[$0.id] != nil }
    guard !mine.isEmpty else { return nil }
    (path, kind, against) = (result.path, result.kind, other.path)
    (total, count) = (result.outcomes.count, mine.count)
    differences = bootstrap.differences(
      TaskMetric.all(mine, measure: measure),
      TaskMetric.all(mine.compactMap { theirs[$0.id] }, measure: measure), count: mine.count)
  }
}

extension String {
  /// What stands behind the last slash.
  var lastComponent: Substring { split(separator: "/").last ?? self[...] }
}
