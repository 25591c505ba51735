// Options scored with what they share computed once, against each afresh: the same bits. And windows of texts.
import Generation
import Model
import TestModels
import Testing

@testable import Evaluation

@Suite struct ScoringTests {
  private let model: Transformer

  init() throws { model = try TinyModel.open(addsSpacePrefix: false) }

  private func item(_ number: Int, keys: [String] = ["A"]) -> TaskItem {
    let texts = ["阻滞", "propofol 2 mg/kg", "a", "无 \(number)"]
    return TaskItem(
      id: String(number), line: number, source: "", passage: number % 2 == 0 ? "" : "材料第\(number)段。",
      question: String(repeating: "血压下降时", count: number) + "how?",
      content: .choice(
        options: zip(["A", "B", "C", "D"], texts).map { ChoiceOption(letter: $0, text: $1) }, keys: keys))
  }

  @Test(arguments: [ChoiceStyle.letter, .text]) func sharedIsEqualToAfresh(style: ChoiceStyle) throws {
    for shots in [[], [item(3), item(2, keys: ["B", "C"])]] {
      let prompt = try ChoicePrompt(model.checkpoint, style: style, shots: shots)
      let questions = try (1...20).map { try prompt.tokens(item($0 % 7 + 1)) }
      #expect(questions.allSatisfy { $0.length <= TinyModel.context })
      let scorer = ChoiceScorer(model: model, context: TinyModel.context)
      var done: [Int] = []
      let shared = try scorer.logLikelihoods(questions, report: { done.append($0) })
      #expect(done.last == 20)
      #expect(try shared == scorer.plainLogLikelihoods(questions))
      #expect(shared[0] == shared[7])
    }
  }

  /// The sum of log-probabilities as a session that computes every position gives them.
  @Test func likelihoodsAreThoseOfTheTokens() throws {
    let question = try ChoicePrompt(model.checkpoint, style: .text).tokens(item(2))
    let scores = try ChoiceScorer(model: model, context: TinyModel.context).logLikelihoods([question])[0]
    for (option, score) in zip(question.options, scores) {
      let tokens = question.prompt + option
      var (sum, before): (Double, [Float]) = (0, [])
      try Session(model: model, context: TinyModel.context).evaluate(tokens) { position, logits in
        if position >= question.prompt.count {
          sum += Double(before[Int(tokens[position])]) - LogProbabilities.logSumExp(before)
        }
        before = logits
      }
      #expect(abs(sum - score) < 1e-4)
    }
  }

  @Test func promptAndOptionMakeTheWholeText() throws {
    let prompt = try ChoicePrompt(model.checkpoint, style: .letter)
    let question = try prompt.tokens(item(2))
    let text = String(
      decoding: model.checkpoint.tokenizer.decode(question.prompt + question.options[1], special: false), as: UTF8.self)
    #expect(text.hasSuffix("\nB. propofol 2 mg/kg\nC. a\nD. 无 2\n答案：B"))
    #expect(question.characters == [2, 16, 1, 3])
  }

  @Test func interruptionsAreHeard() throws {
    let question = try ChoicePrompt(model.checkpoint, style: .letter).tokens(item(1))
    #expect(throws: Interrupted.self) {
      try ChoiceScorer(model: model, context: TinyModel.context).logLikelihoods([question], isCancelled: { true })
    }
  }

  @Test func lettersChosenAndNamed() {
    let letters = ["A", "B", "C", "D"]
    #expect(ChoiceRule.chosen([-3, -1, -2, -1], letters: letters, count: 1) == ["B"])
    #expect(ChoiceRule.chosen([-3, -1, -2, -1], letters: letters, count: 3) == ["B", "C", "D"])
    #expect(ChoiceRule.chance(options: 5, keys: 2) == 0.1)
    for (answer, named) in [
      ("B", ["B"]), ("答案是C。", ["C"]), ("Answer: (D) because A is wrong", ["D"]), ("A、C", ["A", "C"]),
      ("BD\nA", ["B", "D"]),
      ("a and b", []), ("", []), ("Because", []), ("A and C", ["A", "C"]), ("E", []),
    ] {
      #expect(ChoiceRule.named(in: answer, letters: letters) == named, "\(answer)")
    }
  }

  @Test(arguments: [1, 2, 10, 11, 12, 25, 100]) func windowsCountEveryTokenOnce(count: Int) {
    let tokens = (0..<Int32(count)).map { $0 + 10 }
    for (beginning, stride) in [(Int32?.none, 4), (1, 4), (1, 9), (1, 1), (nil, 99)] {
      let windows = TextLikelihood.windows(tokens, beginning: beginning, context: 10, stride: stride)
      let counted = windows.flatMap { $0.tokens[$0.start...] }
      #expect(counted == (beginning == nil ? Array(tokens.dropFirst()) : tokens))
      #expect(windows.allSatisfy { $0.tokens.count <= 10 && $0.start > 0 })
    }
  }

  @Test func lossIsThatOfTheAnswerAlone() throws {
    let prompts = try AnswerPrompts(model.checkpoint)
    let scored = try #require(try prompts.answered("丙泊酚？", "麻醉药"))
    let tokenizer = model.checkpoint.tokenizer
    #expect(
      String(decoding: tokenizer.decode(scored.tokens[..<scored.start], special: false), as: UTF8.self) == "问：丙泊酚？\n答：")
    #expect(scored.tokens.count - scored.start == "麻醉药".utf8.count + 1 && scored.tokens.last == 2)
    let likelihood = TextLikelihood(model: model, context: TinyModel.context)
    let alone = try likelihood.nats([scored])
    #expect(try likelihood.nats([scored, scored]) == alone + alone)
  }

  @Test func verdictsMustHoldInBothOrders() {
    #expect(PairwiseJudge.verdict([-1, -2], swapped: [-2, -1]) == .win)
    #expect(PairwiseJudge.verdict([-2, -1], swapped: [-1, -2]) == .loss)
    #expect(PairwiseJudge.verdict([-1, -2], swapped: [-1, -2]) == .inconsistent)
    #expect(PairwiseJudge.verdict([-1, -1], swapped: [-2, -1]) == .inconsistent)
  }
}
