// What a fine-tuning run was, for whoever answers for its adapter: curves, settings, data, and what the model said
// before and after. One HTML file without scripts or links, to be opened from anywhere and kept for years.
import Common

/// The report of one run.
public struct RunReport: Sendable {
  /// A name and what it stands for, as text.
  public struct Entry: Sendable, Equatable {
    /// The name.
    public let name: String
    /// The value, with its unit.
    public let value: String

    /// `value` under `name`.
    public init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  /// A stage of the run and its data.
  public struct Stage: Sendable {
    /// Its name; shown in the curves where there are several stages.
    public let name: String
    /// The last step before it.
    public let startStep: Int
    /// What became of its data.
    public let data: DataReport

    /// The stage `name`, which begins behind `startStep`, over `data`.
    public init(name: String, startStep: Int, data: DataReport) {
      self.name = name
      self.startStep = startStep
      self.data = data
    }
  }

  /// A question and the answers of the base and of the trained model.
  public struct Comparison: Sendable, Equatable {
    /// The question.
    public let question: String
    /// The answer the data have; nil where there is none.
    public let expected: String?
    /// The base's answer.
    public let before: String
    /// The answer with the adapter.
    public let after: String

    /// A question with its answers.
    public init(question: String, expected: String?, before: String, after: String) {
      self.question = question
      self.expected = expected
      self.before = before
      self.after = after
    }
  }

  /// The heading.
  public var title: String
  /// A line below it, such as when and where the run was made.
  public var subtitle = ""
  /// What the run came to, such as the best held-out loss, tokens a second and the peak memory: shown first.
  public var figures: [Entry] = []
  /// What it was run with.
  public var settings: [Entry] = []
  /// Its stages.
  public var stages: [Stage] = []
  /// The mean loss per target of each step, in nats.
  public var loss: [RunPoint] = []
  /// The held-out loss where it was measured, in nats.
  public var heldOutLoss: [RunPoint] = []
  /// The learning rate of each step.
  public var learningRate: [RunPoint] = []
  /// Answers to held-out questions.
  public var comparisons: [Comparison] = []

  /// An empty report under `title`.
  public init(title: String) { self.title = title }

  /// Writes the report to `path`, readable by its owner alone, since it quotes the data.
  public func write(to path: String) throws(WritingError) { try OwnerFile.write(html, to: path) }
}
