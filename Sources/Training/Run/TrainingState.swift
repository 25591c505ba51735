// All that a run must remember to go on to the bit. The order of the data, the rate and the numbers behind dropout are
// functions of the position and the seed, so that a position is all there is to keep of them.

/// How far a run has come, without any parameters.
public struct TrainingProgress: Sendable, Equatable {
  /// The held-out loss at a step of the run.
  public struct Evaluation: Sendable, Equatable {
    /// The stage, from 0.
    public let stage: Int
    /// Steps of the whole run before it.
    public let step: Int
    /// The mean loss per target, in nats.
    public let loss: Double
  }

  /// The stage, from 0.
  public internal(set) var stage = 0
  /// Steps done in the stage.
  public internal(set) var step = 0
  /// The mean loss per target of every step so far.
  public internal(set) var losses: [Double] = []
  /// The learning rate of every step so far.
  public internal(set) var rates: [Double] = []
  /// Every look at the held-out loss so far.
  public internal(set) var evaluations: [Evaluation] = []
  /// For each stage begun, the steps of the run before it.
  public internal(set) var stageStarts = [0]
  /// The best look of the present stage.
  public internal(set) var best: Evaluation?
  /// Looks since then.
  public internal(set) var looksWithoutGain = 0
  /// Tokens computed with gradients so far.
  public internal(set) var tokens = 0
  /// Seconds the run has taken so far, all its sittings together. Nothing else depends on the clock.
  public internal(set) var seconds = 0.0
  /// Whether all stages are done.
  public internal(set) var isFinished = false

  /// The beginning.
  init() {}

  /// Steps done in the whole run.
  public var totalSteps: Int { losses.count }

  /// The mean loss of the present stage's first steps and of its last ones, a half of it at most; nil before two steps.
  public var lossChange: (first: Double, last: Double)? {
    let all = losses[(stageStarts.last ?? 0)...]
    let count = min(8, all.count / 2)
    guard count > 0 else { return nil }
    func mean(_ losses: ArraySlice<Double>) -> Double { losses.reduce(0, +) / Double(count) }
    return (mean(all.prefix(count)), mean(all.suffix(count)))
  }
}

/// A run at rest between two steps.
public struct TrainingState: Sendable, Equatable {
  /// How far it has come.
  public internal(set) var progress: TrainingProgress
  /// The parameters after the last step; of a finished run, what it came to.
  public internal(set) var parameters: [[Float]]
  /// The optimizer of the present stage.
  var optimizer: AdamW
  /// The parameters of `progress.best`; nil where nothing is held out.
  var bestParameters: [[Float]]?

  init(progress: TrainingProgress, parameters: [[Float]], optimizer: AdamW, bestParameters: [[Float]]?) {
    self.progress = progress
    self.parameters = parameters
    self.optimizer = optimizer
    self.bestParameters = bestParameters
  }

  /// All its arrays of numbers, in the order of its file.
  var arrays: [[Float]] {
    parameters + optimizer.firstMoments + optimizer.secondMoments + (bestParameters ?? [])
  }
}
