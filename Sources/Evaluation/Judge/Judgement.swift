// What a judge found.

/// The marks of one pair.
public struct Judgement: Sendable, Equatable {
  /// The score of each aspect; all count the same way round.
  public let scores: [JudgedAspect: AspectScore]

  /// Marks for every aspect.
  public init(scores: [JudgedAspect: AspectScore]) { self.scores = scores }

  /// The mean of the expected scores, 0 to 10.
  public var mean: Double { scores.values.isEmpty ? 0 : sum { $0.expected } / Double(scores.count) }

  private func sum(_ value: (AspectScore) -> Double) -> Double {
    JudgedAspect.allCases.reduce(0) { $0 + (scores[$1].map(value) ?? 0) }
  }
}
