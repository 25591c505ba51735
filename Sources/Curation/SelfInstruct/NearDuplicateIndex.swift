// Whether a question says nearly what one that was kept says: ROUGE-L against all of them. With a hundred thousand
// kept, comparing all would take seconds, so an index leaves out those that cannot come near, and no others.
//
// ROUGE-L's F is 2 L / (m + n), with L the longest common subsequence of m and n tokens. L is at most the number of
// tokens both have, each as often as both have it. F above the limit t needs L > t (m + n) / 2, and, as L is at most
// the shorter, n > m t / (2 - t). So a near duplicate shares more than s = t m / (2 - t) of the m tokens with the
// candidate. The lists of who has a token are gone through and counted; the longest few, of words that everybody
// uses, are left out, and as many fewer shared tokens asked for (Sarawagi and Kirpal, "Efficient set joins on similarity
// predicates", 2004). What passes is compared.
import Evaluation

/// Kept questions, ready to be compared with.
public struct NearDuplicateIndex {
  /// A token and which of its occurrences in its text it is: so texts become sets.
  private struct Occurrence: Hashable {
    let token: Int32
    let number: Int32
  }

  /// The limit in hundredths: a ROUGE-L above it is a near duplicate.
  private let hundredths: Int
  private var numbers = TokenNumbers()
  /// Which occurrence has which number, and the kept texts each is in.
  private var occurrences: [Occurrence: Int32] = [:]
  private var postings: [[Int32]] = []
  /// Tokens of all kept texts one after the other, and where each text ends.
  private var tokens: [Int32] = []
  private var ends: [Int] = []
  /// For each kept text how many tokens it was found to share with the candidate.
  private var counts: [Int32] = []

  /// An index of nothing, for ROUGE-L above `hundredths` of 1.
  public init(hundredths: Int = 70) {
    precondition((1...99).contains(hundredths), "a limit between 0 and 1")
    self.hundredths = hundredths
  }

  /// How many texts are in it.
  public var count: Int { ends.count }

  /// Puts `text` in.
  public mutating func insert(_ text: String) {
    let new = numbered(text)
    for occurrence in NearDuplicateIndex.occurrences(new) {
      let number = occurrences[occurrence] ?? Int32(postings.count)
      if Int(number) == postings.count {
        occurrences[occurrence] = number
        postings.append([])
      }
      postings[Int(number)].append(Int32(ends.count))
    }
    tokens += new
    ends.append(tokens.count)
    counts.append(0)
  }

  /// The number of a kept text that `text` is a near duplicate of, nil when there is none. A text without tokens is
  /// like another without.
  public mutating func nearDuplicate(of text: String) -> Int? {
    let candidate = numbered(text)
    guard !candidate.isEmpty else { return ends.indices.first { range($0).isEmpty } }
    let subsequence = LongestCommonSubsequence(candidate)
    for kept in textsSharingMuch(with: candidate) {
      let range = range(Int(kept))
      let least = hundredths * (candidate.count + range.count)
      guard 200 * min(candidate.count, range.count) > least else { continue }
      if 200 * subsequence.length(with: tokens[range]) > least { return Int(kept) }
    }
    return nil
  }

  /// The kept texts that may share enough tokens with `candidate`, and some others.
  private mutating func textsSharingMuch(with candidate: [Int32]) -> [Int32] {
    let shared = hundredths * candidate.count / (200 - hundredths) + 1
    let lists = NearDuplicateIndex.occurrences(candidate).compactMap { occurrences[$0].map(Int.init) }
      .sorted { postings[$0].count < postings[$1].count }
    // A token that nobody has is in no list; those left out are the longest of the lists there are.
    let left = shared / 3
    let least = Int32(shared - left)
    for kept in counts.indices { counts[kept] = 0 }
    var found: [Int32] = []
    for list in lists.dropLast(left) {
      for kept in postings[list] {
        counts[Int(kept)] &+= 1
        if counts[Int(kept)] == least { found.append(kept) }
      }
    }
    return found
  }

  private func range(_ kept: Int) -> Range<Int> { (kept == 0 ? 0 : ends[kept - 1])..<ends[kept] }

  /// The tokens of `text` that ROUGE compares: Chinese characters and words, without regard to case and marks.
  private mutating func numbered(_ text: String) -> [Int32] {
    numbers.numbers(of: NearDuplicateIndex.tokens(of: text))
  }

  /// Every ideograph or kana a token, and runs of other letters and digits, in lower case.
  static func tokens(of text: String) -> [String] {
    var (tokens, word) = ([String](), "")
    func isWhole(_ scalar: Unicode.Scalar) -> Bool {
      scalar.properties.isIdeographic || (0x3040...0x30FF).contains(scalar.value)
    }
    for scalar in text.unicodeScalars {
      if scalar.properties.isAlphabetic || scalar.properties.numericType != nil, !isWhole(scalar) {
        word += scalar.properties.lowercaseMapping
        continue
      }
      if !word.isEmpty { tokens.append(word) }
      word = ""
      if isWhole(scalar) { tokens.append(String(scalar)) }
    }
    if !word.isEmpty { tokens.append(word) }
    return tokens
  }

  private static func occurrences(_ tokens: [Int32]) -> [Occurrence] {
    var counts: [Int32: Int32] = [:]
    return tokens.map { token in
      counts[token, default: 0] += 1
      return Occurrence(token: token, number: counts[token] ?? 1)
    }
  }
}
