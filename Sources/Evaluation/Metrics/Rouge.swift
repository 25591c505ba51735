// ROUGE (Lin 2004) by the three conventions that published figures follow. They differ in whether a run that occurs
// twice counts twice, in what ROUGE-L compares, and by 1e-8 in the F measure.

/// Precision, recall and their harmonic mean.
public struct RougeScore: Sendable, Equatable {
  /// The share of the answer that is in the reference.
  public let precision: Double
  /// The share of the reference that is in the answer.
  public let recall: Double
  /// The F measure.
  public let fMeasure: Double

  /// Nothing in common.
  static let zero = RougeScore(precision: 0, recall: 0, fMeasure: 0)
}

/// The package whose values are meant.
public enum RougeConvention: String, Sendable, CaseIterable {
  /// rouge-score 0.1.2: runs count as often as they occur.
  case rougeScore = "rouge-score"
  /// rouge-chinese 1.0.3: each distinct run counts once in ROUGE-1 and ROUGE-2.
  case rougeChinese = "rouge-chinese"
  /// rouge 1.0.1: the same, and ROUGE-L is that of sentences, of which each distinct word counts once.
  case rouge

  /// ROUGE-N of an answer of the tokens `answer`.
  public func score(ngrams length: Int, answer: [Int32], reference: [Int32]) -> RougeScore {
    switch self {
    case .rougeScore:
      let (mine, theirs) = (Ngram.counts(length, of: answer), Ngram.counts(length, of: reference))
      return score(
        common: mine.matches(theirs), answer: max(answer.count - length + 1, 0),
        reference: max(reference.count - length + 1, 0))
    case .rougeChinese, .rouge:
      let (mine, theirs) = (Set(Ngram.all(length, of: answer)), Set(Ngram.all(length, of: reference)))
      return score(common: mine.intersection(theirs).count, answer: mine.count, reference: theirs.count)
    }
  }

  /// ROUGE-L of an answer of the tokens `answer`, both texts taken as one sentence each.
  public func longest(answer: [Int32], reference: [Int32]) -> RougeScore {
    score(
      common: LongestCommonSubsequence(reference).length(with: answer), answer: answer.count,
      reference: reference.count)
  }

  /// The score of `common` tokens or runs of so many.
  func score(common: Int, answer: Int, reference: Int) -> RougeScore {
    guard common > 0 else { return .zero }
    let precision = Double(common) / Double(answer)
    let recall = Double(common) / Double(reference)
    let slack = self == .rougeScore ? 0 : 1e-8
    return RougeScore(
      precision: precision, recall: recall, fMeasure: 2 * (precision * recall) / (precision + recall + slack))
  }
}
