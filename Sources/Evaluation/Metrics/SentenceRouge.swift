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
    // Of the table's rows only some are kept, and those between them are made again on the way back: the whole table of
    // two long texts would take the product of their lengths.
    let step = max(1, Int(Double(first.count).squareRoot()))
    var kept: [[Int32]] = []
    var row = [Int32](repeating: 0, count: second.count + 1)
    for line in first.indices {
      if line % step == 0 { kept.append(row) }
      row = nextRow(row, first[line], second)
    }
    var found: [Int32] = []
    var (line, column) = (first.count, second.count)
    for (index, start) in kept.enumerated().reversed() {
      var rows = [start]
      for line in index * step..<min((index + 1) * step, first.count) {
        rows.append(nextRow(rows[rows.count - 1], first[line], second))
      }
      while line > index * step, column > 0 {
        if first[line - 1] == second[column - 1] {
          found.append(first[line - 1])
          (line, column) = (line - 1, column - 1)
        } else if rows[line - 1 - index * step][column] > rows[line - index * step][column - 1] {
          line -= 1
        } else {
          column -= 1
        }
      }
    }
    return found
  }

  /// The row of the table behind `above`: the lengths for one token more of the first side.
  private static func nextRow(_ above: [Int32], _ token: Int32, _ second: [Int32]) -> [Int32] {
    var row = above
    for column in second.indices {
      row[column + 1] = token == second[column] ? above[column] + 1 : max(above[column + 1], row[column])
    }
    return row
  }
}
