// The scores of a filter on their way, a line a pair and judge, so that a run that was interrupted goes on. It knows
// its run by digests of the pairs and of the judges; thresholds are no part of it, and may change in between. It holds
// numbers only, nothing of the data.
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

  var json: JSONValue { ["pairs": .string(pairs), "judges": .array(judges.map { .string($0) })] }

  func differences(from other: JSONValue) -> [String] {
    (other["pairs"] == json["pairs"] ? [] : ["set of pairs"]) + (other["judges"] == json["judges"] ? [] : ["judge"])
  }
}

/// The scores so far.
final class ScoreJournal {
  private let file: JournalFile
  private(set) var verdicts: [[Int: Result<JudgeVerdict, JudgeRefusal>]]

  /// Opens the journal at `path`, with what an earlier run of the same identity left; begins anew if `isForced`.
  init(path: String, identity: FilterIdentity, rows: Int, isForced: Bool) throws {
    file = try JournalFile(path: path)
    verdicts = Array(repeating: [:], count: identity.judges.count)
    if isForced { try file.clear() }
    try file.dropUnfinishedLine()
    let reader = try DataFile(path: path)
    guard let first = try reader.nextLine() else {
      try file.append([identity.json.encoded])
      return
    }
    guard let header = ScoreJournal.value(first), header["pairs"] != nil, header["judges"] != nil else {
      throw CurationError.notOurs(path: path, line: 1)
    }
    let differences = identity.differences(from: header)
    guard differences.isEmpty else { throw CurationError.otherRun(path: path, differences: differences) }
    var number = 1
    while let line = try reader.nextLine() {
      number += 1
      guard let value = ScoreJournal.value(line), let judge = value["judge"]?.integer, let row = value["row"]?.integer,
        verdicts.indices.contains(judge), (0..<rows).contains(row), let verdict = ScoreJournal.verdict(value)
      else { throw CurationError.notOurs(path: path, line: number) }
      verdicts[judge][row] = verdict
    }
  }

  /// Notes what judge number `judge` says of rows.
  func append(_ found: [(row: Int, verdict: Result<JudgeVerdict, JudgeRefusal>)], judge: Int) throws {
    try file.append(found.map { ScoreJournal.line($0.verdict, row: $0.row, judge: judge).encoded })
    for (row, verdict) in found { verdicts[judge][row] = verdict }
  }

  /// Removes the file.
  func remove() { file.remove() }

  private static func value(_ line: DataFile.Line) -> JSONValue? {
    guard case .bytes(let bytes) = line else { return nil }
    return try? JSONValue(parsing: bytes)
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
