// One item of a benchmark, whatever file it came from.

/// One of the answers that a choice question offers.
public struct ChoiceOption: Sendable, Equatable {
  /// Its letter, "A" to "J".
  public let letter: String
  /// What it says.
  public let text: String
}

/// A question with its answer, or a text.
public struct TaskItem: Sendable, Equatable {
  /// What is to be done with it.
  public enum Content: Sendable, Equatable {
    /// The right ones of some options are to be found; `keys` are their letters in ascending order, never none.
    case choice(options: [ChoiceOption], keys: [String])
    /// An answer is to be given in words.
    case open(reference: String)
    /// A text that is only read.
    case text
  }

  /// The most options of a choice question.
  public static let optionLimit = 10

  /// What tells it from the others of its file.
  public let id: String
  /// The line it begins at, from 1.
  public let line: Int
  /// Where it comes from, by its own words; empty where it does not say.
  public let source: String
  /// A passage the question is about; empty without one.
  public let passage: String
  /// The question, or the text.
  public let question: String
  /// What is asked of it.
  public let content: Content

  /// Characters of passage and question.
  public var length: Int { passage.unicodeScalars.count + question.unicodeScalars.count }

  /// The passage, where there is one, and the question.
  public var fullQuestion: String { passage.isEmpty ? question : passage + "\n\n" + question }
}
