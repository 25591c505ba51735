// What is kept: thresholds, and the best part of what passes them.
import Evaluation

/// What the filter keeps.
public struct FilterRule: Sendable, Equatable {
  /// The least expected score of an aspect.
  public var aspects: [JudgedAspect: Double] = [:]
  /// The least mean of the aspects.
  public var mean: Double?
  /// The least gain.
  public var gain: Double?
  /// The least score.
  public var score: Double?
  /// The part of all scored pairs to keep, the best by their score; above 0 and at most 1.
  public var fraction: Double?

  /// A rule that keeps everything.
  public init() {}

  /// Whether nothing is asked of a pair.
  public var isEmpty: Bool { self == FilterRule() }

  /// What became of a pair.
  public struct Decision: Sendable, Equatable {
    /// Why it was rejected; empty when it is kept.
    public let reasons: [String]
    /// Whether it is kept.
    public var isKept: Bool { reasons.isEmpty }
  }

  /// Decides about pairs by their scores; those without have the reason in their place and are rejected. Of equal
  /// scores the earlier pair ranks higher.
  public func decide(_ scores: [Result<PairScores, JudgeRefusal>]) -> [Decision] {
    let scored = scores.indices.compactMap { index in (try? scores[index].get()).map { (index, $0.score) } }
    let order = scored.sorted { $0.1 != $1.1 ? $0.1 > $1.1 : $0.0 < $1.0 }
    var ranks: [Int: Int] = [:]
    for (rank, entry) in order.enumerated() { ranks[entry.0] = rank + 1 }
    let kept = fraction.map { Int((Double(scored.count) * $0).rounded()) }
    return scores.indices.map { index in
      switch scores[index] {
      case .failure(let refusal): return Decision(reasons: ["not judged: \(refusal)"])
      case .success(let scores):
        var reasons = misses(scores)
        if let kept, let rank = ranks[index], rank > kept {
          reasons.append("rank \(rank) of \(scored.count), beyond the best \(kept)")
        }
        return Decision(reasons: reasons)
      }
    }
  }

  /// The thresholds that `scores` miss, in words.
  private func misses(_ scores: PairScores) -> [String] {
    var reasons: [String] = []
    func check(_ name: String, _ value: Double, _ least: Double?) {
      guard let least, !(value >= least) else { return }
      reasons.append("\(name) \(value.rounded(places: 3)) is below \(least.rounded(places: 3))")
    }
    for aspect in JudgedAspect.allCases { check(aspect.rawValue, scores.expected(aspect), aspects[aspect]) }
    check("mean", scores.mean, mean)
    check("gain", scores.gain, gain)
    check("score", scores.score, score)
    return reasons
  }
}

extension Double {
  /// The number to `places` decimal places.
  func rounded(places: Int) -> Double {
    let factor = (0..<places).reduce(1.0) { product, _ in product * 10 }
    let scaled = (self * factor).rounded() / factor
    return scaled.isFinite ? scaled : self
  }
}
