// From rows to examples of at most a sequence's length: what is a target, what is cut, split or dropped.
import Common
import Text

/// Makes the examples of rows for one base.
public struct ExampleMaker {
  /// The least length of a sequence, in tokens.
  public static let minimumSequenceLength = 16

  /// The base's tokenizer.
  public let tokenizer: Tokenizer
  /// The most tokens an example may have.
  public let sequenceLength: Int
  private let conversations: (any ConversationEncoder)?

  /// Makes examples of at most `sequenceLength` tokens. Without `conversations`, for a base without a template,
  /// dialogues are problems.
  public init(
    tokenizer: Tokenizer, conversations: (any ConversationEncoder)?, sequenceLength: Int
  ) throws(DataError) {
    guard sequenceLength >= ExampleMaker.minimumSequenceLength else {
      throw .sequenceTooShort(sequenceLength, minimum: ExampleMaker.minimumSequenceLength)
    }
    self.tokenizer = tokenizer
    self.conversations = conversations
    self.sequenceLength = sequenceLength
  }

  /// What became of a row.
  struct Outcome {
    var examples: [TrainingExample] = []
    /// Examples that lost their end.
    var cut = 0
    /// Examples with no target within the length.
    var dropped = 0
    /// Whether a note was split into several examples.
    var isSplit = false
  }

  /// The examples of `row`.
  func examples(of row: DataRow, source: TrainingExample.Source) throws(DataProblem.Reason) -> Outcome {
    switch row.content {
    case .dialogue(let messages):
      guard let conversations else { throw .noTemplate }
      let masker = DialogueMasker(encoder: conversations, tokenizer: tokenizer, limit: sequenceLength)
      return fitted(try masker.sequences(of: messages), source)
    case .completion(let prompt, let completion):
      return fitted([masked(prompt: prompt, completion: completion)], source)
    case .note(let text):
      return pieces(of: tokenizer.encode(text, parseSpecial: false), source)
    }
  }

  /// Sequences of one row, each cut at its end where it is too long, and dropped where no target is left.
  private func fitted(_ sequences: [MaskedTokens], _ source: TrainingExample.Source) -> Outcome {
    let splitKey = SplitMix64.hash(sequences.lazy.flatMap(\.tokens))
    var outcome = Outcome()
    for sequence in sequences {
      let example = TrainingExample(
        tokens: Array(sequence.tokens.prefix(sequenceLength)),
        lossMask: Array(sequence.lossMask.prefix(sequenceLength)), source: source, splitKey: splitKey)
      if example.targetCount == 0 {
        outcome.dropped += 1
      } else {
        outcome.examples.append(example)
        if sequence.tokens.count > sequenceLength { outcome.cut += 1 }
      }
    }
    return outcome
  }

  /// A prompt and its completion, which is the target with an end-of-text token behind it. Both are tokenized in one
  /// piece, as text; a token that holds both the end of the prompt and the beginning of the completion is a target.
  private func masked(prompt: String, completion: String) -> MaskedTokens {
    let beginning = tokenizer.addsBeginning ? tokenizer.beginningOfText.map { [Int32($0)] } ?? [] : []
    let head = tokenizer.encode(prompt, parseSpecial: false, addBeginning: false)
    let whole = tokenizer.encode(prompt + completion, parseSpecial: false, addBeginning: false)
    let start = head.commonPrefixLength(whole)
    var sequence = MaskedTokens()
    sequence.append(beginning, isTarget: false)
    sequence.append(whole[..<start], isTarget: false)
    sequence.append(whole[start...], isTarget: true)
    if let end = tokenizer.endOfText { sequence.append([Int32(end)], isTarget: true) }
    return sequence
  }

  /// A note in pieces that fit, every token a target exactly once but for the note's first. A further piece begins
  /// with the beginning-of-text token, where the base wants one, and the last character or token of the piece before
  /// it, which are no targets there. Pieces end between characters.
  private func pieces(of tokens: [Int32], _ source: TrainingExample.Source) -> Outcome {
    let beginning = tokenizer.addsBeginning ? tokenizer.beginningOfText.map { [Int32($0)] } ?? [] : []
    var outcome = Outcome()
    var start = 0
    while start < tokens.count {
      let context = start == 0 ? [] : beginning + tokens[border(in: tokens, before: start - 1)..<start]
      let latest = start + sequenceLength - context.count
      let end = latest < tokens.count ? border(in: tokens, before: latest) : tokens.count
      var piece = MaskedTokens()
      piece.append(context, isTarget: false)
      piece.append(tokens[start..<end], isTarget: true)
      let example = TrainingExample(tokens: piece.tokens, lossMask: piece.lossMask, source: source)
      if example.targetCount > 0 { outcome.examples.append(example) } else { outcome.dropped += 1 }
      start = end
    }
    outcome.isSplit = outcome.examples.count > 1
    return outcome
  }

  /// `index`, moved back where it would part the tokens of a character, which has four bytes at most.
  private func border(in tokens: [Int32], before index: Int) -> Int {
    func beginsInsideCharacter(_ index: Int) -> Bool {
      tokenizer.bytes(of: Int(tokens[index])).first.map { $0 & 0xC0 == 0x80 } ?? false
    }
    return (max(index - 3, 0)...index).last { !beginsInsideCharacter($0) } ?? index
  }
}
