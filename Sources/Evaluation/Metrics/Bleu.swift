// BLEU (Papineni et al. 2002) with the values of sacrebleu 2.6.0: smoothing `exp`, and over single sentences the
// effective order. What a text contributes is counts, which add up over texts.
import Glibc

/// What one or many answers contribute to BLEU.
public struct BleuStatistics: Sendable, Equatable {
  /// The longest runs that are counted.
  public static let maximumOrder = 4

  /// Tokens of the answers and of the references.
  public private(set) var (answerLength, referenceLength) = (0, 0)
  /// Runs of one to four tokens that are in the reference too, and all there are.
  public private(set) var (matches, totals) = (SIMD4<Int>.zero, SIMD4<Int>.zero)

  /// No answers yet.
  public init() {}

  /// The counts of an answer to one reference.
  public init(answer: [Int32], reference: [Int32]) {
    answerLength = answer.count
    referenceLength = reference.count
    for order in 1...BleuStatistics.maximumOrder {
      let counts = Ngram.counts(order, of: answer)
      matches[order - 1] = counts.matches(Ngram.counts(order, of: reference))
      totals[order - 1] = max(answer.count - order + 1, 0)
    }
  }

  /// Adds the counts of other answers.
  public static func += (left: inout BleuStatistics, right: BleuStatistics) {
    left.answerLength += right.answerLength
    left.referenceLength += right.referenceLength
    left.matches &+= right.matches
    left.totals &+= right.totals
  }

  /// BLEU of runs up to `order`, from 0 to 100. With `effectiveOrder`, as sacrebleu has it for sentences, runs longer
  /// than the answer are left out of the mean; without it they make it 0.
  public func score(order: Int = maximumOrder, effectiveOrder: Bool = false) -> Double {
    guard (0..<order).contains(where: { matches[$0] > 0 }) else { return 0 }
    var sum = 0.0
    var smoothing = 1.0
    var orders = order
    for index in 0..<order {
      guard totals[index] > 0 else {
        if !effectiveOrder { return 0 }
        break
      }
      if effectiveOrder { orders = index + 1 }
      if matches[index] == 0 { smoothing *= 2 }
      sum += log(100 * (matches[index] == 0 ? 1 / smoothing : Double(matches[index])) / Double(totals[index]))
    }
    let ratio = Double(referenceLength) / Double(answerLength)
    return (answerLength < referenceLength ? exp(1 - ratio) : 1) * exp(sum / Double(orders))
  }
}
