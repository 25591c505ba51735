// A row as it leaves the filter: all its fields as they were, and under "filter" everything the decision followed from.
import Common
import Evaluation
import Text

/// Rows with their scores.
public enum FilteredRow {
  /// The line of `row`; a "filter" field of an earlier filtering is replaced. Numbers have four decimal places.
  static func json(
    _ row: PairRow, _ scores: Result<PairScores, JudgeRefusal>, _ decision: FilterRule.Decision, judges: [FilterJudge]
  ) -> JSONValue {
    var filter: [(String, JSONValue)] = [("kept", .boolean(decision.isKept))]
    filter.append(("reasons", .array(decision.reasons.map { .string($0) })))
    if case .success(let scores) = scores {
      filter += [("score", number(scores.score)), ("mean", number(scores.mean)), ("gain", number(scores.gain))]
      let aspects = JudgedAspect.allCases.map { aspect in
        (aspect.rawValue, JSONValue.object(marks(scores.hard(aspect), scores.expected(aspect))))
      }
      filter.append(("aspects", .object(OrderedFields(aspects))))
      filter.append(("judges", .array(zip(judges, scores.verdicts).map { json($0, $1) })))
    }
    var fields = row.fields
    fields.set("filter", to: .object(OrderedFields(filter)))
    return .object(fields)
  }

  /// Writes the kept rows to one file and the rejected ones to another, each complete or not at all.
  public static func write(
    _ rows: [PairRow], _ scores: [Result<PairScores, JudgeRefusal>], _ decisions: [FilterRule.Decision],
    judges: [FilterJudge], kept: String, rejected: String?
  ) throws(WritingError) {
    let files = (
      kept: try OwnerFile(path: kept),
      rejected: try rejected.map { path throws(WritingError) in try OwnerFile(path: path) }
    )
    for index in rows.indices {
      let line = json(rows[index], scores[index], decisions[index], judges: judges).encoded + "\n"
      if decisions[index].isKept { try files.kept.write(line) } else { try files.rejected?.write(line) }
    }
    try files.rejected?.finish()
    try files.kept.finish()
  }

  private static func json(_ judge: FilterJudge, _ verdict: JudgeVerdict) -> JSONValue {
    var fields: [(String, JSONValue)] = [
      ("model", .string(judge.name)), ("checkpoint", .string(judge.fingerprint)),
      ("adapters", .array(judge.adapters.map(\.json))), ("gain", number(verdict.gain)),
    ]
    for (aspect, score) in JudgedAspect.allCases.compactMap({ aspect in
      verdict.judgement.scores[aspect].map { (aspect, $0) }
    }) {
      fields.append((aspect.rawValue, .object(marks(Double(score.hard), score.expected))))
    }
    return .object(OrderedFields(fields))
  }

  private static func marks(_ hard: Double, _ expected: Double) -> OrderedFields<JSONValue> {
    ["score": number(hard), "expected": number(expected)]
  }

  private static func number(_ value: Double) -> JSONValue { .number(value.rounded(places: 4)) }
}
