// What came of one item. Outcomes hold all that metrics need, so that a run can be compared with another from its file
// alone.
import Text

/// What came of a choice question.
public struct ChoiceOutcome: Sendable, Equatable {
  /// The keyed letters and the letters of all options.
  public let keys, letters: [String]
  /// The letters chosen by log-likelihood, or named in the generated answer.
  public let chosen: [String]
  /// The letters chosen by log-likelihood a character of the option's text; nil where letters alone were scored.
  public let normalized: [String]?
  /// The log-likelihood of each option in nats; empty where the answer was generated.
  public let scores: [Double]
  /// The answer that was generated; nil where options were scored.
  public let generated: String?

  /// An outcome for `keys`.
  public init(
    keys: [String], letters: [String], chosen: [String], normalized: [String]?, scores: [Double], generated: String?
  ) {
    (self.keys, self.letters, self.chosen) = (keys, letters, chosen)
    (self.normalized, self.scores, self.generated) = (normalized, scores, generated)
  }

  /// Whether exactly the keyed letters are chosen.
  public var isCorrect: Bool { chosen == keys }
}

/// What came of a question that was answered in words.
public struct AnswerOutcome: Sendable, Equatable {
  /// The question and the answers.
  public let question, reference, answer: String
  /// A judge's expected scores by aspect, 0 to 10; nil without a judge.
  public var marks: [JudgedAspect: Double]?
  /// A judge's comparison with another model's answer; nil without one.
  public var verdict: PairwiseVerdict?

  /// An `answer` to `question`, which has the answer `reference`.
  public init(question: String, reference: String, answer: String) {
    (self.question, self.reference, self.answer) = (question, reference, answer)
  }
}

/// One item's outcome.
public struct ItemOutcome: Sendable, Equatable {
  /// The kinds.
  public enum Content: Sendable, Equatable {
    /// A choice question.
    case choice(ChoiceOutcome)
    /// An answer in words.
    case answer(AnswerOutcome)
    /// What a text or answer costs.
    case cost(TextCost)
  }

  /// The item's id and source.
  public let id, source: String
  /// Its characters.
  public let length: Int
  /// What came of it.
  public var content: Content

  /// An outcome of `item`.
  public init(_ item: TaskItem, _ content: Content) {
    (id, source, length) = (item.id, item.source, item.length)
    self.content = content
  }

  init(id: String, source: String, length: Int, content: Content) {
    (self.id, self.source, self.length, self.content) = (id, source, length, content)
  }

  var choice: ChoiceOutcome? { if case .choice(let outcome) = content { outcome } else { nil } }
  var answer: AnswerOutcome? { if case .answer(let outcome) = content { outcome } else { nil } }
  var cost: TextCost? { if case .cost(let cost) = content { cost } else { nil } }
}

extension ItemOutcome {
  /// The outcome as an object of a run's file.
  public var json: JSONValue {
    var fields: [(String, JSONValue)] = [
      ("id", .string(id)), ("source", .string(source)), ("length", .integer(length)),
    ]
    switch content {
    case .choice(let outcome):
      fields.append(("letters", .string(outcome.letters.joined())))
      fields.append(("keys", .string(outcome.keys.joined())))
      fields.append(("chosen", .string(outcome.chosen.joined())))
      fields.append(("correct", .boolean(outcome.isCorrect)))
      if let normalized = outcome.normalized { fields.append(("chosen_normalized", .string(normalized.joined()))) }
      if outcome.generated == nil {
        fields.append(("loglikelihoods", .array(outcome.scores.map { .number($0) })))
      }
      if let generated = outcome.generated { fields.append(("generated", .string(generated))) }
    case .answer(let outcome):
      fields.append(("question", .string(outcome.question)))
      fields.append(("reference", .string(outcome.reference)))
      fields.append(("answer", .string(outcome.answer)))
      if let marks = outcome.marks {
        let pairs = JudgedAspect.allCases.compactMap { aspect in
          marks[aspect].map { (aspect.rawValue, JSONValue.number($0)) }
        }
        fields.append(("marks", .object(OrderedFields(pairs))))
      }
      if let verdict = outcome.verdict { fields.append(("verdict", .string(verdict.rawValue))) }
    case .cost(let cost):
      fields += [
        ("nll", .number(cost.nats)), ("tokens", .integer(cost.tokens)), ("characters", .integer(cost.characters)),
        ("bytes", .integer(cost.bytes)),
      ]
    }
    return .object(OrderedFields(fields))
  }

  /// The outcome that `json` holds; nil when it is none.
  public init?(_ json: JSONValue) {
    // So few that sums of them are numbers.
    func count(_ key: String) -> Int? { json[key]?.integer.flatMap { (0...1 << 40).contains($0) ? $0 : nil } }
    guard let id = json["id"]?.string, let source = json["source"]?.string, let length = count("length") else {
      return nil
    }
    func letters(_ key: String) -> [String]? { json[key]?.string.map { $0.map { String($0) } } }
    let content: Content
    if let keys = letters("keys"), let all = letters("letters"), let chosen = letters("chosen") {
      content = .choice(
        ChoiceOutcome(
          keys: keys, letters: all, chosen: chosen, normalized: letters("chosen_normalized"),
          scores: json["loglikelihoods"]?.array?.compactMap(\.number) ?? [], generated: json["generated"]?.string))
    } else if let question = json["question"]?.string, let reference = json["reference"]?.string,
      let answer = json["answer"]?.string
    {
      var marks: [JudgedAspect: Double] = [:]
      for aspect in JudgedAspect.allCases { marks[aspect] = json["marks"]?[aspect.rawValue]?.number }
      var outcome = AnswerOutcome(question: question, reference: reference, answer: answer)
      outcome.marks = marks.isEmpty ? nil : marks
      outcome.verdict = json["verdict"]?.string.flatMap(PairwiseVerdict.init(rawValue:))
      content = .answer(outcome)
    } else if let nats = json["nll"]?.number, let tokens = count("tokens"), let characters = count("characters"),
      let bytes = count("bytes")
    {
      content = .cost(TextCost(nats: nats, tokens: tokens, characters: characters, bytes: bytes))
    } else {
      return nil
    }
    self.init(id: id, source: source, length: length, content: content)
  }
}
