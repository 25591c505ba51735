// A model that marks pairs of question and answer. What all prompts begin with is computed once for each language, a
// pair once for its five aspects, and many pairs side by side.
import Common
import Compute
import Generation
import Model
import Text

/// Judges pairs on the five aspects.
public final class Judge {
  /// The most pairs, and about the most of their tokens, that are computed side by side.
  private static let (groupPairs, groupTokens) = (16, 8192)

  /// How it is asked.
  public var style: JudgeStyle { prompts.style }
  /// The model.
  public let model: Transformer
  private let context: Int
  private let prompts: JudgePrompts
  private var beginnings: [JudgedLanguage: Beginning] = [:]

  /// The instructions of a language, computed.
  private struct Beginning {
    let tokens: [Int32]
    let store: KeyValueStore
  }

  /// A pair's prompts, and how much of the beginning is common to them.
  private struct Prepared {
    let pair: Int
    let language: JudgedLanguage
    let prompts: [[Int32]]
    let shared: Int
    var tokens: Int { shared + prompts.reduce(0) { $0 + $1.count - shared } }
  }

  /// A judge that runs `model` with a context of `context` tokens. Without a `style`, a model with a chat template,
  /// its own or `template`, is asked through it, and a base model by judged examples.
  ///
  /// Throws `JudgeError`, and `TemplateError` for a template that is none.
  public init(model: Transformer, context: Int, template: ChatTemplate? = nil, style: JudgeStyle? = nil) throws {
    self.model = model
    self.context = context
    prompts = try JudgePrompts(model.checkpoint, template: template, style: style)
  }

  /// Judges `pairs`, in their order; a pair that cannot be judged has the reason instead. A pair's marks do not depend
  /// on its company. Throws `ModelError`, and `Interrupted` when `isCancelled` says so.
  public func judge(
    _ pairs: [JudgedPair], isCancelled: @escaping () -> Bool = { false }
  ) throws -> [Result<Judgement, JudgeRefusal>] {
    let runner = StretchRunner(model: model, isCancelled: isCancelled)
    var results: [Result<Judgement, JudgeRefusal>?] = Array(repeating: nil, count: pairs.count)
    var group: [Prepared] = []
    func flush() throws {
      for (prepared, judgement) in zip(group, try judge(group, runner)) { results[prepared.pair] = .success(judgement) }
      group = []
    }
    for (number, pair) in pairs.enumerated() {
      do throws(JudgeRefusal) {
        group.append(try prepare(pair, number))
      } catch {
        results[number] = .failure(error)
      }
      let isFull = group.reduce(0) { $0 + $1.tokens } >= Judge.groupTokens
      if isFull || group.count == Judge.groupPairs { try flush() }
    }
    try flush()
    return results.compactMap { $0 }
  }

  private func prepare(_ pair: JudgedPair, _ number: Int) throws(JudgeRefusal) -> Prepared {
    var all: [[Int32]] = []
    for aspect in JudgedAspect.allCases {
      do throws(PromptError) { all.append(try prompts.tokens(pair, aspect)) } catch { throw .refused("\(error)") }
    }
    let room = prompts.scores(pair.language)?.chains.reduce(0) { max($0, $1.count) } ?? 0
    let longest = all.reduce(0) { max($0, $1.count) } + room
    guard longest <= context else { throw .tooLong(tokens: longest, context: context) }
    let shared = all.dropFirst().reduce(all[0].count) { min($0, all[0].commonPrefixLength($1)) }
    let shortest = all.reduce(Int.max) { min($0, $1.count) }
    return Prepared(pair: number, language: pair.language, prompts: all, shared: min(shared, shortest - 1))
  }

  private func judge(_ group: [Prepared], _ runner: StretchRunner) throws -> [Judgement] {
    guard !group.isEmpty else { return [] }
    let stores = try readPairs(group, runner)
    var stretches: [Stretch] = []
    for (prepared, store) in zip(group, stores) {
      for prompt in prepared.prompts {
        for path in ScorePath.all(prompts.scores(prepared.language)) {
          let copy = try copy(store, count: prepared.shared)
          let tail = Array(prompt[prepared.shared...])
          stretches.append(
            Stretch(
              store: copy, start: prepared.shared, tokens: tail + path.tokens,
              wanted: path.asked.map { .init(offset: tail.count - 1 + $0.length, tokens: $0.next) }))
        }
      }
    }
    var results = try runner.run(stretches)[...]
    return group.map { prepared in
      var scores: [JudgedAspect: AspectScore] = [:]
      for aspect in JudgedAspect.allCases {
        guard let tokens = prompts.scores(prepared.language) else { continue }
        var known: [[Int32]: [Int32: Double]] = [:]
        for path in ScorePath.all(tokens) {
          for (asked, values) in zip(path.asked, results.popFirst() ?? []) {
            known[Array(path.tokens[..<asked.length])] = Dictionary(
              zip(asked.next, values), uniquingKeysWith: { first, _ in first })
          }
        }
        scores[aspect] = AspectScore(probabilities: tokens.probabilities(known))
      }
      return Judgement(scores: scores)
    }
  }

  /// Computes what the prompts of each pair share.
  private func readPairs(_ group: [Prepared], _ runner: StretchRunner) throws -> [KeyValueStore] {
    var stretches: [Stretch] = []
    for prepared in group {
      let beginning = try beginning(prepared.language, runner)
      let prompt = prepared.prompts[0]
      let start = min(beginning.tokens.commonPrefixLength(prompt), prepared.shared)
      let store = try copy(beginning.store, count: start)
      stretches.append(Stretch(store: store, start: start, tokens: Array(prompt[start..<prepared.shared])))
    }
    _ = try runner.run(stretches)
    return stretches.map(\.store)
  }

  /// The instructions of `language`: what the prompts of any two pairs begin with.
  private func beginning(_ language: JudgedLanguage, _ runner: StretchRunner) throws -> Beginning {
    if let known = beginnings[language] { return known }
    let examples = try ["1", "x"].map {
      try prompts.tokens(JudgedPair(question: $0, answer: $0, language: language), .coherence)
    }
    let tokens = Array(examples[0][..<min(examples[0].commonPrefixLength(examples[1]), context)])
    let store = model.makeStore(capacity: context)
    _ = try runner.run([Stretch(store: store, start: 0, tokens: tokens)])
    let made = Beginning(tokens: tokens, store: store)
    beginnings[language] = made
    return made
  }

  private func copy(_ store: KeyValueStore, count: Int) throws(ModelError) -> KeyValueStore {
    guard count > 0 else { return model.makeStore(capacity: context) }
    guard let copy = KeyValueStore(beginningWith: count, of: store, capacity: context) else {
      throw .memory(bytes: model.cacheBytes(positions: count))
    }
    return copy
  }
}

/// Beginnings of scores that lie on one way, so that one stretch asks behind all of them.
private struct ScorePath {
  /// The longest beginning.
  let tokens: [Int32]
  /// The lengths to ask at, and the tokens that go on from there.
  let asked: [(length: Int, next: [Int32])]

  /// The ways on which all beginnings lie, none asked behind twice; usually there is one, empty or the 1 of 10.
  static func all(_ scores: ScoreTokens?) -> [ScorePath] {
    guard let scores else { return [] }
    let beginnings = scores.beginnings
    var open = Set(beginnings)
    return beginnings.reversed().compactMap { end in
      guard open.contains(end) else { return nil }
      let lengths = (0...end.count).filter { open.remove(Array(end[..<$0])) != nil }
      return ScorePath(
        tokens: end, asked: lengths.map { ($0, scores.next(behind: Array(end[..<$0]))) })
    }
  }
}
