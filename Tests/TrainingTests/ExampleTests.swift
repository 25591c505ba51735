import Testing
import Text

@testable import Training

/// Rows as tokens, and which of them are targets, written down by hand.
@Suite struct ExampleTests {
  private static let dialogue = #"""
    {"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "Q"},
    {"role": "assistant", "content": "A1"}, {"role": "user", "content": "R"},
    {"role": "assistant", "content": "A2"}, {"role": "user", "content": "thanks"}]}
    """#

  /// A turn in ChatML without its end.
  private func turn(_ role: String, _ text: String) -> [Int32] { [Toy.turn] + Toy.ids("\(role)\n\(text)") }

  @Test func onlyAnswersAndTheirEndAreTargets() throws {
    let made = try toyMaker().examples(line: Self.dialogue)
    let example = try #require(made.examples.first)
    #expect(made.examples.count == 1)
    let newline = Toy.ids("\n")
    let head = turn("system", "S") + [Toy.turnEnd] + newline + turn("user", "Q") + [Toy.turnEnd] + newline
    let opening = turn("assistant", "")
    let answer1 = Toy.ids("A1") + [Toy.turnEnd]
    let middle = newline + turn("user", "R") + [Toy.turnEnd] + newline + opening
    let answer2 = Toy.ids("A2") + [Toy.turnEnd]
    // What follows the last answer is no use: neither the newline nor the thanks are there.
    #expect(example.tokens == head + opening + answer1 + middle + answer2)
    let expected =
      (head + opening).map { _ in false } + answer1.map { _ in true } + middle.map { _ in false }
      + answer2.map { _ in true }
    #expect(example.lossMask == expected)
    #expect(example.targetCount == 6)
    #expect(example.source == TrainingExample.Source(file: 0, line: 1))
  }

  @Test func aTokenOverTheBorderIsTheAnswers() throws {
    let source = """
      {%- for m in messages -%}{{- m.role ~ '\\n' ~ ('\\n' if m.role == 'assistant') ~ m.content ~ eos_token -}}
      {%- endfor -%}{{- 'assistant\\n' if add_generation_prompt -}}
      """
    let made = try toyMaker("spaced", source: source).examples(line: #"{"question": "Q", "answer": "A"}"#)
    let example = try #require(made.examples.first)
    #expect(example.targets == [Toy.blankLine] + Toy.ids("A") + [Toy.end])
    #expect(example.tokens.suffix(4) == Toy.ids("t") + example.targets)
  }

  @Test func aTemplateWithoutEndTokensGetsOne() throws {
    let made = try toyMaker("alpaca").examples(line: #"{"question": "Q", "answer": "A"}"#)
    let example = try #require(made.examples.first)
    #expect(
      example.tokens == Toy.ids("### Instruction:\nQ") + [Toy.blankLine] + Toy.ids("### Response:\n")
        + Toy.ids("A") + [Toy.blankLine, Toy.end])
    #expect(example.targets == Toy.ids("A") + [Toy.blankLine, Toy.end])
  }

  @Test func aTemplateThatRewritesEarlierTurnsGivesOneExamplePerAnswer() throws {
    // The last turn is marked, as reasoning models keep the thoughts of the last turn alone.
    let source = """
      {%- for m in messages -%}
        {{- '<|im_start|>' ~ m.role ~ (':' if m.role == 'assistant') -}}
        {{- ('!' if loop.last and m.role == 'assistant') ~ m.content ~ '<|im_end|>' -}}
      {%- endfor -%}
      {{- '<|im_start|>assistant:' if add_generation_prompt -}}
      """
    let made = try toyMaker("marked", source: source).examples(line: Self.dialogue)
    let start = [Toy.turn] + Toy.ids("systemS") + [Toy.turnEnd, Toy.turn] + Toy.ids("userQ") + [Toy.turnEnd, Toy.turn]
    let first = start + Toy.ids("assistant:!A1") + [Toy.turnEnd]
    let second =
      start + Toy.ids("assistant:A1") + [Toy.turnEnd, Toy.turn] + Toy.ids("userR") + [Toy.turnEnd, Toy.turn]
      + Toy.ids("assistant:!A2") + [Toy.turnEnd]
    #expect(made.examples.map(\.tokens) == [first, second])
    #expect(made.examples.map(\.targets) == [Toy.ids("!A1") + [Toy.turnEnd], Toy.ids("!A2") + [Toy.turnEnd]])
    #expect(made.examples[0].splitKey == made.examples[1].splitKey)
  }

  @Test func aTemplateThatOpensDifferentlyIsRefused() throws {
    let source = """
      {%- for m in messages -%}{{- m.role ~ m.content ~ '<|im_end|>' -}}{%- endfor -%}
      {{- 'assistant<think>' if add_generation_prompt -}}
      """
    #expect(throws: DataProblem.Reason.promptNotInTurn(template: "thinking")) {
      try toyMaker("thinking", source: source).examples(line: Self.dialogue)
    }
    let silent = "{%- for m in messages if m.role != 'assistant' -%}{{- m.content -}}{%- endfor -%}"
    #expect(throws: DataProblem.Reason.answerLost(template: "silent")) {
      try toyMaker("silent", source: silent).examples(line: Self.dialogue)
    }
    let strict = "{{ raise_exception('no system') }}"
    #expect {
      try toyMaker("strict", source: strict).examples(line: Self.dialogue)
    } throws: { error in
      "\(error)".contains("no system")
    }
  }

  @Test func withoutATemplateDialoguesAreRefused() throws {
    let maker = try ExampleMaker(tokenizer: Toy.tokenizer(), conversations: nil, sequenceLength: 64)
    #expect(throws: DataProblem.Reason.noTemplate) { try maker.examples(line: Self.dialogue) }
    #expect(try maker.examples(line: #"{"text": "note"}"#).examples.count == 1)
  }

  @Test func completions() throws {
    let maker = try toyMaker(tokenizer: Toy.tokenizer(addsBeginning: true))
    let made = try maker.examples(line: #"{"prompt": "P<|im_end|>\n", "completion": "\nC"}"#)
    let example = try #require(made.examples.first)
    #expect(example.tokens == [Toy.begin] + Toy.ids("P<|im_end|>") + [Toy.blankLine] + Toy.ids("C") + [Toy.end])
    #expect(example.targets == [Toy.blankLine] + Toy.ids("C") + [Toy.end])
    let bare = try toyMaker(tokenizer: Toy.tokenizer(hasEnd: false))
    #expect(try bare.examples(line: #"{"prompt": "", "completion": "CD"}"#).examples[0].targets == Toy.ids("D"))
  }

  @Test func longDialoguesAreCutOrDropped() throws {
    let line = #"{"question": "Q", "answer": "0123456789"}"#
    let whole = try toyMaker().examples(line: line).examples[0]
    let answerStart = try #require(whole.lossMask.firstIndex(of: true))
    let cut = try toyMaker(sequenceLength: answerStart + 4).examples(line: line)
    #expect(cut.examples.map(\.tokens) == [Array(whole.tokens.prefix(answerStart + 4))])
    #expect(cut.examples[0].targets == Toy.ids("0123"))
    #expect((cut.cut, cut.dropped) == (1, 0))
    let dropped = try toyMaker(sequenceLength: answerStart).examples(line: line)
    #expect(dropped.examples.isEmpty)
    #expect((dropped.cut, dropped.dropped) == (0, 1))
  }

  @Test(arguments: [false, true]) func longNotesAreSplit(addsBeginning: Bool) throws {
    let tokenizer = try Toy.tokenizer(addsBeginning: addsBeginning)
    let text = "麻醉 before 手术: 0123456789 abcdefghijklmnopqrstuvwxyz 丙泊酚"
    for length in 16...64 {
      let maker = try toyMaker(sequenceLength: length, tokenizer: tokenizer)
      let made = try maker.examples(line: #"{"text": "\#(text)"}"#)
      #expect(made.isSplit && made.dropped == 0)
      #expect(made.examples.allSatisfy { $0.tokens.count <= length })
      // Every token is a target once, but for the very first of a note without a beginning.
      let targets = made.examples.flatMap(\.targets)
      #expect(targets == Array(Toy.ids(text).dropFirst(addsBeginning ? 0 : 1)))
      for (before, after) in zip(made.examples, made.examples.dropFirst()) {
        let said = String(decoding: before.targets.map { UInt8($0) }, as: UTF8.self)
        let context = (addsBeginning ? [Toy.begin] : []) + Toy.ids(String(said.suffix(1)))
        #expect(Array(after.tokens.prefix(context.count)) == context)
        #expect(String(validating: after.targets.map { UInt8($0) }, as: UTF8.self) != nil)
      }
    }
  }

  @Test func aNoteOfOneTokenTeachesNothing() throws {
    let made = try toyMaker().examples(line: #"{"text": "a"}"#)
    #expect(made.examples.isEmpty && made.dropped == 1)
  }

  @Test func sequencesHaveALeastLength() {
    #expect(throws: DataError.sequenceTooShort(15, minimum: 16)) { try toyMaker(sequenceLength: 15) }
  }

  @Test func theViewMarksTargetsAndDisarmsControls() throws {
    let tokenizer = try Toy.tokenizer()
    let made = try toyMaker().examples(line: #"{"question": "Q\u001b[2J", "answer": "麻醉"}"#)
    let view = ExampleView(made.examples[0], tokenizer: tokenizer)
    #expect(
      view.text(opening: "«", closing: "»")
        == "<|im_start|>user\nQ␛[2J<|im_end|>\n<|im_start|>assistant\n«麻醉<|im_end|>»")
    #expect(view.pieces.map(\.isTarget) == [false, true])
    #expect(view.targetCount == 7)
    let examples = (0..<10).map {
      TrainingExample(tokens: [0, Int32($0)], lossMask: [false, true], source: .init(file: 0, line: 1))
    }
    #expect(ExampleView.sample(examples, count: 3).map(\.tokens) == [[0, 0], [0, 3], [0, 6]])
    #expect(ExampleView.sample(examples, count: 20) == examples)
  }
}
