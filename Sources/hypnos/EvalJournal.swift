// Where the results of `hypnos eval` are kept as they come, and by what a run is known again. Figures are made of the
// results in the end, so that intervals, comparisons and reports may be asked for otherwise when a run goes on.
import Evaluation
import Text
import Training

/// The journal of a run, beside the file of --json; without that nothing is written down.
struct EvalJournal {
  private let command: EvalMeasure

  init(_ command: EvalMeasure) { self.command = command }

  /// The file; nil without --json.
  var path: String? { command.json.map { $0 + ".partial" } }

  /// Opens it for a run of `tasks` by the answers that were `given`, or by what measures and judges them.
  func open(
    _ tasks: [EvalRun.Task], _ given: AnswerFile?, _ bench: EvalTasks?, _ judge: EvalJudge?
  ) throws -> RunOutcomes {
    let items = tasks.map { $0.kind.rawValue + " " + EvalJournal.digest(of: $0.file.items) }
    var identity = [(name: "set of items", value: items.joined(separator: "\n"))] + (bench?.identity ?? [])
    identity.append(("--answers", given.map(EvalJournal.digest(of:)) ?? ""))
    identity += judge?.identity(tasks) ?? [("--judge", ""), ("--judge-adapter", ""), ("--against", "")]
    return try RunOutcomes(
      tasks.map { RunOutcomes.Task(kind: $0.kind, ids: $0.file.items.map(\.id)) }, journal: path, identity: identity,
      isForced: command.force)
  }

  /// A digest of all that is asked and expected.
  static func digest(of items: [TaskItem]) -> String {
    let rows = items.map { item in
      let options = item.options.map { JSONValue.array([.string($0.letter), .string($0.text)]) }
      let texts = [item.id, item.source, item.passage, item.question, item.reference] + item.keys
      return JSONValue.array(texts.map { .string($0) } + [.array(options)]).encoded
    }
    return RunIdentity.digest(of: rows.joined(separator: "\n"))
  }

  /// A digest of answers that were given.
  static func digest(of file: AnswerFile) -> String { digest(of: file.answers.mapValues(\.text)) }

  /// A digest of answers by id.
  static func digest(of answers: [String: String]) -> String {
    let rows = answers.sorted { $0.key < $1.key }.map { JSONValue.array([.string($0.key), .string($0.value)]).encoded }
    return RunIdentity.digest(of: rows.joined(separator: "\n"))
  }
}
