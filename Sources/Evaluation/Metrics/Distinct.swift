// Distinct-N of Li et al. (2016): how varied answers are.

/// The runs of one length in a set of answers, numbered, so that any selection of the answers is quickly counted again.
public struct DistinctNgrams: Sendable {
  /// The numbers of each answer's runs.
  private let answers: [[Int32]]
  private let distinct: Int

  /// The runs of `length` tokens in `answers`.
  public init(_ length: Int, of answers: [[Int32]]) {
    var numbers: [Ngram: Int32] = [:]
    self.answers = answers.map { answer in
      Ngram.all(length, of: answer).map { ngram in
        if let number = numbers[ngram] { return number }
        let number = Int32(numbers.count)
        numbers[ngram] = number
        return number
      }
    }
    distinct = numbers.count
  }

  /// Distinct runs by all runs of all answers; 0 without any.
  public var score: Double { score(of: Array(answers.indices)) }

  /// The same for a selection of the answers, in which one may be several times.
  public func score(of selection: [Int]) -> Double {
    var seen = [Bool](repeating: false, count: distinct)
    var (found, total) = (0, 0)
    for index in selection {
      total += answers[index].count
      for number in answers[index] where !seen[Int(number)] {
        seen[Int(number)] = true
        found += 1
      }
    }
    return total == 0 ? 0 : Double(found) / Double(total)
  }
}
