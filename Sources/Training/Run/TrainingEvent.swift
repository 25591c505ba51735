// What a run tells whoever watches it, and how it can end. The run itself prints nothing.

/// Something that happened in a run.
public enum TrainingEvent: Sendable {
  /// A stage begins or is taken up again.
  case stage(StageStart)
  /// So many sequences of a step are computed.
  case sequence(done: Int, of: Int)
  /// A step was taken.
  case step(StepReport)
  /// So many held-out sequences are computed.
  case evaluating(done: Int, of: Int)
  /// The held-out loss was looked at; whether it is the best of the stage so far.
  case evaluated(TrainingProgress.Evaluation, isBest: Bool)
  /// A stage is over; after how many of its steps, and whether because the held-out loss got no better.
  case stageEnded(name: String, steps: Int, isEarly: Bool)
  /// The state after so many steps of the run is on the disk.
  case saved(step: Int)
  /// A state could not be written; the one before it is still good, and the run goes on.
  case notSaved(RunError)
}

/// A stage, when it begins.
public struct StageStart: Sendable {
  /// Its name.
  public let name: String
  /// Its place, from 0, and how many there are.
  public let index: Int, count: Int
  /// Its steps, and those of one epoch.
  public let steps: Int, stepsPerEpoch: Int
  /// Steps of it already done.
  public let done: Int
  /// Its held-out sequences.
  public let heldOutSequences: Int
}

/// A step, when it is done.
public struct StepReport: Sendable {
  /// The step within its stage, from 1, and the steps of the stage.
  public let step: Int, steps: Int
  /// The mean loss per target, in nats.
  public let loss: Double
  /// The same smoothed over the steps before.
  public let smoothedLoss: Double
  /// The learning rate.
  public let rate: Double
  /// Tokens of the step.
  public let tokens: Int
  /// Tokens that are still to come in this and the other stages, if none ends early.
  public let tokensLeft: Int
}

/// How a run ended.
public enum TrainingOutcome: Sendable, Equatable {
  /// All stages are done.
  case finished
  /// It was asked to stop and can go on later; the steps done.
  case interrupted(step: Int)
  /// Training failed; the parameters are the last good ones.
  case diverged(Divergence)
}

/// Training that failed.
public struct Divergence: Sendable, Equatable, CustomStringConvertible {
  /// What was seen.
  public enum Sign: Sendable, Equatable {
    /// A loss or gradient that is no finite number.
    case notFinite
    /// A smoothed loss that has climbed far above its lowest value.
    case exploded(from: Double, to: Double)
  }

  /// What the parameters now are.
  public enum Kept: Sendable, Equatable {
    /// Those of the best held-out loss, at this step of the run.
    case best(step: Int)
    /// Those last saved, at this step of the run.
    case saved(step: Int)
    /// Those the run began with: nothing better is there.
    case initial
  }

  /// What was seen.
  public let sign: Sign
  /// The step of the run at which it was.
  public let step: Int
  /// What was kept.
  public let kept: Kept

  /// What happened, what was kept and what to try.
  public var description: String {
    let what =
      switch sign {
      case .notFinite: "the loss or its gradient is no longer a finite number"
      case .exploded(let from, let to): "the loss has climbed from \(Figure.loss(from)) to \(Figure.loss(to))"
      }
    let rest =
      switch kept {
      case .best(let step): "kept is the adapter of the best held-out loss, from step \(step)"
      case .saved(let step): "kept is the adapter as last saved, at step \(step)"
      case .initial: "nothing good is kept from before"
      }
    return "step \(step): training failed: \(what); \(rest). Try a lower --rate (a third of it), a smaller --clip, or "
      + "a longer --warm-up, and look at the data with --dry-run"
  }
}
