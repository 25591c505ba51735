// What a filtering came to, in numbers: histograms, how far the signals and the judges agree, and the pairs at the edge.
import Evaluation

/// Numbers about a filtering.
public struct FilterSummary: Sendable {
  /// One signal over all scored pairs.
  public struct Signal: Sendable {
    /// Its name: an aspect, "mean", "gain" or "score".
    public let name: String
    /// Its values, in the order of the pairs.
    public let values: [Double]
    /// How well it parts the labelled pairs, where there are labels (`AreaUnderCurve`).
    public let area: Double?

    /// The mean of the values.
    public var mean: Double { values.reduce(0, +) / Double(max(values.count, 1)) }
    /// Their standard deviation.
    public var deviation: Double {
      let mean = mean
      return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(max(values.count, 1))).squareRoot()
    }
    /// The value that this part of the values lies below.
    public func quantile(_ part: Double) -> Double {
      let sorted = values.sorted()
      return sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(Double(sorted.count) * part))]
    }
    /// How many values lie in each of `bins` equal parts of `range`; those beyond count at its ends.
    public func histogram(bins: Int, in range: ClosedRange<Double>) -> [Int] {
      var counts = [Int](repeating: 0, count: bins)
      let width = (range.upperBound - range.lowerBound) / Double(bins)
      for value in values where value.isFinite {
        counts[Int(min(max((value - range.lowerBound) / width, 0), Double(bins - 1)))] += 1
      }
      return counts
    }
  }

  /// How far two series of numbers agree.
  public struct Agreement: Sendable {
    /// Whose they are and of what.
    public let name: String
    /// Pearson's correlation; nil where one of them never changes.
    public let correlation: Double?
    /// The mean absolute difference; nil where they are not in the same unit.
    public let difference: Double?
  }

  /// Pairs kept, rejected by the rule, and not judged.
  public let kept, rejected, unjudged: Int
  /// Every aspect, the mean, the gain and the score.
  public let signals: [Signal]
  /// The judges with one another, and marks with gain.
  public let agreements: [Agreement]
  /// The numbers of the kept pairs with the lowest scores, and of the rejected ones with the highest.
  public let lastKept, firstRejected: [Int]
  /// Labelled pairs: those with the good label, and the others; nil without labels.
  public let labelled: (good: Int, other: Int)?

  /// Examples on each side of the edge.
  private static let edgeLength = 5

  /// The summary of `scores` and what was decided of them; `isGood` tells what a pair is labelled as, nil where it has
  /// no label.
  public init(
    _ scores: [Result<PairScores, JudgeRefusal>], _ decisions: [FilterRule.Decision], judges: [String],
    isGood: ((Int) -> Bool?)? = nil
  ) {
    let scored = scores.indices.compactMap { index in (try? scores[index].get()).map { (index, $0) } }
    kept = decisions.count { $0.isKept }
    unjudged = scores.count - scored.count
    rejected = decisions.count - kept - unjudged
    var signals: [Signal] = []
    func add(_ name: String, _ value: (PairScores) -> Double) {
      let area = isGood.flatMap { isGood in
        AreaUnderCurve.value(
          positives: scored.filter { isGood($0.0) == true }.map { value($0.1) },
          negatives: scored.filter { isGood($0.0) == false }.map { value($0.1) })
      }
      signals.append(Signal(name: name, values: scored.map { value($0.1) }, area: area))
    }
    for aspect in JudgedAspect.allCases { add(aspect.rawValue) { $0.expected(aspect) } }
    add("mean") { $0.mean }
    add("gain") { $0.gain }
    add("score") { $0.score }
    self.signals = signals
    agreements = FilterSummary.agreements(scored.map(\.1), judges: judges)
    let order = scored.sorted { $0.1.score != $1.1.score ? $0.1.score > $1.1.score : $0.0 < $1.0 }.map(\.0)
    lastKept = Array(order.filter { decisions[$0].isKept }.suffix(FilterSummary.edgeLength).reversed())
    firstRejected = Array(order.filter { !decisions[$0].isKept }.prefix(FilterSummary.edgeLength))
    labelled = isGood.map { isGood in
      (scored.count { isGood($0.0) == true }, scored.count { isGood($0.0) == false })
    }
  }

  private static func agreements(_ scores: [PairScores], judges: [String]) -> [Agreement] {
    var found = [
      Agreement(
        name: "mean of the marks and gain", correlation: correlation(scores.map(\.mean), scores.map(\.gain)),
        difference: nil)
    ]
    for first in judges.indices {
      for second in judges.indices where second > first {
        func add(_ name: String, _ value: (JudgeVerdict) -> Double) {
          let (left, right) = (scores.map { value($0.verdicts[first]) }, scores.map { value($0.verdicts[second]) })
          let difference = zip(left, right).reduce(0) { $0 + abs($1.0 - $1.1) } / Double(max(scores.count, 1))
          found.append(
            Agreement(
              name: "\(name), judges \(first + 1) and \(second + 1)", correlation: correlation(left, right),
              difference: difference))
        }
        for aspect in JudgedAspect.allCases { add(aspect.rawValue) { $0.judgement.scores[aspect]?.expected ?? 0 } }
        add("mean") { $0.judgement.mean }
        add("gain") { $0.gain }
      }
    }
    return found
  }

  /// Pearson's correlation; nil where one of the series never changes.
  static func correlation(_ left: [Double], _ right: [Double]) -> Double? {
    let count = Double(max(left.count, 1))
    let (leftMean, rightMean) = (left.reduce(0, +) / count, right.reduce(0, +) / count)
    var (product, leftSquare, rightSquare) = (0.0, 0.0, 0.0)
    for (left, right) in zip(left, right) {
      product += (left - leftMean) * (right - rightMean)
      leftSquare += (left - leftMean) * (left - leftMean)
      rightSquare += (right - rightMean) * (right - rightMean)
    }
    let length = (leftSquare * rightSquare).squareRoot()
    return length > 0 ? product / length : nil
  }
}
