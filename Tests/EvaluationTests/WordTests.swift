// Chinese cut into words and measured by them, against jieba 0.42.1 with the dictionary that stands in the fixture, and
// sacrebleu 2.6.0, nltk 3.10.4, rouge-chinese 1.0.3 and rouge 1.0.1 over its words, each run once.
import Foundation
import Testing

@testable import Evaluation

@Suite struct WordTests {
  private static let tolerance = 1e-6

  private struct Fixture: Decodable {
    struct Text: Decodable { let text: String, words: [String] }
    struct Corpus: Decodable { let bleu: [Double], gleu: Double, distinct1: Double, distinct2: Double }
    struct Scores: Decodable {
      let bleu: [Double], gleu: Double
      let rougeChinese, rouge: [[Double]]
    }
    let dictionary: String
    let texts: [Text]
    let corpus: Corpus
    let pairs: [Scores]
  }

  private struct Pairs: Decodable {
    struct Pair: Decodable { let language, answer, reference: String }
    let pairs: [Pair]
  }

  private let folder: TemporaryFolder
  private let fixture: Fixture
  private let pairs: [Pairs.Pair]
  private let dictionary: WordDictionary

  init() throws {
    func decode<Value: Decodable>(_ name: String) throws -> Value {
      let url = try #require(Bundle.module.url(forResource: "Fixtures/" + name, withExtension: "json"))
      return try JSONDecoder().decode(Value.self, from: Data(contentsOf: url))
    }
    folder = try TemporaryFolder()
    fixture = try decode("words")
    let all: Pairs = try decode("metrics")
    pairs = all.pairs.filter { $0.language == "zh" }
    dictionary = try WordDictionary(path: try folder.write("words.txt", fixture.dictionary))
    #expect(fixture.texts.count == 280 && fixture.pairs.count == 100 && pairs.count == 100)
  }

  private func agrees(_ value: Double, _ expected: Double) -> Bool { abs(value - expected) <= WordTests.tolerance }

  @Test func wordsAreThoseOfJieba() {
    for text in fixture.texts {
      #expect(dictionary.segments(of: text.text).map { Array($0.utf8) } == text.words.map { Array($0.utf8) })
    }
  }

  @Test func metricsOverWords() {
    let measure = AnswerMeasure(language: .chinese, words: dictionary)
    let plain = AnswerMeasure(language: .chinese, rouge: .rouge, words: dictionary)
    var (bleu, gleu, numbers) = (BleuStatistics(), GleuStatistics(), TokenNumbers())
    var answers: [[Int32]] = []
    for (pair, expected) in zip(pairs, fixture.pairs) {
      let answer = numbers.numbers(of: measure.tokens(of: pair.answer))
      let reference = numbers.numbers(of: measure.tokens(of: pair.reference))
      let statistics = BleuStatistics(answer: answer, reference: reference)
      for order in 1...4 {
        let score = statistics.score(order: order, effectiveOrder: true)
        #expect(agrees(score, expected.bleu[order - 1]), "\(pair.answer)")
      }
      let overlap = GleuStatistics(answer: answer, reference: reference)
      #expect(agrees(overlap.score, expected.gleu), "\(pair.answer)")
      for (measure, scores) in [(measure, expected.rougeChinese), (plain, expected.rouge)] {
        let found = measure.rouge(answer: pair.answer, reference: pair.reference, &numbers)
        for (value, score) in zip([found.one, found.two, found.longest], scores) {
          #expect(agrees(value, score[2]), "\(measure.rouge) \(pair.answer)")
        }
      }
      bleu += statistics
      gleu += overlap
      answers.append(answer)
    }
    for order in 1...4 { #expect(agrees(bleu.score(order: order), fixture.corpus.bleu[order - 1])) }
    #expect(agrees(gleu.score, fixture.corpus.gleu))
    #expect(agrees(DistinctNgrams(1, of: answers).score, fixture.corpus.distinct1))
    #expect(agrees(DistinctNgrams(2, of: answers).score, fixture.corpus.distinct2))
  }

  @Test func englishIsNotCut() {
    #expect(AnswerMeasure(language: .english, words: dictionary).tokens(of: "a麻醉 b") == ["a麻醉", "b"])
  }

  /// A byte order mark, line ends of Windows, blank lines, and a word that is there twice, whose last frequency counts.
  @Test func oddFilesThatAreTaken() throws {
    let path = try folder.write("odd.txt", "\u{FEFF}上海 5 n\r\n\n上 1\n  海上 9 n\t\r\n上海 12")
    let odd = try WordDictionary(path: path)
    #expect(odd.count == 4 && odd.segments(of: "上海上") == ["上海", "上"])
  }

  @Test(arguments: [
    ("麻醉 5\n醉药\n", 2), ("麻醉 5\n麻醉 x n", 2), ("麻醉\t5\n", 1), ("麻醉  5\n", 1), ("麻醉 -3\n", 1),
    ("麻醉 5_0\n", 1), ("麻醉 ５\n", 1), ("5\n", 1), ("麻醉 99999999999999999999\n", 1), ("麻醉 1099511627777\n", 1),
  ]) func malformedLinesAreNamed(content: String, line: Int) throws {
    let path = try folder.write("bad.txt", content)
    let problem = #expect(throws: TaskProblem.self) { try WordDictionary(path: path) }
    #expect(problem?.line == line && problem?.path == path)
    let message = "\(path), line \(line): no word, space and frequency, a whole number"
    #expect(problem?.description.hasPrefix(message) == true)
  }

  @Test func filesThatAreNoDictionaries() throws {
    func problem(_ path: String) -> TaskProblem? {
      #expect(throws: TaskProblem.self) { try WordDictionary(path: path) }
    }
    let long = try folder.write("long.txt", "麻醉 5\n" + String(repeating: "麻", count: 2000))
    #expect(problem(long)?.line == 2 && problem(long)?.description.contains("longer than 4096 bytes") == true)
    #expect(problem(try folder.write("empty.txt", "\n"))?.reason == .malformed("holds no word"))
    #expect(problem(try folder.write("zero.txt", "麻醉 0\n"))?.reason == .malformed("holds no word"))
    #expect(problem(folder.path + "/none.txt")?.line == nil)
    let bytes = folder.path + "/bytes.txt"
    try Data("麻醉 5\n".utf8 + [0xC3, 0x28, 0x20, 0x35]).write(to: URL(filePath: bytes))
    #expect(problem(bytes)?.line == 2 && problem(bytes)?.reason == .malformed("not UTF-8"))
  }
}
