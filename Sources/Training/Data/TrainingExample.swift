// One sequence the model is trained on, and which of its tokens it must learn to say. Everything the data files hold
// ends up as these; the passes over the model know nothing else of the data.
import Common

/// A sequence of tokens and which of them count in the loss.
public struct TrainingExample: Sendable, Equatable {
  /// Where an example was read.
  public struct Source: Sendable, Hashable {
    /// The file, as an index into `DataReport.files`.
    public let file: Int
    /// The line, from 1; a text file is one row that begins in line 1.
    public let line: Int

    /// Line `line` of file `file`.
    public init(file: Int, line: Int) {
      self.file = file
      self.line = line
    }
  }

  /// The tokens, at least two.
  public let tokens: [Int32]
  /// Whether each token is a target, [tokens]: predicted from the ones before it, with its loss counted. The first
  /// never is, since nothing stands before it.
  public let lossMask: [Bool]
  /// How many tokens are targets.
  public let targetCount: Int
  /// How many of its tokens are rows to compute: each predicts the next, so that nothing from the last target on is one.
  let rowCount: Int
  /// How many of these rows, from the first on, predict no target.
  let openingCount: Int
  /// Where it was read.
  public let source: Source
  /// What the held-out split goes by. All examples of one dialogue share it.
  let splitKey: UInt64

  /// An example of `tokens`; `lossMask` has as many elements. A mark on the first token is taken off.
  public init(tokens: [Int32], lossMask: [Bool], source: Source) {
    self.init(tokens: tokens, lossMask: lossMask, source: source, splitKey: SplitMix64.hash(tokens))
  }

  init(tokens: [Int32], lossMask: [Bool], source: Source, splitKey: UInt64) {
    precondition(tokens.count == lossMask.count, "every token is a target or not")
    var lossMask = lossMask
    if !lossMask.isEmpty { lossMask[0] = false }
    self.tokens = tokens
    self.lossMask = lossMask
    self.source = source
    self.splitKey = splitKey
    targetCount = lossMask.count { $0 }
    rowCount = lossMask.lastIndex(of: true) ?? 0
    openingCount = (lossMask.firstIndex(of: true) ?? 1) - 1
  }

  /// The tokens before the row that predicts the first target. Their rows are the same in every example that begins
  /// with them, whatever it goes on to say.
  var opening: ArraySlice<Int32> { tokens[..<openingCount] }
}
