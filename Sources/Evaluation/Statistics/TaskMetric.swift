// The figures of a task, each as a function of a selection of its items, so that intervals, groups and comparisons all
// come from the same definition.
import Glibc

/// One figure of a task.
public struct TaskMetric {
  /// Its name.
  public let name: String
  /// Its value over the items of these numbers, in which one may be several times; nil where it says nothing of them.
  let value: (_ selection: [Int]) -> Double?
  /// Whether an item drawn twice counts otherwise than two items would, as with Distinct: resamples then show how much
  /// the figure varies, but not where it lies, and their interval is moved by the difference of their mean to it,
  /// within 0 to 1.
  var isMoved = false

  /// The mean of what `value` says of each item, nil values left out.
  static func mean(_ name: String, _ values: [Double?]) -> TaskMetric {
    TaskMetric(name: name) { selection in
      var (sum, count) = (0.0, 0)
      for index in selection {
        guard let value = values[index] else { continue }
        sum += value
        count += 1
      }
      return count == 0 ? nil : sum / Double(count)
    }
  }

  /// The sum of `values` by that of `weights`, changed by `change`.
  static func ratio(
    _ name: String, _ values: [Double], by weights: [Int],
    _ change: @escaping (Double) -> Double = { $0 }
  ) -> TaskMetric {
    TaskMetric(name: name) { selection in
      let weight = selection.reduce(0) { $0 + weights[$1] }
      return weight == 0 ? nil : change(selection.reduce(0) { $0 + values[$1] } / Double(weight))
    }
  }
}

extension TaskMetric {
  /// All figures of `outcomes`, which are of one kind.
  public static func all(_ outcomes: [ItemOutcome], measure: AnswerMeasure) -> [TaskMetric] {
    let choices = outcomes.compactMap(\.choice)
    if choices.count == outcomes.count { return choice(choices) }
    let answers = outcomes.compactMap(\.answer)
    if answers.count == outcomes.count { return answer(answers, measure) }
    let costs = outcomes.compactMap(\.cost)
    return costs.count == outcomes.count ? cost(costs) : []
  }

  private static func choice(_ outcomes: [ChoiceOutcome]) -> [TaskMetric] {
    func share(_ name: String, _ value: (ChoiceOutcome) -> Bool?) -> TaskMetric {
      .mean(name, outcomes.map { value($0).map { $0 ? 1 : 0 } })
    }
    var metrics = [share("accuracy") { $0.isCorrect }]
    if outcomes.contains(where: { $0.normalized != nil }) {
      metrics.append(share("accuracy, length-normalized") { outcome in outcome.normalized.map { $0 == outcome.keys } })
    }
    if outcomes.contains(where: { $0.keys.count > 1 }) {
      metrics.append(share("accuracy, one key") { $0.keys.count == 1 ? $0.isCorrect : nil })
      metrics.append(share("accuracy, several keys") { $0.keys.count > 1 ? $0.isCorrect : nil })
    }
    if outcomes.contains(where: { $0.generated != nil }) {
      metrics.append(share("letter named") { !$0.chosen.isEmpty })
    }
    let chances = outcomes.map { ChoiceRule.chance(options: $0.letters.count, keys: $0.keys.count) }
    return metrics + [.mean("by chance", chances)]
  }

  private static func cost(_ costs: [TextCost]) -> [TaskMetric] {
    let nats = costs.map(\.nats)
    return [
      .ratio("loss a token, nats", nats, by: costs.map(\.tokens)),
      .ratio("loss a character, nats", nats, by: costs.map(\.characters)),
      .ratio("bits a byte", nats, by: costs.map(\.bytes)) { $0 / M_LN2 },
      .ratio("perplexity", nats, by: costs.map(\.tokens)) { exp($0) },
    ]
  }

  private static func answer(_ outcomes: [AnswerOutcome], _ measure: AnswerMeasure) -> [TaskMetric] {
    let texts = AnswerStatistics(outcomes, measure)
    var metrics = (1...BleuStatistics.maximumOrder).map { order in
      TaskMetric(name: "BLEU-\(order)") { selection in
        var sum = BleuStatistics()
        for index in selection { sum += texts.bleu[index] }
        return sum.score(order: order)
      }
    }
    metrics += [
      .mean("ROUGE-1", texts.rouge.map(\.one)), .mean("ROUGE-2", texts.rouge.map(\.two)),
      .mean("ROUGE-L", texts.rouge.map(\.longest)),
      TaskMetric(name: "GLEU") { selection in
        var sum = GleuStatistics()
        for index in selection { sum += texts.gleu[index] }
        return sum.score
      },
      TaskMetric(name: "Distinct-1", value: { texts.distinct1.score(of: $0) }, isMoved: true),
      TaskMetric(name: "Distinct-2", value: { texts.distinct2.score(of: $0) }, isMoved: true),
      .mean("answer length, characters", outcomes.map { Double($0.answer.unicodeScalars.count) }),
    ]
    if outcomes.contains(where: { $0.marks != nil }) {
      for aspect in JudgedAspect.allCases {
        metrics.append(.mean("judged \(aspect.rawValue)", outcomes.map { $0.marks?[aspect] }))
      }
    }
    return metrics + verdicts(outcomes)
  }
}

extension TaskMetric {
  /// How a judge found the answers beside another model's; only verdicts that hold in both orders count as won.
  private static func verdicts(_ outcomes: [AnswerOutcome]) -> [TaskMetric] {
    guard outcomes.contains(where: { $0.verdict != nil }) else { return [] }
    func share(_ name: String, of wanted: PairwiseVerdict) -> TaskMetric {
      .mean(name, outcomes.map { $0.verdict.map { $0 == wanted ? 1 : 0 } })
    }
    return [
      share("pairwise won", of: .win), share("pairwise lost", of: .loss),
      share("pairwise inconsistent", of: .inconsistent),
      .mean(
        "pairwise won of consistent",
        outcomes.map { $0.verdict.flatMap { $0 == .inconsistent ? nil : $0 == .win ? 1 : 0 } }),
    ]
  }
}

/// What each answer contributes to the figures.
private struct AnswerStatistics {
  let bleu: [BleuStatistics]
  let gleu: [GleuStatistics]
  let rouge: [(one: Double, two: Double, longest: Double)]
  let distinct1, distinct2: DistinctNgrams

  init(_ outcomes: [AnswerOutcome], _ measure: AnswerMeasure) {
    var numbers = TokenNumbers()
    let texts = outcomes.map { outcome in
      (
        answer: numbers.numbers(of: measure.tokens(of: outcome.answer)),
        reference: numbers.numbers(of: measure.tokens(of: outcome.reference))
      )
    }
    bleu = texts.map { BleuStatistics(answer: $0.answer, reference: $0.reference) }
    gleu = texts.map { GleuStatistics(answer: $0.answer, reference: $0.reference) }
    rouge = outcomes.map { measure.rouge(answer: $0.answer, reference: $0.reference, &numbers) }
    distinct1 = DistinctNgrams(1, of: texts.map(\.answer))
    distinct2 = DistinctNgrams(2, of: texts.map(\.answer))
  }
}
