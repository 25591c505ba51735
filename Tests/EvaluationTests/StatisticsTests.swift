// Intervals, comparisons and kappas. Percentiles are numpy's, kappas those of scikit-learn 1.9.1 (cohen_kappa_score) and
// statsmodels 0.15.0 (fleiss_kappa), run once.
import Testing
import Text

@testable import Evaluation

@Suite struct StatisticsTests {
  private static let first = [
    2, 5, 5, 2, 3, 5, 4, 5, 1, 5, 1, 4, 3, 5, 2, 2, 4, 5, 5, 4, 4, 2, 2, 2, 5, 4, 1, 1, 2, 5, 1, 3, 1, 3, 4, 5, 4, 4,
    4, 5,
  ]
  private static let second = [
    2, 5, 5, 1, 2, 5, 4, 5, 1, 5, 1, 5, 3, 5, 3, 2, 5, 5, 5, 5, 4, 3, 2, 2, 5, 3, 1, 2, 4, 5, 1, 5, 1, 4, 5, 5, 3, 5,
    5, 5,
  ]
  private static let third = [
    5, 3, 3, 1, 1, 4, 4, 1, 3, 1, 4, 2, 1, 3, 4, 4, 1, 1, 5, 5, 1, 4, 5, 3, 5, 3, 5, 2, 1, 3, 1, 1, 1, 5, 5, 1, 2, 4,
    3, 5,
  ]

  private func agrees(_ value: Double?, _ expected: Double) -> Bool {
    value.map { abs($0 - expected) < 1e-12 } ?? false
  }

  @Test func kappas() {
    let (first, second, third) = (StatisticsTests.first, StatisticsTests.second, StatisticsTests.third)
    #expect(agrees(Kappa.cohen(first, second), 0.4788273615635179))
    #expect(agrees(Kappa.cohen(first, second, weights: .quadratic), 0.8799126637554585))
    #expect(agrees(Kappa.cohen(first, third), -0.024844720496894457))
    #expect(agrees(Kappa.fleiss(first.indices.map { [first[$0], second[$0], third[$0]] }), 0.16098960200788812))
    #expect(agrees(Kappa.fleiss(first.indices.map { [first[$0], second[$0]] }), 0.4690999585234342))
    #expect(Kappa.cohen([1, 1], [1, 1]) == nil && Kappa.cohen([], []) == nil && Kappa.fleiss([[1], [2]]) == nil)
  }

  @Test func percentiles() {
    let sorted = [0.1, 0.9, 0.4, 0.35, 0.8, 0.2, 0.55].sorted()
    #expect(agrees(Bootstrap.percentile(0.025, of: sorted), 0.115))
    #expect(agrees(Bootstrap.percentile(0.975, of: sorted), 0.885))
  }

  /// The interval of a mean of many values comes to that of the normal distribution, 1.96 standard errors each way.
  @Test func intervalOfAMean() throws {
    let metric = TaskMetric.mean("", (0..<400).map { $0 % 4 == 0 ? 1.0 : 0 })
    func estimates(seed: UInt64, over selection: [Int]) -> [Estimate?] {
      Bootstrap(resamples: 4000, seed: seed).estimates([metric], over: selection)
    }
    let all = Array(0..<400)
    let estimate = try #require(estimates(seed: 7, over: all)[0])
    let error = 1.96 * (0.25 * 0.75 / 400).squareRoot()
    #expect(estimate.value == 0.25)
    #expect(abs(estimate.low - (0.25 - error)) < 0.006 && abs(estimate.high - (0.25 + error)) < 0.006)
    #expect(estimates(seed: 7, over: all) == [estimate])
    #expect(estimates(seed: 8, over: all) != [estimate])
    #expect(estimates(seed: 7, over: []) == [nil])
  }

  private func choice(_ index: Int, _ isCorrect: Bool) -> ItemOutcome {
    let outcome = ChoiceOutcome(
      keys: ["A"], letters: ["A", "B"], chosen: [isCorrect ? "A" : "B"], normalized: nil, scores: [-1, -2],
      generated: nil)
    return ItemOutcome(
      id: String(index), source: index % 3 == 0 ? "x" : "y", length: index, content: .choice(outcome))
  }

  @Test func pairedDifferences() {
    let measure = AnswerMeasure(language: .english)
    let mine = (0..<100).map { choice($0, $0 % 2 == 0) }
    let theirs = (0..<100).map { choice($0, $0 % 2 == 0 && $0 % 10 != 0) }
    let bootstrap = Bootstrap(resamples: 2000, seed: 1)
    func differences(_ left: [ItemOutcome], _ right: [ItemOutcome]) -> [Difference] {
      bootstrap.differences(
        TaskMetric.all(left, measure: measure), TaskMetric.all(right, measure: measure), count: left.count)
    }
    let difference = differences(mine, theirs)[0]
    #expect(difference.name == "accuracy" && abs(difference.estimate.value - 0.1) < 1e-12)
    #expect(difference.estimate.low > 0 && difference.p < 0.01)
    #expect(differences(mine, mine)[0].p == 1 && differences(mine, mine)[0].estimate.value == 0)
  }

  @Test func groupsBySourceAndLength() {
    let outcomes = (0..<30).map { choice($0, $0 < 10) }
    let result = TaskResult(
      path: "t.jsonl", layout: "x", kind: .choice, language: .english, settings: [], leftOut: 0, outcomes: outcomes,
      measure: AnswerMeasure(language: .english), bootstrap: Bootstrap(resamples: 100, seed: 1))
    #expect(result.bySource.map(\.name) == ["y", "x"] && result.bySource.map(\.count) == [20, 10])
    #expect(result.byLength.map(\.count) == [10, 10, 10])
    #expect(result.byLength.map { $0.figures[0].estimate.value } == [1, 0, 0])
  }

  @Test func outcomesComeBackFromTheirJSON() throws {
    var answer = AnswerOutcome(question: "q\n", reference: "r", answer: "a")
    answer.marks = [.coherence: 3.5]
    answer.verdict = .loss
    let contents: [ItemOutcome.Content] = [
      choice(1, true).content, .answer(answer), .cost(TextCost(nats: 1.25, tokens: 3, characters: 4, bytes: 5)),
    ]
    for content in contents {
      let outcome = ItemOutcome(id: "i", source: "s", length: 2, content: content)
      #expect(ItemOutcome(outcome.json) == outcome)
      // A count that no sum could take.
      let hostile = outcome.json.encoded.replacing(#""length":2"#, with: #""length":9223372036854775807"#)
      #expect(try ItemOutcome(JSONValue(parsing: hostile)) == nil)
    }
  }

  /// Distinct of a corpus is no mean over its items: its interval lies around the value all the same.
  @Test func intervalOfDistinct() throws {
    let outcomes = (0..<40).map { index in
      let text = (0..<12).map { "w\((index * index * 7 + $0 * $0 * 5) % 23)" }.joined(separator: " ")
      return ItemOutcome(
        id: String(index), source: "", length: 1,
        content: .answer(AnswerOutcome(question: "", reference: text, answer: text)))
    }
    let metrics = TaskMetric.all(outcomes, measure: AnswerMeasure(language: .english))
    let estimates = Bootstrap(resamples: 200, seed: 1).estimates(metrics, over: Array(outcomes.indices))
    let place = try #require(metrics.firstIndex { $0.name == "Distinct-2" })
    let estimate = try #require(estimates[place])
    #expect(estimate.low < estimate.value && estimate.value < estimate.high)
    #expect(abs((estimates[metrics.firstIndex { $0.name == "BLEU-4" } ?? 0]?.value ?? 0) - 100) < 1e-9)
  }
}
