// Cross-filtering: every judge marks every pair, one judge after the other so that one is in memory at a time; the
// rule decides; rows go to the kept or the rejected with all that was found.
import Common
import Evaluation
import Generation
import Model
import Text

/// A model that judges, opened when it is its turn.
public struct FilterJudge {
  /// An adapter it judges with.
  public struct Adapter: Sendable, Equatable {
    /// Its name, and how strongly it counts.
    public let name: String, scale: Double
    /// What it changes in the model's results (`LoadedAdapter.fingerprint`).
    public let fingerprint: String

    /// What is told of `adapter`.
    public init(_ adapter: LoadedAdapter) {
      (name, scale, fingerprint) = (adapter.name, Double("\(adapter.scale)") ?? 0, adapter.fingerprint)
    }

    var json: JSONValue {
      ["name": .string(name), "scale": .number(scale), "fingerprint": .string(fingerprint)]
    }
  }

  /// Its checkpoint's name, for people.
  public let name: String
  /// Its checkpoint's contents (`Checkpoint.contentFingerprint`).
  public let fingerprint: String
  /// The adapters it judges with.
  public let adapters: [Adapter]
  /// Its name and those of its adapters.
  public var title: String { ([name] + adapters.map(\.name)).joined(separator: " + ") }
  /// All that its marks follow from: contents, adapters, how it is asked.
  public let identity: String
  /// Opens it, with the context it has.
  public let open: () throws -> (judge: Judge, context: Int)

  /// A judge that is asked as `style` says, beside which its identity has contents and adapters.
  public init(
    name: String, fingerprint: String, adapters: [Adapter] = [], style: String,
    open: @escaping () throws -> (judge: Judge, context: Int)
  ) {
    (self.name, self.fingerprint, self.adapters, self.open) = (name, fingerprint, adapters, open)
    identity = ([fingerprint] + adapters.map(\.fingerprint) + [style]).joined(separator: " ")
  }
}

/// Scores pairs by several judges.
public struct PairFilter {
  /// Pairs whose scores are written down together.
  private static let blockLength = 16

  /// How far the scoring has come.
  public struct Progress: Sendable {
    /// Which judge, from 1, of how many.
    public let judge, judges: Int
    /// Pairs it has judged, and how many there are.
    public let done, total: Int
    /// Pairs whose scores an earlier run left.
    public let kept: Int
  }

  private let rows: [PairRow]
  private let judges: [FilterJudge]

  /// A filter of `rows` by `judges`.
  public init(rows: [PairRow], judges: [FilterJudge]) {
    self.rows = rows
    self.judges = judges
  }

  /// How many of the rows say in their provenance that the checkpoint `fingerprint` made them.
  public static func count(of rows: [PairRow], madeBy fingerprint: String) -> Int {
    rows.count { $0.fields["provenance"]?["checkpoint"]?.string == fingerprint }
  }

  /// Scores all rows, and keeps the scores in the file at `journalPath`, which is for the caller to remove when what
  /// follows from them is written; takes up what is in it. Throws `Interrupted` when `isCancelled` says so.
  public func score(
    journalPath: String, isForced: Bool = false, isCancelled: @escaping () -> Bool = { false },
    report: (Progress) -> Void = { _ in }
  ) throws -> [Result<PairScores, JudgeRefusal>] {
    let identity = FilterIdentity(rows: rows, judges: judges.map(\.identity))
    let journal = try ScoreJournal(path: journalPath, identity: identity, rows: rows.count, isForced: isForced)
    for number in judges.indices {
      let open = rows.indices.filter { journal.verdicts[number][$0] == nil }
      guard !open.isEmpty else { continue }
      let (judge, context) = try judges[number].open()
      let gain = LikelihoodGain(model: judge.model, context: context)
      for start in stride(from: 0, to: open.count, by: PairFilter.blockLength) {
        func tell(_ done: Int) {
          report(
            Progress(
              judge: number + 1, judges: judges.count, done: rows.count - open.count + done, total: rows.count,
              kept: rows.count - open.count))
        }
        tell(start)
        let block = Array(open[start..<min(start + PairFilter.blockLength, open.count)])
        let pairs = block.map { rows[$0].pair }
        let marks = try judge.judge(pairs, isCancelled: isCancelled)
        let gains = try gain.gains(of: pairs, isCancelled: isCancelled)
        let verdicts = zip(marks, gains).map { marks, gain in
          marks.flatMap { marks in gain.map { JudgeVerdict(judgement: marks, gain: $0) } }
        }
        try journal.append(Array(zip(block, verdicts)).map { (row: $0, verdict: $1) }, judge: number)
        tell(start + block.count)
      }
    }
    return rows.indices.map { row in
      var verdicts: [JudgeVerdict] = []
      for judge in journal.verdicts {
        switch judge[row] {
        case .success(let verdict)?: verdicts.append(verdict)
        case .failure(let refusal)?: return .failure(refusal)
        case nil: return .failure(.refused("it was not judged"))
        }
      }
      return .success(PairScores(verdicts: verdicts))
    }
  }
}
