// Filled sheets of a study taken together: who won how often, the marks of each model, and how far raters agree.
import Text

/// One rater's marks.
public struct FilledSheet: Sendable {
  /// The file.
  public let path: String
  /// Marks by item, answer in the order shown, and aspect; nil where there is none.
  let marks: [[[Int?]]]
  /// The answers that are called best, by item; empty where none is.
  let best: [Set<Int>]

  /// Reads the sheet at `path`, which must be one of `study`. Throws at its first row that is not, with its line.
  public init(path: String, study: RatingStudy) throws(TaskProblem) {
    self.path = path
    func fail(_ line: Int?, _ reason: TaskProblem.Reason) -> TaskProblem {
      TaskProblem(path: path, line: line, reason: reason)
    }
    let records: [FileRecord]
    do throws(TaskProblem.Reason) {
      records = try TableReader(RecordReader.content(of: path), separator: ",").records()
    } catch { throw fail(nil, error) }
    let places = Dictionary(zip(study.items.map(\.code), study.items.indices), uniquingKeysWith: { place, _ in place })
    let aspects = JudgedAspect.allCases
    var marks = study.items.map { item in
      item.order.map { _ in [Int?](repeating: nil, count: aspects.count) }
    }
    var best = [Set<Int>](repeating: [], count: study.items.count)
    var lines: [String: Int] = [:]
    for record in records {
      let row: OrderedFields<JSONValue>
      do throws(TaskProblem.Reason) { row = try record.fields.get() } catch { throw fail(record.line, error) }
      func text(_ key: String) throws(TaskProblem) -> String {
        guard let value = row[key]?.string else { throw fail(record.line, .field(key, "is no column of the sheet")) }
        return value.filter { !$0.isWhitespace && $0 != "'" }
      }
      guard try text("study") == study.study else {
        throw fail(record.line, .refused("belongs to the study \"\(try text("study"))\", not to \(study.study)"))
      }
      guard let place = places[try text("item")], let number = Int(try text("answer")),
        study.items[place].order.indices.contains(number - 1)
      else {
        let name = "item \"\(try text("item"))\", answer \"\(try text("answer"))\""
        throw fail(record.line, .refused("\(name) is not in the study"))
      }
      let id = "\(place)/\(number)"
      if let line = lines[id] { throw fail(record.line, .duplicate(id: "\(try text("item"))/\(number)", line: line)) }
      lines[id] = record.line
      for (index, aspect) in aspects.enumerated() {
        let mark = try text(aspect.rawValue)
        guard !mark.isEmpty else { continue }
        guard let value = Int(mark), (1...RatingSheet.largest).contains(value) else {
          throw fail(record.line, .field(aspect.rawValue, "is \"\(mark)\"; marks are 1 to \(RatingSheet.largest)"))
        }
        marks[place][number - 1][index] = value
      }
      let choice = try text("best").lowercased()
      if ["1", "x", "yes", "true", "是"].contains(choice) {
        best[place].insert(number - 1)
      } else if !["", "0", "no", "false", "否"].contains(choice) {
        throw fail(record.line, .field("best", "is \"\(choice)\"; it is 1 for the best answer, or empty"))
      }
    }
    // What is best cannot be told from a part of the answers.
    for (item, place) in zip(study.items, study.items.indices) {
      let found = item.order.indices.compactMap { lines["\(place)/\($0 + 1)"] }
      guard let last = found.last, found.count < item.order.count else { continue }
      let reason = "item \"\(item.code)\" has rows for \(found.count) of its \(item.order.count) answers"
      throw fail(last, .refused(reason + "; a row is missing"))
    }
    (self.marks, self.best) = (marks, best)
  }
}

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
