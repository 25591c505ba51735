// A signal that owes nothing to a judge's opinion: how much likelier the question makes the answer. An answer to
// another question is no likelier behind this one than behind none.
import Compute
import Generation
import Model
import Text

/// Measures how much a question says about its answer.
///
/// The gain is the pointwise mutual information of question and answer, the sum over the answer's n tokens of
/// `log p(token | question, before) - log p(token | before)`, divided by the square root of n. The differences of an
/// answer that has nothing to do with the question scatter around nothing, and their sum grows with the root of n; so
/// gains of short and long answers can be compared, and the longer one that gains as much a token is the surer. Both
/// probabilities are measured in the same frame, "Question: … Answer: …", in the second case with nothing in the
/// question's place. Chat models are measured likewise, without their template.
public final class LikelihoodGain {
  /// The most tokens of an answer that are looked at, its first.
  public static let tokenLimit = 256
  private static let (groupPairs, groupTokens) = (16, 8192)

  private let model: Transformer
  private let context: Int

  /// Measures with `model` in a context of `context` tokens.
  public init(model: Transformer, context: Int) {
    self.model = model
    self.context = context
  }

  /// The gain of each of `pairs`; the reason where a pair does not fit the context or its answer has
  /// no tokens. Throws `ModelError`, and `Interrupted` when `isCancelled` says so.
  public func gains(
    of pairs: [JudgedPair], isCancelled: @escaping () -> Bool = { false }
  ) throws -> [Result<Double, JudgeRefusal>] {
    let runner = StretchRunner(model: model, isCancelled: isCancelled)
    var results: [Result<Double, JudgeRefusal>] = []
    var stretches: [Stretch] = []
    var members: [Int] = []
    func flush() throws {
      let values = try runner.run(stretches).map { $0.reduce(0) { $0 + $1[0] } / Double(max($0.count, 1)).squareRoot() }
      for (place, number) in members.enumerated() {
        results[number] = .success(values[2 * place] - values[2 * place + 1])
      }
      (stretches, members) = ([], [])
    }
    for (number, pair) in pairs.enumerated() {
      let answer = answerTokens(pair)
      let asked = frame(pair.question, pair.language)
      results.append(.failure(.refused("the answer has no text")))
      guard !answer.isEmpty else { continue }
      let length = asked.count + answer.count
      guard length <= context else {
        results[number] = .failure(.tooLong(tokens: length, context: context))
        continue
      }
      stretches.append(stretch(asked, answer))
      stretches.append(stretch(frame("", pair.language), answer))
      members.append(number)
      let isFull = stretches.reduce(0) { $0 + $1.tokens.count } >= LikelihoodGain.groupTokens
      if isFull || members.count == LikelihoodGain.groupPairs { try flush() }
    }
    try flush()
    return results
  }

  /// `answer` behind `frame`, with the log-probability of each of its tokens wanted.
  private func stretch(_ frame: [Int32], _ answer: [Int32]) -> Stretch {
    let wanted = answer.enumerated().map { Stretch.Wanted(offset: frame.count - 1 + $0, tokens: [$1]) }
    return Stretch(
      store: model.makeStore(capacity: context), start: 0, tokens: frame + answer.dropLast(), wanted: wanted)
  }

  private func frame(_ question: String, _ language: JudgedLanguage) -> [Int32] {
    let text = JudgeText.of(language)
    let colon = text.colon.filter { $0 != " " }
    let label = question.isEmpty ? text.questionLabel + colon : text.questionLabel + text.colon + question
    return model.checkpoint.tokenizer.opening("\(label)\n\(text.answerLabel)\(colon)")
  }

  private func answerTokens(_ pair: JudgedPair) -> [Int32] {
    guard pair.answer.unicodeScalars.contains(where: { !$0.properties.isWhitespace }) else { return [] }
    let text = JudgeText.of(pair.language).space + pair.answer
    let tokens = model.checkpoint.tokenizer.encode(text, parseSpecial: false, addBeginning: false)
    return Array(tokens.prefix(LikelihoodGain.tokenLimit))
  }
}
