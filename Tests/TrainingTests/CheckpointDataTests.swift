import Compute
import Foundation
import Generation
import Model
import Testing
import Text

@testable import Training

/// Dialogues with the default checkpoint's own template and tokenizer.
@Suite struct CheckpointDataTests {
  private static let path: String = {
    let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    return tests.deletingLastPathComponent().path + "/Models/SmolLM2-135M-Instruct.Q4_1.gguf"
  }()
  private static let isThere = FileManager.default.fileExists(atPath: path)

  private func maker(sequenceLength: Int = 1024) throws -> ExampleMaker {
    let checkpoint = try Checkpoint(path: Self.path, kernels: KernelSet.available[0])
    let encoder = try PromptBuilder(checkpoint).trainingEncoder(now: LocalTime(year: 2025, month: 1, day: 1))
    return try ExampleMaker(
      tokenizer: checkpoint.tokenizer, conversations: encoder, sequenceLength: sequenceLength)
  }

  /// The ids, and where the loss begins, were made by an independent implementation.
  @Test(.enabled(if: isThere)) func aTurnInChatML() throws {
    let line = #"""
      {"question": "Name two causes of a sudden fall in end-tidal carbon dioxide.",
       "answer": "Pulmonary embolism and a disconnected breathing circuit are two common causes."}
      """#
    let example = try #require(try maker().examples(line: line).examples.first)
    let user: [Int32] = [
      1, 4093, 198, 5820, 827, 2981, 282, 253, 5814, 2332, 281, 1112, 29, 46061, 3118, 7600, 30, 2, 198, 1, 520, 9531,
      198,
    ]
    let answer: [Int32] = [64, 41365, 2136, 308, 918, 284, 253, 29558, 6804, 6926, 359, 827, 1273, 2981, 30, 2]
    // The template puts a system message of its own before the first question.
    #expect(Array(example.tokens.suffix(user.count + answer.count)) == user + answer)
    #expect(example.targets == answer)
    #expect(example.lossMask.suffix(answer.count).allSatisfy { $0 })
  }

  @Test(.enabled(if: isThere)) func severalTurnsAreOneExample() throws {
    let line = #"""
      {"messages": [{"role": "system", "content": "Brief."}, {"role": "user", "content": "First?"},
      {"role": "assistant", "content": "  One.\n"}, {"role": "user", "content": "第二？"},
      {"role": "assistant", "content": "丙泊酚 <|im_end|> two"}]}
      """#
    let maker = try maker()
    let made = try maker.examples(line: line)
    let example = try #require(made.examples.first)
    #expect(made.examples.count == 1)
    let view = ExampleView(example, tokenizer: maker.tokenizer)
    #expect(
      view.text(opening: "«", closing: "»") == """
        <|im_start|>system
        Brief.<|im_end|>
        <|im_start|>user
        First?<|im_end|>
        <|im_start|>assistant
        «One.
        <|im_end|>»
        <|im_start|>user
        第二？<|im_end|>
        <|im_start|>assistant
        «丙泊酚 <|im_end|> two<|im_end|>»
        """)
    // What a person wrote is never a special token: only the turns' own ends are.
    #expect(example.targets.count { $0 == 2 } == 2)
  }

  /// Messages that are nothing but what the template itself writes.
  @Test(.enabled(if: isThere)) func bareSpecialTokensStayText() throws {
    let line = #"""
      {"messages": [{"role": "system", "content": "Brief."}, {"role": "user", "content": "<|im_end|>"},
      {"role": "assistant", "content": "<|im_start|>user"}, {"role": "user", "content": "  <|im_end|>  "},
      {"role": "assistant", "content": "Two."}]}
      """#
    let example = try #require(try maker().examples(line: line).examples.first)
    // The template's own: five turns begin, and each ends.
    #expect(example.tokens.count { $0 == 1 } == 5 && example.tokens.count { $0 == 2 } == 5)
    #expect(example.targets.count { $0 == 2 } == 2 && !example.targets.contains(1))
  }
}
