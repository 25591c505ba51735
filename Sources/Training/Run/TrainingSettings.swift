// What a run is told besides its data and its adapter's shape. The defaults are those that train well on a few hundred
// to a few ten thousand examples.

/// The settings of a run, shared by its stages.
public struct TrainingSettings: Sendable, Equatable {
  /// The most tokens of a sequence.
  public var sequenceLength = 512
  /// Sequences of a step: the gradient is the mean over all of their targets.
  public var sequencesPerStep = 4
  /// How the learning rate goes on after the warm-up.
  public var schedule = LearningRateSchedule.cosine
  /// The part of a stage's steps in which the learning rate rises.
  public var warmUp = 0.03
  /// AdamW's weight decay.
  public var weightDecay = 0.01
  /// The norm beyond which gradients are scaled down; nil for none.
  public var clipping: Double? = 1
  /// Steps between two looks at the held-out loss; nil for four looks an epoch. Epochs end with one in any case.
  public var evaluationInterval: Int?
  /// A stage ends when so many looks in a row were no better than the best before; 0 to go on.
  public var patience = 4
  /// The seed of the order of the data and of dropout.
  public var seed: UInt64 = 0

  /// The defaults.
  public init() {}
}

/// A stage of a run: data of one kind, with epochs and a rate of their own. The adapter is carried through the stages.
public struct TrainingStage: Sendable {
  /// Its name.
  public let name: String
  /// How often its examples are gone through; a part of an epoch counts too.
  public let epochs: Double
  /// The highest learning rate.
  public let rate: Double
  /// What is trained on; not empty, none longer than a sequence.
  public let training: [TrainingExample]
  /// What is measured on.
  public let heldOut: [TrainingExample]

  /// The stage `name`.
  public init(name: String, epochs: Double, rate: Double, training: [TrainingExample], heldOut: [TrainingExample]) {
    self.name = name
    self.epochs = epochs
    self.rate = rate
    self.training = training
    self.heldOut = heldOut
  }
}
