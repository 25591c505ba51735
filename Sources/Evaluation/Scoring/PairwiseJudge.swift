// A judge that says which of two answers is better. Judges favour a place, so every pair is asked about in both orders,
// and only who is ahead in both has won.
import Generation
import Model
import Text

/// What came of comparing two answers.
public enum PairwiseVerdict: String, Sendable, CaseIterable {
  /// The first was better in both orders.
  case win
  /// The second was.
  case loss
  /// The orders contradict each other.
  case inconsistent
}

/// Compares answers. Only the letter of one of the two can come out: their likelihoods are compared.
public final class PairwiseJudge {
  private static let day = LocalTime(year: 2024, month: 1, day: 1)

  private let scorer: ChoiceScorer
  private let context: Int
  private let prompts: PromptBuilder
  private let tokenizer: Tokenizer

  /// A judge that runs `model` in a context of `context` tokens; with a chat template, its own or `template`, it is
  /// asked through it.
  public init(model: Transformer, context: Int, template: ChatTemplate? = nil) throws(TemplateError) {
    scorer = ChoiceScorer(model: model, context: context)
    prompts = try PromptBuilder(model.checkpoint, template: template)
    tokenizer = model.checkpoint.tokenizer
    self.context = context
  }

  /// The verdicts on pairs of answers; the reason where a pair does not fit the context or is refused.
  public func verdicts(
    _ pairs: [(question: String, first: String, second: String)], isCancelled: @escaping () -> Bool = { false },
    report: (Int) -> Void = { _ in }
  ) throws -> [Result<PairwiseVerdict, JudgeRefusal>] {
    var results: [Result<PairwiseVerdict, JudgeRefusal>] = []
    var asked: [ChoiceTokens] = []
    for pair in pairs {
      do throws(JudgeRefusal) {
        let orders = [
          try tokens(pair.question, pair.first, pair.second), try tokens(pair.question, pair.second, pair.first),
        ]
        asked += orders
        results.append(.success(.inconsistent))
      } catch {
        results.append(.failure(error))
      }
    }
    let scores = try scorer.logLikelihoods(asked, isCancelled: isCancelled) { report($0 / 2) }
    var next = scores.startIndex
    for index in results.indices {
      guard case .success = results[index] else { continue }
      results[index] = .success(PairwiseJudge.verdict(scores[next], swapped: scores[next + 1]))
      next += 2
    }
    return results
  }

  /// The verdict on the likelihoods of both letters in both orders; who is only even in one has not won.
  static func verdict(_ scores: [Double], swapped: [Double]) -> PairwiseVerdict {
    if scores[0] > scores[1] && swapped[1] > swapped[0] { return .win }
    if scores[1] > scores[0] && swapped[0] > swapped[1] { return .loss }
    return .inconsistent
  }

  private func tokens(_ question: String, _ first: String, _ second: String) throws(JudgeRefusal) -> ChoiceTokens {
    let isChinese = JudgedLanguage(of: question + first + second) == .chinese
    let isChat = prompts.template != nil
    let text =
      isChinese
      ? "问题：\(question)\n\n回答A：\(first)\n\n回答B：\(second)\n\n哪个回答更准确、更有用、更安全？只写A或B。"
      : "Question: \(question)\n\nAnswer A: \(first)\n\nAnswer B: \(second)\n\nWhich answer is more accurate, more "
        + "useful and safer? Write A or B only."
    let opening = isChinese ? "\n更好的回答是：" : "\nThe better answer is:"
    let space = isChinese || isChat ? "" : " "
    let prompt: [Int32]
    do throws(PromptError) {
      prompt =
        isChat
        ? try prompts.tokens([ChatMessage(role: "user", content: text)], now: PairwiseJudge.day)
        : tokenizer.opening(text + opening)
    } catch {
      throw .refused("\(error)")
    }
    let letters = ["A", "B"].map { tokenizer.encode(space + $0, parseSpecial: false, addBeginning: false) }
    let asked = ChoiceTokens(prompt: prompt, options: letters, characters: [1, 1])
    guard letters.allSatisfy({ !$0.isEmpty }) else { throw .refused("the tokenizer does not write A and B") }
    guard asked.length <= context else { throw .tooLong(tokens: asked.length, context: context) }
    return asked
  }
}
