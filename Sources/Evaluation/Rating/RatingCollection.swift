// Filled sheets of a study taken together: who won how often, the marks of each model, and how far raters agree.
import Common
import Text

/// What the raters found.
public struct RatingCollection: Sendable {
  /// One model's figures.
  public struct Model: Sendable {
    /// Its name.
    public let name: String
    /// How often it was called best, a tie counted in equal parts; nil where nothing was.
    public let wins: Estimate?
    /// Its mean mark for each aspect, 1 to 5.
    public let marks: [Estimate?]
  }

  /// How far the raters agree on one thing.
  public struct Agreement: Sendable {
    /// On what, and by which statistic.
    public let name, statistic: String
    /// What all of them have rated.
    public let subjects: Int
    /// The kappa; nil where it is not defined.
    public let kappa: Double?
  }

  /// The models, in the order of the key.
  public let models: [Model]
  /// Items and raters, and pairs of them in which an answer was called best.
  public let items, raters, decided: Int
  /// Those of them that are ties.
  public let ties: Int
  /// The agreement of two raters or more.
  public let agreements: [Agreement]

  /// Takes `sheets` of `study` together. Intervals are over items.
  public init(_ study: RatingStudy, _ sheets: [FilledSheet], bootstrap: Bootstrap) {
    let aspects = JudgedAspect.allCases
    models = study.models.indices.map { model in
      let places = study.items.map { $0.order.firstIndex(of: model) ?? 0 }
      func estimate(_ value: (FilledSheet, _ item: Int) -> Double?) -> Estimate? {
        let means = study.items.indices.map { item -> Double? in
          let values = sheets.compactMap { value($0, item) }
          return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
        }
        return bootstrap.estimates([.mean("", means)], over: Array(means.indices))[0]
      }
      return Model(
        name: study.models[model],
        wins: estimate { sheet, item in
          let best = sheet.best[item]
          return best.isEmpty ? nil : best.contains(places[item]) ? 1 / Double(best.count) : 0
        },
        marks: aspects.indices.map { aspect in
          estimate { sheet, item in sheet.marks[item][places[item]][aspect].map(Double.init) }
        })
    }
    (items, raters) = (study.items.count, sheets.count)
    decided = sheets.reduce(0) { $0 + $1.best.count { !$0.isEmpty } }
    ties = sheets.reduce(0) { $0 + $1.best.count { $0.count > 1 } }
    agreements = sheets.count < 2 ? [] : RatingCollection.agreements(study, sheets)
  }

  private static func agreements(_ study: RatingStudy, _ sheets: [FilledSheet]) -> [Agreement] {
    // Which answers are best, as one number.
    let preferences = study.items.indices.compactMap { item -> [Int]? in
      let chosen = sheets.map { sheet in sheet.best[item].reduce(0) { $0 | 1 << study.items[item].order[$1] } }
      return chosen.contains(0) ? nil : chosen
    }
    var agreements = [agreement("best answer", preferences, .none)]
    for (index, aspect) in JudgedAspect.allCases.enumerated() {
      let subjects = study.items.indices.flatMap { item in
        study.models.indices.compactMap { answer -> [Int]? in
          let marks = sheets.compactMap { $0.marks[item][answer][index] }
          return marks.count == sheets.count ? marks : nil
        }
      }
      agreements.append(agreement(aspect.rawValue, subjects, .quadratic))
    }
    return agreements
  }

  private static func agreement(_ name: String, _ subjects: [[Int]], _ weights: Kappa.Weights) -> Agreement {
    guard let first = subjects.first, first.count == 2 else {
      return Agreement(
        name: name, statistic: "Fleiss' kappa", subjects: subjects.count, kappa: Kappa.fleiss(subjects))
    }
    return Agreement(
      name: name, statistic: weights == .none ? "Cohen's kappa" : "Cohen's kappa, quadratic weights",
      subjects: subjects.count, kappa: Kappa.cohen(subjects.map { $0[0] }, subjects.map { $0[1] }, weights: weights))
  }
}

extension RatingCollection {
  /// The figures as lines.
  public var text: String {
    var lines = [
      "\(items) items, \(raters) raters; a best answer was named \(decided) times, \(ties) of them ties, "
        + "whose win is shared"
    ]
    for model in models {
      lines.append("\(model.name)")
      lines.append("  win rate  \(model.wins?.text ?? "–")")
      for (aspect, mark) in zip(JudgedAspect.allCases, model.marks) {
        lines.append("  \(aspect.rawValue)  \(mark?.text ?? "–")")
      }
    }
    for agreement in agreements {
      lines.append(
        "agreement on \(agreement.name): \(agreement.statistic) \(agreement.kappa?.fixed(4) ?? "not defined"), "
          + "\(agreement.subjects) rated by all")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The figures as an object.
  public var json: JSONValue {
    let models = models.map { model -> JSONValue in
      let marks = zip(JudgedAspect.allCases, model.marks).map { ($0.rawValue, $1?.json ?? .null) }
      return [
        "model": .string(model.name), "win_rate": model.wins?.json ?? .null, "marks": .object(OrderedFields(marks)),
      ]
    }
    let agreements = agreements.map { agreement -> JSONValue in
      [
        "of": .string(agreement.name), "statistic": .string(agreement.statistic),
        "subjects": .integer(agreement.subjects), "kappa": agreement.kappa.map { .number($0) } ?? .null,
      ]
    }
    return [
      "items": .integer(items), "raters": .integer(raters), "decided": .integer(decided), "ties": .integer(ties),
      "models": .array(models), "agreement": .array(agreements),
    ]
  }
}
