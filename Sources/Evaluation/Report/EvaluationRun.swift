// A whole run: which model was measured on what and how, what came of it, and how it compares with another run. As JSON
// it holds every item's outcome, so that later runs can be compared with it.
import Common
import Text

/// A run of an evaluation.
public struct EvaluationRun: Sendable {
  /// The model's name, and what tells its checkpoint from others.
  public let model, fingerprint: String
  /// The adapters in use, as they were named.
  public let adapters: [String]
  /// How the run was made.
  public let settings: [(name: String, value: String)]
  /// Where random numbers began, and how many resamples the intervals rest on.
  public let bootstrap: Bootstrap
  /// The tasks in their order.
  public let tasks: [TaskResult]
  /// Comparisons with another run, for tasks that both have.
  public var comparisons: [TaskComparison] = []

  /// A run of `tasks`.
  public init(
    model: String, fingerprint: String, adapters: [String], settings: [(name: String, value: String)],
    bootstrap: Bootstrap, tasks: [TaskResult]
  ) {
    (self.model, self.fingerprint, self.adapters) = (model, fingerprint, adapters)
    (self.settings, self.bootstrap, self.tasks) = (settings, bootstrap, tasks)
  }

  /// Writes the run as JSON to `path`, readable by its owner alone, since it quotes the data.
  public func writeJSON(to path: String) throws(WritingError) { try OwnerFile.write(json.encoded + "\n", to: path) }

  /// The run as an object.
  public var json: JSONValue {
    .object(
      OrderedFields([
        ("kind", .string(EvaluationFile.kind)), ("model", .string(model)), ("checkpoint", .string(fingerprint)),
        ("adapters", .array(adapters.map { .string($0) })), ("settings", EvaluationRun.object(settings)),
        ("seed", .integer(Int(clamping: bootstrap.seed))), ("resamples", .integer(bootstrap.resamples)),
        ("tasks", .array(tasks.map(\.json))), ("comparisons", .array(comparisons.map(\.json))),
      ]))
  }

  static func object(_ entries: [(name: String, value: String)]) -> JSONValue {
    .object(OrderedFields(entries.map { ($0.name, JSONValue.string($0.value)) }))
  }
}

extension TaskResult {
  fileprivate var json: JSONValue {
    .object(
      OrderedFields([
        ("file", .string(path)), ("kind", .string(kind.rawValue)), ("layout", .string(layout)),
        ("language", .string(language.rawValue)), ("settings", EvaluationRun.object(settings)),
        ("items", .integer(outcomes.count)), ("left_out", .integer(leftOut)),
        ("metrics", TaskResult.object(figures)), ("by_source", .array(bySource.map(\.json))),
        ("by_length", .array(byLength.map(\.json))), ("results", .array(outcomes.map(\.json))),
      ]))
  }

  fileprivate static func object(_ figures: [TaskFigure]) -> JSONValue {
    .object(OrderedFields(figures.map { ($0.name, $0.estimate.json) }))
  }
}

extension ItemGroup {
  fileprivate var json: JSONValue {
    ["name": .string(name), "items": .integer(count), "metrics": TaskResult.object(figures)]
  }
}

extension Estimate {
  /// Value and interval.
  var json: JSONValue { ["value": .number(value), "low": .number(low), "high": .number(high)] }
}

extension TaskComparison {
  fileprivate var json: JSONValue {
    let pairs = differences.map { difference in
      (
        difference.name,
        [
          "value": .number(difference.value), "other": .number(difference.other),
          "difference": difference.estimate.json, "p": .number(difference.p),
        ] as JSONValue
      )
    }
    return [
      "file": .string(path), "kind": .string(kind.rawValue), "against": .string(against), "items": .integer(count),
      "metrics": .object(OrderedFields(pairs)),
    ]
  }
}
