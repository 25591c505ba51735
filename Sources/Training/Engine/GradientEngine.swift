// The gradients of one adapter over a checkpoint that stays mapped and as it is: loss of a sequence, and what each
// value of the adapter does to it. What steps are taken with them is for others.
import Compute
import Model

/// Computes losses and gradients of an adapter beside its base, y = W x + scale * B (A x). Products with the base's
/// weights are those of inference; everything else is float32. Results do not depend on the number of threads, on what else is in
/// a sequence, or on whether activations were kept.
public final class GradientEngine {
  /// The base.
  public let checkpoint: Checkpoint
  /// The adapter's values. Setting them needs the same shapes.
  public var parameters: AdapterParameters
  /// The most tokens a sequence can have.
  public let sequenceLength: Int
  /// Bytes of memory that it takes, the checkpoint's file not counted, its own parameters and one set of gradients counted.
  public let memoryNeeded: Int
  /// In how many layers, counted from the first, activations are recomputed for the backward pass and not kept.
  public let recomputedLayers: Int

  /// Prepares training `adapter`: a new one of `LoRASettings.newAdapter`, or an earlier one, which goes on.
  ///
  /// - Parameters:
  ///   - dropout: the share of values that an adapter's inputs lose while gradients are computed, from 0 up to 1.
  ///   - sequenceLength: the most tokens a sequence will have.
  ///   - memoryLimit: the bytes `memoryNeeded` may come to. As many layers keep their activations as fit.
  /// - Throws: when the adapter does not fit the base, or not even recomputing everything fits the limit.
  public init(
    checkpoint: Checkpoint, adapter: Adapter, dropout: Float, sequenceLength: Int, threads: Int, memoryLimit: Int?
  ) throws(GradientError) {
    self.checkpoint = checkpoint
    self.sequenceLength = sequenceLength
    parameters = AdapterParameters(adapter)
    memoryNeeded = 0
    recomputedLayers = 0
  }

  /// Adds the gradients of the cross-entropy, summed over the targets and times `weight`, to `gradients`, and returns
  /// the sum without the weight and the number of targets. A sequence without targets adds nothing. A loss that is not finite is
  /// returned as it is; the gradients are then of no use.
  ///
  /// - Parameter dropoutSeed: what the dropped values follow from; a step's own, so that a run can be repeated.
  public func accumulate(
    _ sequence: PackedSequence, weight: Float, dropoutSeed: UInt64, into gradients: inout AdapterParameters
  ) throws(GradientError) -> (loss: Double, targets: Int) {
    (0, 0)
  }

  /// The cross-entropy summed over the targets, nothing dropped, and the number of targets.
  public func loss(_ sequence: PackedSequence) throws(GradientError) -> (loss: Double, targets: Int) {
    (0, 0)
  }

  /// The adapter as it is now, with the base's template; `trainingRecord` says how it was made.
  public func adapter(trainingRecord: String?) -> Adapter {
    fatalError()
  }
}
