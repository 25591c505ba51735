// What the training loop asks of whatever it trains. The loop knows nothing of models: GradientEngine is the objective
// of real runs, and tests have one whose minimum can be written down.

/// Something with parameters and a loss over sequences.
public protocol TrainingObjective: AnyObject {
  /// The parameters, which the loop moves.
  var parameters: AdapterParameters { get set }
  /// The loss per target of whoever thinks every token equally likely, in nats.
  var evenGuess: Double { get }

  /// Adds the gradients of the loss, summed over the targets of `sequence` and times `weight`, to `gradients`. Returns
  /// the sum without the weight, in nats, and the number of targets. What dropout takes follows from `dropoutSeed`.
  /// Throws `GradientError.stopped` soon after `isStopped`; the gradients are then of no use.
  func accumulate(
    _ sequence: PackedSequence, weight: Float, dropoutSeed: UInt64, into gradients: inout AdapterParameters,
    isStopped: () -> Bool
  ) throws(GradientError) -> (loss: Double, targets: Int)

  /// The loss summed over the targets of `sequence`, without dropout, and the number of targets. Throws
  /// `GradientError.stopped` soon after `isStopped`.
  func loss(_ sequence: PackedSequence, isStopped: () -> Bool) throws(GradientError) -> (loss: Double, targets: Int)
}

extension GradientEngine: TrainingObjective {}
