// GLEU of Wu et al. (2016), with the values of nltk 3.10.4.

/// What one or many answers contribute to GLEU: runs of one to four tokens.
public struct GleuStatistics: Sendable, Equatable {
  /// Runs that answer and reference have in common.
  public private(set) var matches = 0
  /// Runs of the longer of the two.
  public private(set) var total = 0

  /// No answers yet.
  public init() {}

  /// The counts of an answer to one reference.
  public init(answer: [Int32], reference: [Int32]) {
    for order in 1...BleuStatistics.maximumOrder {
      matches += Ngram.counts(order, of: answer).matches(Ngram.counts(order, of: reference))
      total += max(max(answer.count, reference.count) - order + 1, 0)
    }
  }

  /// Adds the counts of other answers.
  public static func += (left: inout GleuStatistics, right: GleuStatistics) {
    left.matches += right.matches
    left.total += right.total
  }

  /// From 0, nothing in common, to 1.
  public var score: Double { total == 0 ? 0 : Double(matches) / Double(total) }
}
