// Intervals by the percentile bootstrap (Efron 1979) over items, and paired comparisons of two runs by the same
// resamples (Koehn 2004). Everything follows from the seed.
import Common

/// A value and its interval of 95 %.
public struct Estimate: Sendable, Equatable {
  /// Over all items.
  public let value: Double
  /// The 2.5th and the 97.5th percentile of the resamples.
  public let low, high: Double
}

/// The difference of two runs in one figure.
public struct Difference: Sendable, Equatable {
  /// The figure's name.
  public let name: String
  /// This run's value and the other's, over the items of both.
  public let value, other: Double
  /// Their difference.
  public let estimate: Estimate
  /// Twice the share of resamples on the far side of no difference, one added to both counts: the two-sided p
  /// of the paired bootstrap.
  public let p: Double
}

/// Resamples of a number of items.
public struct Bootstrap: Sendable {
  /// How many resamples are drawn.
  public let resamples: Int
  /// Where the random numbers start.
  public let seed: UInt64

  /// `resamples` resamples from `seed`.
  public init(resamples: Int, seed: UInt64) {
    (self.resamples, self.seed) = (resamples, seed)
  }

  /// The estimates of `metrics` over the items `selection`; nil where a metric says nothing of them.
  public func estimates(_ metrics: [TaskMetric], over selection: [Int]) -> [Estimate?] {
    let values = metrics.map { $0.value(selection) }
    var samples = [[Double]](repeating: [], count: metrics.count)
    draw(from: selection) { drawn in
      for (index, metric) in metrics.enumerated() where values[index] != nil {
        if let value = metric.value(drawn) { samples[index].append(value) }
      }
    }
    return metrics.indices.map { index in
      guard let value = values[index] else { return nil }
      guard metrics[index].isMoved, !samples[index].isEmpty else { return Bootstrap.estimate(value, samples[index]) }
      let shift = value - samples[index].reduce(0, +) / Double(samples[index].count)
      return Bootstrap.estimate(value, samples[index].map { min(max($0 + shift, 0), 1) })
    }
  }

  /// The differences of `metrics` to those of another run over `count` items that are in the same order there.
  public func differences(_ metrics: [TaskMetric], _ others: [TaskMetric], count: Int) -> [Difference] {
    let all = Array(0..<count)
    let pairs = metrics.compactMap { metric in
      others.first { $0.name == metric.name }.map { (metric, $0) }
    }
    var samples = [[Double]](repeating: [], count: pairs.count)
    draw(from: all) { drawn in
      for (index, pair) in pairs.enumerated() {
        if let mine = pair.0.value(drawn), let other = pair.1.value(drawn) { samples[index].append(mine - other) }
      }
    }
    return zip(pairs, samples).compactMap { pair, samples in
      guard let value = pair.0.value(all), let other = pair.1.value(all) else { return nil }
      let below = samples.count { $0 <= 0 }
      let above = samples.count { $0 >= 0 }
      let p = samples.isEmpty ? 1 : min(1, 2 * Double(min(below, above) + 1) / Double(samples.count + 1))
      return Difference(
        name: pair.0.name, value: value, other: other, estimate: Bootstrap.estimate(value - other, samples), p: p)
    }
  }

  private func draw(from selection: [Int], _ use: ([Int]) -> Void) {
    guard !selection.isEmpty else { return }
    var random = SplitMix64(seed: seed)
    for _ in 0..<resamples {
      use(selection.map { _ in selection[random.next(below: selection.count)] })
    }
  }

  private static func estimate(_ value: Double, _ samples: [Double]) -> Estimate {
    let sorted = samples.sorted()
    return Estimate(value: value, low: percentile(0.025, of: sorted), high: percentile(0.975, of: sorted))
  }

  /// A percentile with linear interpolation between neighbours.
  static func percentile(_ part: Double, of sorted: [Double]) -> Double {
    guard !sorted.isEmpty else { return .nan }
    let place = part * Double(sorted.count - 1)
    let below = Int(place)
    let above = min(below + 1, sorted.count - 1)
    return sorted[below] + (sorted[above] - sorted[below]) * (place - Double(below))
  }
}
