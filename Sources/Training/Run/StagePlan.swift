// A stage's data in steps: which sequences each step takes, and after which the held-out loss is looked at. All of it
// follows from the data, the settings and the step's number, so that a step's number is all a run must remember.

/// The steps of one stage.
public struct StagePlan {
  /// The most steps of a stage, which keeps their count and the history of a run within bounds.
  static let stepLimit = 1 << 24

  /// The stage.
  public let stage: TrainingStage
  /// Steps of a whole epoch; its last may be smaller than the others.
  public let stepsPerEpoch: Int
  /// Steps of the stage.
  public let steps: Int
  /// The held-out sequences, the same every time.
  public let heldOut: [PackedSequence]
  private let settings: TrainingSettings
  private let packing: Packing
  private let evaluationInterval: Int
  /// Rows of one epoch, and the tokens of it that share another's.
  private let epochRows: Int, epochSharedTokens: Int
  private var epoch: (number: Int, sequences: [PackedSequence])?

  /// The steps of `stage`.
  public init(_ stage: TrainingStage, settings: TrainingSettings) {
    self.stage = stage
    self.settings = settings
    packing = Packing(stage.training, sequenceLength: settings.sequenceLength)
    // Any epoch's sequences are as many.
    let sequences = packing.sequences()
    epochRows = sequences.reduce(0) { $0 + $1.rowCount }
    epochSharedTokens = sequences.reduce(0) { $0 + $1.sharedTokenCount }
    stepsPerEpoch = max(1, (sequences.count + settings.sequencesPerStep - 1) / settings.sequencesPerStep)
    let wanted = (stage.epochs * Double(stepsPerEpoch)).rounded(.up)
    steps = Int(min(max(1, wanted), Double(StagePlan.stepLimit)))
    heldOut = Packing(stage.heldOut, sequenceLength: settings.sequenceLength).sequences()
    evaluationInterval = max(1, settings.evaluationInterval ?? (stepsPerEpoch + 3) / 4)
  }

  /// The sequences of step `step`, counted from 0.
  public mutating func sequences(step: Int) -> ArraySlice<PackedSequence> {
    let number = step / stepsPerEpoch
    if epoch?.number != number {
      epoch = (number, packing.sequences(seed: settings.seed, epoch: number))
    }
    let all = epoch?.sequences ?? []
    let start = step % stepsPerEpoch * settings.sequencesPerStep
    return all[min(start, all.count)..<min(start + settings.sequencesPerStep, all.count)]
  }

  /// The learning rate of step `step`, counted from 0.
  func rate(step: Int) -> Double {
    settings.schedule.rate(step: step, steps: steps, peak: stage.rate, warmUp: settings.warmUp)
  }

  /// Whether the held-out loss is looked at when `done` steps are done: at the beginning, every so many steps of an
  /// epoch, at its end, and at the end of the stage.
  func evaluates(after done: Int) -> Bool {
    guard !heldOut.isEmpty else { return false }
    return done == steps || (done % stepsPerEpoch).isMultiple(of: evaluationInterval)
  }

  /// Tokens of all its steps, the last epoch's by its part.
  public var tokenCount: Int { inAllSteps(stage.training.reduce(0) { $0 + $1.tokens.count }) }

  /// About how many of them are computed for another example with the same beginning; who meets changes a little from
  /// epoch to epoch.
  public var sharedTokenCount: Int { inAllSteps(epochSharedTokens) }

  /// About how many rows are computed with gradients.
  public var rowCount: Int { inAllSteps(epochRows) }

  /// Rows of all looks at the held-out loss.
  public var heldOutRowCount: Int {
    let looks = (0...steps).count(where: evaluates(after:))
    return looks * heldOut.reduce(0) { $0 + $1.rowCount }
  }

  /// What there is `count` of in an epoch.
  private func inAllSteps(_ count: Int) -> Int { Int(Double(count) * Double(steps) / Double(stepsPerEpoch)) }
}
