// One sequence of a batch: a prompt being read, then its answer being generated.
import Common
import Compute

/// What a sequence computes in one step.
struct BatchTurn {
  /// Which of the running sequences.
  let index: Int
  /// The tokens it computes, behind those it has computed before.
  let tokens: [Int32]
  /// Behind how many of them, the last ones, logits are wanted.
  let logitRows: Int
}

/// A prompt and its answer on their way; a class, so that several can go on at once on different threads.
final class BatchSequence {
  /// The number it was given.
  let ticket: Int
  /// The whole prompt.
  let prompt: [Int32]
  /// Its keys and values.
  let store: KeyValueStore
  /// The tokens whose keys and values are in the store.
  private(set) var tokens: [Int32]
  /// Its answer.
  var decoding: Decoding

  /// A sequence whose store holds the first `shared` tokens of `prompt`.
  init(ticket: Int, prompt: [Int32], store: KeyValueStore, shared: Int, decoding: Decoding) {
    self.ticket = ticket
    self.prompt = prompt
    self.store = store
    self.decoding = decoding
    tokens = Array(prompt[..<shared])
  }

  /// Whether its prompt is not yet read to the end.
  var isReading: Bool { tokens.count < prompt.count }

  /// The part of the prompt that is not yet read.
  var unread: ArraySlice<Int32> { prompt[tokens.count...] }

  /// Takes in a turn that has been computed; its logits stand in `logits` from row `row` on.
  func take(_ turn: BatchTurn, _ logits: FloatMatrix, from row: Int) {
    tokens += turn.tokens
    guard turn.logitRows > 0 else { return }
    let kept = decoding.take(logits, from: row).kept
    tokens.removeLast(turn.logitRows - kept)
  }

  /// How many of the first tokens of `other`, its last one left out, are in the store as a prompt's would be.
  func computed(of other: [Int32]) -> Int {
    min(tokens.commonPrefixLength(other), other.count - 1, store.exactPositions(generatedFrom: prompt.count))
  }

  /// The same once its prompt is read.
  func shared(with other: [Int32]) -> Int {
    isReading ? min(prompt.commonPrefixLength(other), other.count - 1) : computed(of: other)
  }
}
