// Agreement between raters beyond chance. Values as scikit-learn's cohen_kappa_score and statsmodels' fleiss_kappa.

/// Kappa statistics.
public enum Kappa {
  /// How disagreements count.
  public enum Weights: Sendable {
    /// All alike.
    case none
    /// By the square of the distance between ranks, for categories in order.
    case quadratic
  }

  /// Cohen's kappa (1960) of two raters' categories of the same subjects; nil without subjects, and where both give
  /// one same category only, so that chance agrees always.
  public static func cohen(_ first: [Int], _ second: [Int], weights: Weights = .none) -> Double? {
    guard first.count == second.count, !first.isEmpty else { return nil }
    let categories = Set(first + second).sorted()
    let ranks = Dictionary(zip(categories, categories.indices), uniquingKeysWith: { rank, _ in rank })
    let (one, two) = (first.map { ranks[$0] ?? 0 }, second.map { ranks[$0] ?? 0 })
    func weight(_ left: Int, _ right: Int) -> Double {
      weights == .none ? (left == right ? 0 : 1) : Double((left - right) * (left - right))
    }
    let observed = zip(one, two).reduce(0) { $0 + weight($1.0, $1.1) }
    var (counts, others) = ([Int](repeating: 0, count: categories.count), [Int](repeating: 0, count: categories.count))
    for rank in one { counts[rank] += 1 }
    for rank in two { others[rank] += 1 }
    var expected = 0.0
    for left in categories.indices {
      for right in categories.indices { expected += weight(left, right) * Double(counts[left] * others[right]) }
    }
    return expected == 0 ? nil : 1 - observed / (expected / Double(first.count))
  }

  /// Fleiss' kappa (1971): for each subject the category that each rater gave, as many raters for all. Nil without
  /// subjects, with a single rater, and where all gave one same category.
  public static func fleiss(_ subjects: [[Int]]) -> Double? {
    guard let raters = subjects.first?.count, raters > 1 else { return nil }
    guard subjects.allSatisfy({ $0.count == raters }) else { return nil }
    var totals: [Int: Int] = [:]
    var agreement = 0.0
    for subject in subjects {
      var counts: [Int: Int] = [:]
      for category in subject { counts[category, default: 0] += 1 }
      agreement += Double(counts.values.reduce(0) { $0 + $1 * ($1 - 1) }) / Double(raters * (raters - 1))
      totals.merge(counts, uniquingKeysWith: +)
    }
    let all = Double(subjects.count * raters)
    let chance = totals.values.reduce(0) { $0 + Double($1) / all * Double($1) / all }
    return chance >= 1 ? nil : (agreement / Double(subjects.count) - chance) / (1 - chance)
  }
}
