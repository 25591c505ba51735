// Scores as tokens. Nothing but a score can come out: from the model's probabilities only the ways to write one of the
// numbers from 0 to 10 are taken. A number may be one token or several, and one may go on to another, as 1 to 10.
import Glibc
import Text

/// The ways to write the scores behind an opening such as "Score:".
struct ScoreTokens {
  /// The best score.
  static let largest = 10

  /// The tokens of the opening, which come before any score's.
  let opening: [Int32]
  /// Each score's own tokens, never empty.
  let chains: [[Int32]]

  /// The scores written as `opening`, `space` and the number. Nil when the tokenizer cannot tell two of them apart.
  init?(opening: String, space: String, tokenizer: Tokenizer) {
    let written = (0...ScoreTokens.largest).map {
      tokenizer.encode(opening + space + String($0), parseSpecial: false, addBeginning: false)
    }
    // What is common to all of them; a number's first digit may be one token with what stands before it.
    let shortest = written.map(\.count).min() ?? 0
    let shared = (0..<shortest).first { place in written.contains { $0[place] != written[0][place] } } ?? shortest
    self.opening = Array(written[0][..<shared])
    chains = written.map { Array($0[shared...]) }
    guard Set(chains).count == chains.count, chains.allSatisfy({ !$0.isEmpty }) else { return nil }
  }

  /// The beginnings of scores behind which the model must be asked: the empty one, and each behind which a score
  /// goes on. Shorter ones come first.
  var beginnings: [[Int32]] {
    var found: Set<[Int32]> = []
    for chain in chains { for length in 0..<chain.count { found.insert(Array(chain[..<length])) } }
    return found.sorted { $0.count != $1.count ? $0.count < $1.count : $0.lexicographicallyPrecedes($1) }
  }

  /// The tokens that go on to a score behind `beginning`, in ascending order.
  func next(behind beginning: [Int32]) -> [Int32] {
    let longer = chains.filter { $0.count > beginning.count && $0.starts(with: beginning) }
    return Set(longer.map { $0[beginning.count] }).sorted()
  }

  /// Each score's probability, given that it is a score, from the log-probability of every token that goes on, by the
  /// beginning before it: the product along its tokens, and behind a score that could go on to another the
  /// probability that it does not.
  func probabilities(_ logProbabilities: [[Int32]: [Int32: Double]]) -> [Double] {
    let logs = chains.map { chain in
      var log = 0.0
      for length in 0..<chain.count {
        log += logProbabilities[Array(chain[..<length])]?[chain[length]] ?? -.infinity
      }
      let goingOn = logProbabilities[chain]?.values.reduce(0) { $0 + exp($1) } ?? 0
      return log + log1p(-min(goingOn, 1))
    }
    let best = logs.max() ?? 0
    guard best.isFinite else { return chains.map { _ in 1 / Double(chains.count) } }
    let weights = logs.map { exp($0 - best) }
    let sum = weights.reduce(0, +)
    return weights.map { $0 / sum }
  }
}

/// A mark and how sure the judge is of it.
public struct AspectScore: Sendable, Equatable {
  /// The probability of each score from 0 to 10, summing to 1.
  public let probabilities: [Double]

  /// The likeliest score, the lower of equals.
  public var hard: Int { probabilities.indices.max { probabilities[$0] < probabilities[$1] } ?? 0 }
  /// The expected score, 0 to 10.
  public var expected: Double { probabilities.enumerated().reduce(0) { $0 + Double($1.offset) * $1.element } }

  /// A score of these probabilities.
  public init(probabilities: [Double]) { self.probabilities = probabilities }
}
