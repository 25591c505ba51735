// How a base reads conversations, and how a dialogue becomes examples with the loss on the answers alone. The tokens
// of an answer are found by asking twice, for the conversation up to the answer and for the one with it: whatever the
// template, the model then learns to go on from exactly the tokens it will be asked with.
import Common
import Text

/// A template that refuses a conversation.
public struct ConversationRefused: Error, Equatable, CustomStringConvertible {
  /// What the template says.
  public let description: String

  /// A refusal for `description`.
  public init(_ description: String) { self.description = description }
}

/// Makes the tokens of a conversation as the base reads it. What a person wrote must stay free of special tokens.
public protocol ConversationEncoder {
  /// What messages call the template.
  var templateName: String { get }

  /// The tokens of `messages`, with what opens an answer if `addGenerationPrompt`. Both kinds begin alike: with the
  /// beginning-of-text token, where the base has one.
  func tokens(
    of messages: [ChatMessage], addGenerationPrompt: Bool
  ) throws(ConversationRefused) -> [Int32]
}

/// Tokens and which of them are targets.
struct MaskedTokens: Equatable {
  var tokens: [Int32] = []
  var lossMask: [Bool] = []

  /// Adds `added`, all of them targets or none.
  mutating func append(_ added: some Collection<Int32>, isTarget: Bool) {
    tokens += added
    lossMask += repeatElement(isTarget, count: added.count)
  }
}

/// Makes examples of dialogues.
struct DialogueMasker {
  let encoder: any ConversationEncoder
  let tokenizer: Tokenizer
  /// Turns that begin beyond this many tokens are left out.
  let limit: Int

  /// The dialogue as few sequences, each of its answers a target once, up to the end-of-turn token.
  ///
  /// That is one sequence, unless the template writes earlier turns differently from the last, as those of reasoning
  /// models do: then each answer has a sequence of its own, which is how the model will see the turns before it.
  /// Where the last answer has no end token, the end-of-text token is put behind it, so that the model learns to stop.
  func sequences(of messages: [ChatMessage]) throws(DataProblem.Reason) -> [MaskedTokens] {
    var finished: [MaskedTokens] = []
    var current = MaskedTokens()
    for index in messages.indices where messages[index].role == "assistant" {
      let prompt = try encode(messages[..<index], addGenerationPrompt: true)
      let turn = try encode(messages[...index], addGenerationPrompt: false)
      let answer = try answerRange(prompt: prompt, turn: turn)
      if !turn[..<answer.lowerBound].starts(with: current.tokens) {
        finished.append(current)
        current = MaskedTokens()
      }
      current.append(turn[current.tokens.count..<answer.lowerBound], isTarget: false)
      current.append(turn[answer], isTarget: true)
      if current.tokens.count > limit { break }
    }
    return (finished + [current]).map(ended)
  }

  /// Where in `turn` the answer to `prompt` stands: behind the prompt, up to the end-of-turn token or, for templates
  /// without one, to the end. A token that holds both the end of the prompt and the beginning of the answer is the
  /// answer's.
  private func answerRange(prompt: [Int32], turn: [Int32]) throws(DataProblem.Reason) -> Range<Int> {
    let start = prompt.commonPrefixLength(turn)
    func bytes(_ tokens: [Int32]) -> [UInt8] { tokenizer.decode(tokens, special: true) }
    guard start == prompt.count || bytes(turn).starts(with: bytes(prompt)) else {
      throw .promptNotInTurn(template: encoder.templateName)
    }
    let end = turn[start...].lastIndex { tokenizer.endTokens.contains(Int($0)) }.map { $0 + 1 } ?? turn.count
    let hasText = turn[start..<end].contains { !tokenizer.endTokens.contains(Int($0)) }
    guard hasText else { throw .answerLost(template: encoder.templateName) }
    return start..<end
  }

  private func ended(_ sequence: MaskedTokens) -> MaskedTokens {
    guard let last = sequence.tokens.last, !tokenizer.endTokens.contains(Int(last)),
      let endOfText = tokenizer.endOfText
    else { return sequence }
    var sequence = sequence
    sequence.append([Int32(endOfText)], isTarget: true)
    return sequence
  }

  private func encode(
    _ messages: ArraySlice<ChatMessage>, addGenerationPrompt: Bool
  ) throws(DataProblem.Reason) -> [Int32] {
    do throws(ConversationRefused) {
      return try encoder.tokens(of: Array(messages), addGenerationPrompt: addGenerationPrompt)
    } catch {
      throw .refused(error.description)
    }
  }
}
