// How well a score parts two kinds of rows.

/// The area under the ROC curve.
public enum AreaUnderCurve {
  /// The probability that a random positive score is above a random negative one, equal ones counting half (Mann and
  /// Whitney's U over the number of pairs). Nil when there are none of either kind, or a score is no number.
  public static func value(positives: [Double], negatives: [Double]) -> Double? {
    guard !positives.isEmpty, !negatives.isEmpty else { return nil }
    guard (positives + negatives).allSatisfy({ !$0.isNaN }) else { return nil }
    let all = (positives.map { ($0, true) } + negatives.map { ($0, false) }).sorted { $0.0 < $1.0 }
    var (wins, below) = (0.0, 0.0)
    var start = 0
    while start < all.count {
      let end = all[start...].firstIndex { $0.0 != all[start].0 } ?? all.count
      let positive = Double(all[start..<end].count { $0.1 })
      let negative = Double(end - start) - positive
      wins += positive * (below + negative / 2)
      below += negative
      start = end
    }
    return wins / (Double(positives.count) * Double(negatives.count))
  }
}
