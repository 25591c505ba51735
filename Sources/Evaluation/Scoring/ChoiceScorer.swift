// The log-likelihood of every option of a choice question. What the options stand behind is computed once, and what a
// question has in common with the one before it, its examples, not again; the first tokens of all options share one
// row of logits. The plain way, each option with its whole prompt afresh, stands beside it and gives the same bits.
import Compute
import Generation
import Model

/// Scores options.
public final class ChoiceScorer {
  /// Questions that are computed side by side, and the most tokens of their prompts.
  private static let (groupItems, groupTokens) = (16, 4096)

  private let model: Transformer
  private let context: Int
  private var before: (tokens: [Int32], store: KeyValueStore)?

  /// A scorer that runs `model` in a context of `context` tokens.
  public init(model: Transformer, context: Int) {
    (self.model, self.context) = (model, context)
  }

  /// The log-likelihoods of the options of `questions`, in nats, the sums over their tokens. All must fit the context.
  /// `report` is told how many are done. Throws `ModelError`, and `Interrupted` when `isCancelled` says so.
  public func logLikelihoods(
    _ questions: [ChoiceTokens], isCancelled: @escaping () -> Bool = { false }, report: (Int) -> Void = { _ in }
  ) throws -> [[Double]] {
    let runner = StretchRunner(model: model, isCancelled: isCancelled)
    var results: [[Double]] = []
    var start = 0
    while start < questions.count {
      var (end, tokens) = (start, 0)
      while end < questions.count, end - start < ChoiceScorer.groupItems, tokens < ChoiceScorer.groupTokens {
        tokens += questions[end].prompt.count
        end += 1
      }
      results += try score(Array(questions[start..<end]), runner)
      start = end
      report(results.count)
    }
    return results
  }

  /// The same, every option computed afresh with its whole prompt, nothing shared: what the shared way is held against.
  public func plainLogLikelihoods(
    _ questions: [ChoiceTokens], isCancelled: @escaping () -> Bool = { false }, report: (Int) -> Void = { _ in }
  ) throws -> [[Double]] {
    let runner = StretchRunner(model: model, isCancelled: isCancelled)
    var results: [[Double]] = []
    for question in questions {
      var sums: [Double] = []
      for option in question.options {
        let wanted = option.enumerated().map { Stretch.Wanted(offset: question.prompt.count - 1 + $0, tokens: [$1]) }
        let stretch = Stretch(
          store: model.makeStore(capacity: context), start: 0, tokens: question.prompt + option.dropLast(),
          wanted: wanted)
        sums.append(try runner.run([stretch])[0].reduce(0) { $0 + $1[0] })
      }
      results.append(sums)
      report(results.count)
    }
    return results
  }

  private func score(_ group: [ChoiceTokens], _ runner: StretchRunner) throws -> [[Double]] {
    let beginning = try sharedBeginning(group, runner)
    let firsts = group.map { question in Set(question.options.map { $0[0] }).sorted() }
    var prompts: [Stretch] = []
    for (question, first) in zip(group, firsts) {
      let tail = Array(question.prompt[beginning.count...])
      prompts.append(
        Stretch(
          store: try store(beginningWith: beginning.count), start: beginning.count, tokens: tail,
          wanted: [.init(offset: tail.count - 1, tokens: first)]))
    }
    let firstValues = try runner.run(prompts)
    if let last = group.last, let store = prompts.last?.store { before = (last.prompt, store) }
    var rest: [Stretch] = []
    for (question, prompt) in zip(group, prompts) {
      for option in question.options where option.count > 1 {
        guard
          let store = KeyValueStore(beginningWith: question.prompt.count, of: prompt.store, capacity: context)
        else { throw ModelError.memory(bytes: model.cacheBytes(positions: question.prompt.count)) }
        let wanted = option.dropFirst().enumerated().map { Stretch.Wanted(offset: $0, tokens: [$1]) }
        rest.append(
          Stretch(store: store, start: question.prompt.count, tokens: Array(option.dropLast()), wanted: wanted))
      }
    }
    var restValues = try runner.run(rest)[...]
    return zip(group, zip(firsts, firstValues)).map { question, first in
      let known = Dictionary(zip(first.0, first.1[0]), uniquingKeysWith: { value, _ in value })
      return question.options.map { option in
        let later = option.count > 1 ? restValues.popFirst() ?? [] : []
        return later.reduce(known[option[0]] ?? -.infinity) { $0 + $1[0] }
      }
    }
  }

  /// What all prompts of `group` begin with, its last token left to each, and computed so that it can be copied.
  private func sharedBeginning(_ group: [ChoiceTokens], _ runner: StretchRunner) throws -> [Int32] {
    let first = group[0].prompt
    let shared = group.reduce(first.count) { shared, question in
      min(shared, first.commonPrefixLength(question.prompt), question.prompt.count - 1)
    }
    let known = before.map { $0.tokens.commonPrefixLength(first) } ?? 0
    let beginning = Array(first[..<shared])
    guard known < shared else { return beginning }
    let store = try self.store(beginningWith: known)
    _ = try runner.run([Stretch(store: store, start: known, tokens: Array(beginning[known...]))])
    before = (beginning, store)
    return beginning
  }

  /// A cache that begins with the first `count` positions of the one before.
  private func store(beginningWith count: Int) throws(ModelError) -> KeyValueStore {
    guard count > 0, let before else { return model.makeStore(capacity: context) }
    guard let copy = KeyValueStore(beginningWith: count, of: before.store, capacity: context) else {
      throw .memory(bytes: model.cacheBytes(positions: count))
    }
    return copy
  }
}
