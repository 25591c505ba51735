// Whole conversations through templates in the manner of published ones (turn markers, tools, thinking,
// dates, checks of the roles) and through the built-in ones, against what Jinja 3.1 renders.

import Foundation
import Testing

@testable import Text

@Suite struct TemplateConversationTests {
  /// What became of a render, in the terms of the fixtures.
  private enum Outcome: Equatable {
    case text(String)
    case raised(String)
    case failed
  }

  private func outcome(
    _ template: ChatTemplate, _ messages: JSONValue, prompt: Bool, _ variables: [String: TemplateValue]
  ) -> Outcome {
    do throws(TemplateError) {
      return .text(
        try template.render(
          messages: messages, addGenerationPrompt: prompt, variables: variables, now: fixtureTime))
    } catch {
      if case .raised(let message) = error.reason { return .raised(message) }
      return .failed
    }
  }

  @Test func templatesOfKnownFormatsRenderAsInJinja() throws {
    let fixture = try templateFixture("conversations.json")
    let cases = try #require(fixture["cases"]?.array)
    #expect(cases.count > 150)
    for entry in cases {
      let name = try #require(entry["template"]?.string)
      let messagesName = try #require(entry["messages"]?.string)
      let source = try #require(fixture["templates"]?[name]?.string)
      let messages = try #require(fixture["messages"]?[messagesName])
      var variables: [String: TemplateValue] = [:]
      for field in entry["variables"]?.object ?? [:] { variables[field.key] = TemplateValue(field.value) }
      var expected = Outcome.failed
      if let text = entry["expected"]?.string { expected = .text(text) }
      if let message = entry["raised"]?.string { expected = .raised(message) }
      let prompt = entry["prompt"] == true
      let actual = outcome(try ChatTemplate(source: source, name: name), messages, prompt: prompt, variables)
      #expect(actual == expected, "\(name), \(messagesName)")
    }
  }

  @Test func builtInTemplatesRenderAsInJinja() throws {
    let fixture = try templateFixture("builtin.json")
    let cases = try #require(fixture["cases"]?.array)
    for entry in cases {
      let name = try #require(entry["template"]?.string)
      let messagesName = try #require(entry["messages"]?.string)
      let messages = try #require(fixture["messages"]?[messagesName])
      let template = try #require(ChatTemplate.builtIn(name))
      let text = try template.render(
        messages: messages, addGenerationPrompt: entry["prompt"] == true,
        variables: ["bos_token": "<s>", "eos_token": "</s>"])
      #expect(text == entry["expected"]?.string, "\(name)")
    }
    #expect(Set(cases.compactMap { $0["template"]?.string }) == Set(ChatTemplate.builtInNames))
    #expect(ChatTemplate.builtIn("no such template") == nil)
  }

  /// The formats by hand, so that the built-in templates are not only checked against themselves.
  @Test(arguments: [
    ("chatml", "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n"),
    ("llama2", "[INST] <<SYS>>\nS\n<</SYS>>\n\nU [/INST]"),
    (
      "llama3",
      "<|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nU"
        + "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
    ),
    ("gemma", "<start_of_turn>user\nS\n\nU<end_of_turn>\n<start_of_turn>model\n"),
    ("mistral", "[INST] S\n\nU [/INST]"),
    ("alpaca", "S\n\n### Instruction:\nU\n\n### Response:\n"),
    ("vicuna", "S USER: U ASSISTANT:"),
    ("phi3", "<|system|>\nS<|end|>\n<|user|>\nU<|end|>\n<|assistant|>\n"),
    ("zephyr", "<|system|>\nS</s>\n<|user|>\nU</s>\n<|assistant|>\n"),
    ("plain", "S\n\nQuestion: U\nAnswer:"),
  ])
  func builtInTemplateWritesItsFormat(name: String, expected: String) throws {
    let messages = [ChatMessage(role: "system", content: "S"), ChatMessage(role: "user", content: "U")]
    let template = try #require(ChatTemplate.builtIn(name))
    let text = try template.render(
      messages: messages, addGenerationPrompt: true, variables: ["bos_token": "<s>", "eos_token": "</s>"])
    #expect(text == expected)
  }

  /// Work grows with the conversation and not faster: a conversation a hundred times as long takes at
  /// most a hundred times the steps.
  @Test func stepsGrowLinearlyWithTheConversation() throws {
    let template = try #require(ChatTemplate.builtIn("chatml"))
    func renders(_ turns: Int, steps: Int) -> Bool {
      let turn: TemplateValue = ["role": "user", "content": "How long does it last?"]
      let variables: [String: TemplateValue] = ["messages": .array(Array(repeating: turn, count: turns))]
      return (try? template.render(variables: variables, now: fixtureTime, limits: .init(steps: steps))) != nil
    }
    let few = try #require((1...2_000).first { renders(20, steps: $0) })
    #expect(renders(2_000, steps: few * 100))
  }
}
