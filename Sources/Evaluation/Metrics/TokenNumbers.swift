// Numbers for tokens and for runs of them, so that metrics compare integers.

/// Gives every distinct token a number. Tokens are the same when their UTF-8 bytes are.
public struct TokenNumbers {
  private var numbers: [[UInt8]: Int32] = [:]

  /// No tokens yet.
  public init() {}

  /// The numbers of `tokens`; new ones get the next numbers.
  public mutating func numbers(of tokens: [String]) -> [Int32] {
    tokens.map { token in
      let key = Array(token.utf8)
      if let number = numbers[key] { return number }
      let number = Int32(numbers.count)
      numbers[key] = number
      return number
    }
  }
}

/// A run of one to four tokens.
struct Ngram: Hashable {
  private var words: SIMD4<Int32>

  /// Every run of `length` tokens, in the order of `tokens`.
  static func all(_ length: Int, of tokens: [Int32]) -> [Ngram] {
    guard tokens.count >= length else { return [] }
    return (0...tokens.count - length).map { start in
      var words = SIMD4<Int32>(repeating: -1)
      for offset in 0..<length { words[offset] = tokens[start + offset] }
      return Ngram(words: words)
    }
  }

  /// How often each run of `length` tokens occurs.
  static func counts(_ length: Int, of tokens: [Int32]) -> [Ngram: Int] {
    var counts: [Ngram: Int] = [:]
    for ngram in all(length, of: tokens) { counts[ngram, default: 0] += 1 }
    return counts
  }
}

extension [Ngram: Int] {
  /// How many runs both have, each as often as it occurs in the one that has fewer of it.
  func matches(_ other: [Ngram: Int]) -> Int {
    reduce(0) { $0 + Swift.min($1.value, other[$1.key] ?? 0) }
  }
}
