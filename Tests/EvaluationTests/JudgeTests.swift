// The judge: only scores come out, their probabilities are those of the model, and a pair's marks are its own.
import Foundation
import Generation
import Model
import TestModels
import Testing
import Text

@testable import Evaluation

@Suite struct JudgeTests {
  private static let pairs = [
    JudgedPair(question: "Why fast before an anesthetic?", answer: "To keep the lungs free of food."),
    JudgedPair(question: "丙泊酚有什么作用？", answer: "它是静脉麻醉药。"),
    JudgedPair(question: "Why fast before an anesthetic?", answer: "Cats sleep a lot."),
  ]
  private static let template = "{% for m in messages %}[{{ m.content }}]{% endfor %}>"
  private static let context = 8192

  private func template() throws -> ChatTemplate { try ChatTemplate(source: Self.template, name: "brackets") }

  /// Log-probabilities behind `tokens`, by the session that answers questions.
  private func logProbabilities(_ tokens: [Int32], _ model: Transformer) throws -> [Double] {
    let logits = try Session(model: model, context: Self.context).advance(to: tokens)[row: 0]
    let sum = LogProbabilities.logSumExp(logits)
    return logits.map { Double($0) - sum }
  }

  @Test(arguments: JudgeStyle.allCases) func marksAreThoseOfAPlainEvaluation(_ style: JudgeStyle) throws {
    let model = try TinyModel.open()
    let template = try style == .chat ? template() : nil
    let judge = try Judge(model: model, context: Self.context, template: template)
    #expect(judge.style == style)
    let prompts = try JudgePrompts(model.checkpoint, template: template, style: style)
    let judgements = try judge.judge(Self.pairs).map { try $0.get() }
    for (pair, judgement) in zip(Self.pairs, judgements) {
      for aspect in [JudgedAspect.coherence, .harmfulness] {
        let prompt = try prompts.tokens(pair, aspect)
        // The tiny model's tokens are bytes: 10 is a 1 and a 0.
        let first = try logProbabilities(prompt, model)
        let one = model.checkpoint.tokenizer.encode("1", parseSpecial: false, addBeginning: false).last ?? 0
        let digits = (0...9).map { digit in Int(one) + digit - 1 }
        let second = try logProbabilities(prompt + [one], model)
        var weights = digits.map { exp(first[$0]) }
        let ten = exp(second[digits[0]])
        weights.append(weights[1] * ten)
        weights[1] *= 1 - ten
        let sum = weights.reduce(0, +)
        let found = try #require(judgement.scores[aspect]?.probabilities)
        #expect(found.count == 11)
        for (found, weight) in zip(found, weights) { #expect(abs(found - weight / sum) < 1e-4) }
        #expect(abs(found.reduce(0, +) - 1) < 1e-12)
      }
    }
  }

  @Test func marksDoNotDependOnCompany() throws {
    let judge = try Judge(model: try TinyModel.open(), context: Self.context)
    let together = try judge.judge(Self.pairs + Self.pairs)
    for (number, pair) in Self.pairs.enumerated() {
      let alone = try Judge(model: try TinyModel.open(), context: Self.context).judge([pair])
      #expect(together[number] == alone[0])
      #expect(together[number + Self.pairs.count] == alone[0])
    }
  }

  @Test func aPairThatDoesNotFitIsNamedAndTheOthersAreJudged() throws {
    let judge = try Judge(model: try TinyModel.open(), context: 4096)
    let long = JudgedPair(question: "Why?", answer: String(repeating: "long ", count: 2000))
    let results = try judge.judge([Self.pairs[0], long])
    #expect((try? results[0].get()) != nil)
    guard case .failure(.tooLong(let tokens, 4096)) = results[1] else {
      Issue.record("\(results[1])")
      return
    }
    #expect(tokens > 10_000)
  }

  @Test func aBaseModelIsNotAskedAsAChatModel() throws {
    #expect(throws: JudgeError.self) {
      try Judge(model: try TinyModel.open(), context: 512, style: .chat)
    }
  }

  @Test func interruptedBetweenPasses() throws {
    let judge = try Judge(model: try TinyModel.open(), context: Self.context)
    #expect(throws: Interrupted.self) { try judge.judge(Self.pairs, isCancelled: { true }) }
  }

  @Test func aScoreThatCouldGoOnIsOneOnlyWhenItDoesNot() throws {
    let tokenizer = try TinyModel.open().checkpoint.tokenizer
    let tokens = try #require(ScoreTokens(opening: "Mark:", space: " ", tokenizer: tokenizer))
    let digits = tokens.chains[..<10].map { $0[0] }
    #expect(tokens.chains[10] == [digits[1], digits[0]])
    #expect(tokens.beginnings == [[], [digits[1]]])
    #expect(tokens.next(behind: []) == digits.sorted())
    #expect(tokens.next(behind: [digits[1]]) == [digits[0]])
    // A tenth for each of 1, 2 and 3; behind the 1 a 0 with probability 3/4.
    var known: [[Int32]: [Int32: Double]] = [[]: [:], [digits[1]]: [digits[0]: log(0.75)]]
    for (digit, token) in digits.enumerated() { known[[]]?[token] = (1...3).contains(digit) ? log(0.1) : -.infinity }
    let score = AspectScore(probabilities: tokens.probabilities(known))
    let expected = [0, 1.0 / 12, 1.0 / 3, 1.0 / 3, 0, 0, 0, 0, 0, 0, 0.25]
    for (found, expected) in zip(score.probabilities, expected) { #expect(abs(found - expected) < 1e-12) }
    #expect(score.hard == 2)
    #expect(abs(score.expected - (1.0 / 12 + 5.0 / 3 + 2.5)) < 1e-12)
  }

  @Test(arguments: [
    ("What is propofol?", JudgedLanguage.english), ("丙泊酚是什么？", .chinese), ("丙泊酚 propofol 的剂量", .chinese),
    ("", .english), ("12 mg/kg", .english), ("The word 麻 in a long English sentence", .english),
  ])
  func languages(_ text: String, _ language: JudgedLanguage) { #expect(JudgedLanguage(of: text) == language) }

  @Test func gainIsThatOfAPlainEvaluation() throws {
    let model = try TinyModel.open()
    let gains = try LikelihoodGain(model: model, context: Self.context).gains(
      of: Self.pairs + [
        JudgedPair(question: "Why?", answer: "")
      ])
    let tokenizer = model.checkpoint.tokenizer
    func total(_ frame: String, _ answer: String) throws -> Double {
      let (frame, answer) = (
        tokenizer.encode(frame, parseSpecial: false),
        tokenizer.encode(answer, parseSpecial: false, addBeginning: false)
      )
      var (total, before) = (0.0, [Float]())
      try Session(model: model, context: Self.context).evaluate(frame + answer) { position, logits in
        if position >= frame.count {
          total += Double(before[Int(answer[position - frame.count])]) - LogProbabilities.logSumExp(before)
        }
        before = logits
      }
      return total
    }
    for (pair, gain) in zip(Self.pairs, gains) {
      let isChinese = pair.language == .chinese
      let answer = (isChinese ? "" : " ") + pair.answer
      let count = tokenizer.encode(answer, parseSpecial: false, addBeginning: false).count
      let with = try total(
        isChinese ? "问题：\(pair.question)\n回答：" : "Question: \(pair.question)\nAnswer:", answer)
      let without = try total(isChinese ? "问题：\n回答：" : "Question:\nAnswer:", answer)
      #expect(abs(try gain.get() - (with - without) / Double(count).squareRoot()) < 1e-3)
    }
    #expect(throws: JudgeRefusal.refused("the answer has no text")) { try gains[3].get() }
  }
}
