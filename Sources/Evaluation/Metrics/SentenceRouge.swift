// Texts as sentences of words, and ROUGE-L over them, as the package rouge 1.0.1 has both. Its sentences end at every full
// stop, that of a decimal number too, and a sentence of white space alone has one word, which is empty: all this is
// part of its values.
import Text

/// A text as sentences of words.
struct RougeSentences {
  /// The words of each sentence.
  let sentences: [[String]]

  /// The sentences of `text`.
  init(_ text: String) {
    sentences = text.unicodeScalars.split(separator: ".").map { sentence in
      let words = sentence.split(whereSeparator: \.isPythonSpace).map { String($0) }
      return words.isEmpty ? [""] : words
    }
  }
}

extension RougeConvention {
  /// ROUGE-L of the sentences of an answer: the distinct tokens that any of them has, in its order, in common with any
  /// sentence of the reference, by the distinct tokens of each text.
  public func longest(answer: [[Int32]], reference: [[Int32]]) -> RougeScore {
    var common: Set<Int32> = []
    for theirs in reference {
      for mine in answer { common.formUnion(RougeConvention.subsequence(of: theirs, and: mine)) }
    }
    return score(
      common: common.count, answer: Set(answer.joined()).count, reference: Set(reference.joined()).count)
  }

  /// The tokens of a longest common subsequence, the one of several that is found from the ends: where both sides could
  /// be shortened without loss it is the second.
  private static func subsequence(of first: [Int32], and second: [Int32]) -> [Int32] {
    let width = second.count
    // Whether shortening the first side keeps more than shortening the second.
    var shortensFirst = [Bool](repeating: false, count: first.count * width)
    var (above, row) = ([Int](repeating: 0, count: width + 1), [Int](repeating: 0, count: width + 1))
    for (line, token) in first.enumerated() {
      for column in 0..<width {
        if token == second[column] {
          row[column + 1] = above[column] + 1
        } else {
          row[column + 1] = max(above[column + 1], row[column])
          shortensFirst[line * width + column] = above[column + 1] > row[column]
        }
      }
      swap(&above, &row)
    }
    var found: [Int32] = []
    var (line, column) = (first.count, width)
    while line > 0, column > 0 {
      if first[line - 1] == second[column - 1] {
        found.append(first[line - 1])
        (line, column) = (line - 1, column - 1)
      } else if shortensFirst[(line - 1) * width + column - 1] {
        line -= 1
      } else {
        column -= 1
      }
    }
    return found
  }
}
