// Metrics against the packages whose values they are said to be: sacrebleu 2.6.0, rouge-score 0.1.2, rouge-chinese
// 1.0.3 and nltk 3.10.4, run once over 200 pairs written for this test, empty and identical ones among them; and rouge
// 1.0.1 over these and 80 of several sentences.
import Foundation
import Testing
import Text

@testable import Evaluation

@Suite struct MetricTests {
  private static let tolerance = 1e-6

  private struct Fixture: Decodable {
    struct Corpus: Decodable {
      let bleu: [Double]
      let gleu, distinct1, distinct2: Double
    }
    struct Pair: Decodable {
      let language, answer, reference: String
      let tokens: [String]
      let bleu: [Double]
      let gleu: Double
      let rougeScore: [[Double]]
      let rougeChinese: [[Double]]?
      var tokenizer: MetricTokenizer { language == "zh" ? .characters : .words }
    }
    let corpus: [String: Corpus]
    let pairs: [Pair]
  }

  private let fixture: Fixture

  init() throws {
    let url = try #require(Bundle.module.url(forResource: "Fixtures/metrics", withExtension: "json"))
    fixture = try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: url))
    #expect(fixture.pairs.count == 200)
  }

  /// Both texts of a pair in numbers.
  private func numbers(_ pair: Fixture.Pair, _ tokenizer: MetricTokenizer) -> (answer: [Int32], reference: [Int32]) {
    var numbers = TokenNumbers()
    return (
      numbers.numbers(of: tokenizer.tokens(of: pair.answer)), numbers.numbers(of: tokenizer.tokens(of: pair.reference))
    )
  }

  private func agrees(_ value: Double, _ expected: Double) -> Bool { abs(value - expected) <= MetricTests.tolerance }

  private func agrees(_ score: RougeScore, _ expected: [Double]) -> Bool {
    agrees(score.precision, expected[0]) && agrees(score.recall, expected[1]) && agrees(score.fMeasure, expected[2])
  }

  @Test func tokensAreThoseOfSacrebleu() {
    for pair in fixture.pairs {
      #expect(pair.tokenizer.tokens(of: pair.answer).map { Array($0.utf8) } == pair.tokens.map { Array($0.utf8) })
    }
  }

  @Test func bleuAndGleuOfSentences() {
    for pair in fixture.pairs {
      let (answer, reference) = numbers(pair, pair.tokenizer)
      let statistics = BleuStatistics(answer: answer, reference: reference)
      for order in 1...4 {
        #expect(agrees(statistics.score(order: order, effectiveOrder: true), pair.bleu[order - 1]), "\(pair.answer)")
      }
      #expect(agrees(GleuStatistics(answer: answer, reference: reference).score, pair.gleu), "\(pair.answer)")
    }
  }

  @Test(arguments: ["en", "zh"]) func wholeCorpus(language: String) throws {
    let expected = try #require(fixture.corpus[language])
    var (bleu, gleu, numbers) = (BleuStatistics(), GleuStatistics(), TokenNumbers())
    var answers: [[Int32]] = []
    for pair in fixture.pairs where pair.language == language {
      let answer = numbers.numbers(of: pair.tokenizer.tokens(of: pair.answer))
      let reference = numbers.numbers(of: pair.tokenizer.tokens(of: pair.reference))
      bleu += BleuStatistics(answer: answer, reference: reference)
      gleu += GleuStatistics(answer: answer, reference: reference)
      answers.append(answer)
    }
    for order in 1...4 { #expect(agrees(bleu.score(order: order), expected.bleu[order - 1])) }
    #expect(agrees(gleu.score, expected.gleu))
    #expect(agrees(DistinctNgrams(1, of: answers).score, expected.distinct1))
    #expect(agrees(DistinctNgrams(2, of: answers).score, expected.distinct2))
  }

  @Test func rouge() {
    for pair in fixture.pairs {
      let tokenizer = pair.language == "zh" ? .characters : MetricTokenizer.lowercaseWords
      let (answer, reference) = numbers(pair, tokenizer)
      var expected = [(RougeConvention.rougeScore, pair.rougeScore)]
      if let chinese = pair.rougeChinese { expected.append((.rougeChinese, chinese)) }
      for (convention, values) in expected {
        for length in 1...2 {
          let score = convention.score(ngrams: length, answer: answer, reference: reference)
          #expect(agrees(score, values[length - 1]), "\(convention) \(pair.answer)")
        }
        #expect(agrees(convention.longest(answer: answer, reference: reference), values[2]), "\(pair.answer)")
      }
    }
  }

  private struct RougeFixture: Decodable {
    struct Pair: Decodable {
      let language, answer, reference: String
      let scores: [[Double]]
    }
    let pairs: [Pair]
  }

  /// English as it is written, Chinese as its characters with spaces between.
  @Test func rougeOfSentences() throws {
    let url = try #require(Bundle.module.url(forResource: "Fixtures/rouge", withExtension: "json"))
    let fixture = try JSONDecoder().decode(RougeFixture.self, from: Data(contentsOf: url))
    #expect(fixture.pairs.count == 280)
    for pair in fixture.pairs {
      let measure = AnswerMeasure(language: pair.language == "zh" ? .chinese : .english, rouge: .rouge)
      var numbers = TokenNumbers()
      let found = measure.rouge(answer: pair.answer, reference: pair.reference, &numbers)
      for (value, expected) in zip([found.one, found.two, found.longest], pair.scores) {
        #expect(agrees(value, expected[2]), "\(pair.answer) | \(pair.reference)")
      }
    }
  }

  /// The definition, cell by cell.
  private func table(_ left: [Int], _ right: [Int]) -> Int {
    var row = [Int](repeating: 0, count: right.count + 1)
    for element in left {
      var diagonal = 0
      for (index, other) in right.enumerated() {
        let above = row[index + 1]
        row[index + 1] = element == other ? diagonal + 1 : max(above, row[index])
        diagonal = above
      }
    }
    return row[right.count]
  }

  @Test(arguments: [0, 1, 5, 63, 64, 65, 127, 128, 129, 300])
  func longestCommonSubsequence(count: Int) {
    var state: UInt64 = UInt64(count) + 1
    func sequence(_ count: Int, kinds: UInt64) -> [Int] {
      (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % kinds)
      }
    }
    for kinds in [2, 7, 40] as [UInt64] {
      let (left, right) = (sequence(count, kinds: kinds), sequence(150, kinds: kinds))
      #expect(LongestCommonSubsequence(left).length(with: right) == table(left, right))
      #expect(LongestCommonSubsequence(left).length(with: left) == count)
      #expect(LongestCommonSubsequence(left, blockWords: 1).length(with: right) == table(left, right))
      #expect(LongestCommonSubsequence(left).length(with: []) == 0)
    }
  }
}
