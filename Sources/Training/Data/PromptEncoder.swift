// Training data read as the chat will ask: the conversation encoder over the prompts that answers are made from.
import Generation
import Text

extension PromptBuilder {
  /// The conversations of training data, as this builder's prompts; nil for a base without a template. `now` is the
  /// moment for templates that print one: the run's own, so that a run taken up on another day sees the same tokens.
  public func trainingEncoder(now: LocalTime) -> (any ConversationEncoder)? {
    template == nil ? nil : PromptEncoder(prompts: self, now: now)
  }
}

private struct PromptEncoder: ConversationEncoder {
  let prompts: PromptBuilder
  let now: LocalTime
  var templateName: String { prompts.template?.name ?? "" }

  func tokens(
    of messages: [ChatMessage], addGenerationPrompt: Bool
  ) throws(ConversationRefused) -> [Int32] {
    do throws(PromptError) {
      return try prompts.tokens(messages, addGenerationPrompt: addGenerationPrompt, now: now)
    } catch {
      throw ConversationRefused("\(error)")
    }
  }
}
