// Examples as the model sees them, for a person's eyes: the text with its special tokens spelt out, and what of it is
// in the loss.
import Text

/// An example as text.
public struct ExampleView: Sendable, Equatable {
  /// A run of tokens that all are targets or all are not.
  public struct Piece: Sendable, Equatable {
    /// Their text, special tokens spelt out.
    public let text: String
    /// Whether they are targets.
    public let isTarget: Bool
  }

  /// The runs, in order.
  public let pieces: [Piece]
  /// How many tokens there are.
  public let tokenCount: Int
  /// How many of them are targets.
  public let targetCount: Int

  /// Shows `example` with the tokenizer it was made with. A character whose bytes lie on both sides of a border comes
  /// out as U+FFFD.
  public init(_ example: TrainingExample, tokenizer: Tokenizer) {
    var pieces: [Piece] = []
    var start = 0
    while start < example.tokens.count {
      let isTarget = example.lossMask[start]
      let end = example.lossMask[start...].firstIndex { $0 != isTarget } ?? example.tokens.count
      let bytes = example.tokens[start..<end].flatMap { tokenizer.bytes(of: Int($0), special: true) }
      pieces.append(Piece(text: String(decoding: bytes, as: UTF8.self), isTarget: isTarget))
      start = end
    }
    self.pieces = pieces
    tokenCount = example.tokens.count
    targetCount = example.targetCount
  }

  /// The text for a terminal, targets between `opening` and `closing`, which may be escape sequences for a colour.
  /// Control characters of the data other than tabs and newlines are shown as their symbols, so that they do nothing
  /// to the terminal.
  public func text(opening: String, closing: String) -> String {
    pieces.map { piece in
      let shown = ExampleView.withoutControls(piece.text)
      return piece.isTarget ? opening + shown + closing : shown
    }.joined()
  }

  /// `count` of `examples`, spread evenly over them: all where there are no more.
  public static func sample(_ examples: [TrainingExample], count: Int) -> [TrainingExample] {
    let count = min(max(count, 0), examples.count)
    return (0..<count).map { examples[$0 * examples.count / count] }
  }

  private static func withoutControls(_ text: String) -> String {
    var shown = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 9, 10: shown.append(scalar)
      case 0..<0x20: shown.append(Unicode.Scalar(0x2400 + scalar.value) ?? "\u{FFFD}")
      case 0x7F: shown.append("\u{2421}")
      // C1 controls, line separators, and marks that turn the direction of what follows.
      case 0x80..<0xA0, 0x2028, 0x2029, 0x202A...0x202E, 0x2066...0x2069: shown.append("\u{FFFD}")
      default: shown.append(scalar)
      }
    }
    return String(shown)
  }
}
