// What is known of one pair when the judges are done, and the score the filter goes by.
import Evaluation
import Glibc

/// What one judge says of a pair.
public struct JudgeVerdict: Sendable, Equatable {
  /// The marks of the five aspects.
  public let judgement: Judgement
  /// How much likelier the question makes the answer (`LikelihoodGain`).
  public let gain: Double

  /// Marks and gain.
  public init(judgement: Judgement, gain: Double) {
    self.judgement = judgement
    self.gain = gain
  }
}

/// What all judges say of a pair, each counting alike.
public struct PairScores: Sendable, Equatable {
  /// The judges' verdicts, in their order.
  public let verdicts: [JudgeVerdict]

  /// The scores of at least one judge.
  public init(verdicts: [JudgeVerdict]) { self.verdicts = verdicts }

  /// An aspect's expected score, 0 to 10.
  public func expected(_ aspect: JudgedAspect) -> Double { mean { $0.judgement.scores[aspect]?.expected ?? 0 } }

  /// An aspect's hard score.
  public func hard(_ aspect: JudgedAspect) -> Double { mean { Double($0.judgement.scores[aspect]?.hard ?? 0) } }

  /// The mean of the five expected scores.
  public var mean: Double { mean { $0.judgement.mean } }

  /// How much likelier the question makes the answer.
  public var gain: Double { mean(\.gain) }

  /// The score pairs are ranked by: the mean of the marks times `1 - exp(-gain / 4)`. An answer that its question makes
  /// no likelier is worth nothing, however well it reads; one that it makes much likelier is worth its marks. At most
  /// 10, and below 0 where the question makes the answer less likely.
  public var score: Double { mean * -expm1(-min(max(gain, -PairScores.gainLimit), PairScores.gainLimit) / 4) }

  /// Gains beyond this, either way, say no more.
  private static let gainLimit = 20.0

  private func mean(_ value: (JudgeVerdict) -> Double) -> Double {
    verdicts.isEmpty ? 0 : verdicts.reduce(0) { $0 + value($1) } / Double(verdicts.count)
  }
}
