// The scores of a filter on their way, a line a pair and judge, so that a run that was interrupted goes on. It knows
// its run by digests of the pairs and of the judges; thresholds are no part of it, and may change in between. It holds
// numbers, nothing of the data but what a template says of a pair that it refuses.
import Common
import Evaluation
import Text
import Training

/// What the scores of a run follow from.
public struct FilterIdentity: Sendable, Equatable {
  /// A digest of all pairs.
  public let pairs: String
  /// What each judge is and how it is asked.
  public let judges: [String]

  /// The identity of judging `rows` by `judges`, each described by its contents and how it is asked.
  public init(rows: [PairRow], judges: [String]) {
    let texts = rows.map {
      JSONValue.array([.string($0.pair.question), .string($0.pair.answer), .string($0.pair.language.rawValue)]).encoded
    }
    pairs = RunIdentity.digest(of: texts.joined(separator: "\n"))
    self.judges = judges
  }

  /// Its parts under the names by which a difference is told.
  var entries: [(name: String, value: JSONValue)] {
    [("set of pairs", .string(pairs)), ("judge", .array(judges.map { .string($0) }))]
  }
}

/// The scores so far.
final class ScoreJournal {
  private let file: RunJournal
  private(set) var verdicts: [[Int: Result<JudgeVerdict, JudgeRefusal>]]

  /// Opens the journal at `path`, with what an earlier run of the same identity left; begins anew if `isForced`.
  init(path: String, identity: FilterIdentity, rows: Int, isForced: Bool) throws {
    var verdicts = [[Int: Result<JudgeVerdict, JudgeRefusal>]](repeating: [:], count: identity.judges.count)
    file = try RunJournal(path: path, kind: "hypnos filter", identity: identity.entries, isForced: isForced) { value in
      guard let judge = value["judge"]?.integer, let row = value["row"]?.integer, verdicts.indices.contains(judge),
        (0..<rows).contains(row), let verdict = ScoreJournal.verdict(value)
      else { return false }
      verdicts[judge][row] = verdict
      return true
    }
    self.verdicts = verdicts
  }

  /// Notes what judge number `judge` says of rows.
  func append(_ found: [(row: Int, verdict: Result<JudgeVerdict, JudgeRefusal>)], judge: Int) throws {
    try file.append(found.map { ScoreJournal.line($0.verdict, row: $0.row, judge: judge) })
    for (row, verdict) in found { verdicts[judge][row] = verdict }
  }

  private static func line(_ verdict: Result<JudgeVerdict, JudgeRefusal>, row: Int, judge: Int) -> JSONValue {
    var fields: [(String, JSONValue)] = [("judge", .integer(judge)), ("row", .integer(row))]
    switch verdict {
    case .success(let verdict):
      fields.append(("gain", .number(verdict.gain)))
      for aspect in JudgedAspect.allCases {
        let probabilities = verdict.judgement.scores[aspect]?.probabilities ?? []
        fields.append((aspect.rawValue, .array(probabilities.map { .number($0) })))
      }
    case .failure(.tooLong(let tokens, let context)):
      fields += [("tokens", .integer(tokens)), ("context", .integer(context))]
    case .failure(.refused(let reason)): fields.append(("refused", .string(reason)))
    }
    return .object(OrderedFields(fields))
  }

  private static func verdict(_ value: JSONValue) -> Result<JudgeVerdict, JudgeRefusal>? {
    if let reason = value["refused"]?.string { return .failure(.refused(reason)) }
    if let tokens = value["tokens"]?.integer, let context = value["context"]?.integer {
      return .failure(.tooLong(tokens: tokens, context: context))
    }
    guard let gain = value["gain"]?.number else { return nil }
    var scores: [JudgedAspect: AspectScore] = [:]
    for aspect in JudgedAspect.allCases {
      let numbers = value[aspect.rawValue]?.array?.compactMap(\.number) ?? []
      guard numbers.count == 11, numbers.allSatisfy({ (0...1).contains($0) }) else { return nil }
      scores[aspect] = AspectScore(probabilities: numbers)
    }
    return .success(JudgeVerdict(judgement: Judgement(scores: scores), gain: gain))
  }
}
