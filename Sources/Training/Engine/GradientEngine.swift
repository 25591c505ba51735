// The gradients of one adapter over a checkpoint that stays mapped and as it is: loss of a sequence, and what each
// value of the adapter does to it. What steps are taken with them is for others.
import Compute
import Glibc
import Model

/// Computes losses and gradients of an adapter beside its base, y = W x + scale * B (A x). Products with the base's
/// quantized weights are taken in 16-bit integers both ways, and so are those of its attention that no later token must
/// have a part in; everything else is float32. Results do not depend on the number of threads, on what else is in a
/// sequence, shared rows included, or on whether activations were kept; only the order in which gradients are summed up,
/// and how those of shared rows are rounded, follows the sequence.
public final class GradientEngine {
  /// The base.
  public let checkpoint: Checkpoint
  /// The adapter's values; those they are set to have the same shapes.
  public var parameters: AdapterParameters {
    didSet {
      precondition(parameters.matrices == oldValue.matrices, "the adapter's shapes")
      isChanged = true
    }
  }
  /// The most tokens a sequence can have.
  public let sequenceLength: Int
  /// Bytes of memory that it takes: activations, working memory, the adapter both ways round and one set of gradients,
  /// but not the checkpoint's mapped file.
  public let memoryNeeded: Int
  /// In how many of the layers that have a backward pass the activations are computed again for it and not kept.
  public let recomputedLayers: Int

  /// The loss per target of whoever thinks every token equally likely, in nats.
  public var evenGuess: Double { log(Double(checkpoint.vocabularySize)) }

  private let start: Adapter
  private let dropout: Float
  private let engine: ComputeEngine
  private let layers: [AdaptedLayer]
  private let memory: PassMemory
  private let attention: any TrainingAttention
  private let head: LossHead
  /// The input of each layer that has a backward pass, and what comes out of the last; the first of them is also the
  /// residual of all layers below. [rows, width] each.
  private let residuals: [FloatMatrix]
  /// Of the layers that keep them, the last ones.
  private let kept: [LayerActivations]
  /// Of all others, one after the other.
  private let passing: LayerActivations
  private var isChanged = true

  /// Prepares training `adapter`: a new one of `LoRASettings.newAdapter`, or an earlier one, which goes on.
  ///
  /// - Parameters:
  ///   - dropout: the share of values that an adapter's inputs lose while gradients are computed, from 0 up to 1.
  ///   - sequenceLength: the most tokens a sequence will have.
  ///   - memoryLimit: the bytes `memoryNeeded` may come to. As many layers keep their activations as fit.
  /// - Throws: when the adapter does not fit the base, or not even recomputing everything fits the limit.
  public init(
    checkpoint: Checkpoint, adapter: Adapter, dropout: Float = 0, sequenceLength: Int, threads: Int,
    memoryLimit: Int? = nil
  ) throws(GradientError) {
    guard dropout >= 0, dropout < 1 else {
      throw .settings("a dropout of \(dropout) is not between 0 and 1; common are 0 and 0.05")
    }
    guard sequenceLength >= 2, sequenceLength <= checkpoint.parameters.trainedContext else {
      throw .settings(
        "sequences of \(sequenceLength) tokens are not possible: \(checkpoint.path) was trained on "
          + "\(checkpoint.parameters.trainedContext) positions")
    }
    do { try adapter.check(fits: checkpoint, path: "the adapter", anyBase: true) } catch { throw .adapter(error) }
    let p = checkpoint.parameters
    let layers = (0..<p.layers).map { AdaptedLayer($0, of: checkpoint, adapter) }
    let plan = MemoryPlan(
      checkpoint, adapter, layers, dropout: dropout, rows: sequenceLength - 1, threads: threads)
    recomputedLayers = try plan.recomputedLayers(limit: memoryLimit, sequenceLength: sequenceLength)
    memoryNeeded = plan.bytes(recomputedLayers: recomputedLayers)

    self.checkpoint = checkpoint
    self.sequenceLength = sequenceLength
    self.dropout = dropout
    self.layers = layers
    start = adapter
    parameters = AdapterParameters(adapter)
    let rows = sequenceLength - 1
    engine = ComputeEngine(kernels: checkpoint.kernels, threads: threads)
    let memory = PassMemory(rows: rows, p)
    self.memory = memory
    attention = AttentionChoice(checkpoint, layers).attention(rows: rows, engine)
    head = LossHead(checkpoint, rows: rows)
    residuals = (0...layers.count - plan.lowestLayer).map { _ in FloatMatrix(rows: rows, width: p.width) }
    kept = layers.suffix(layers.count - plan.lowestLayer - recomputedLayers).map {
      LayerActivations(rows: rows, p, $0, shared: memory.delta)
    }
    passing = LayerActivations(rows: rows, p, layers[plan.lowestLayer], shared: memory.delta)
  }

  /// Adds the gradients of the cross-entropy, summed over the targets and times `weight`, to `gradients`, and returns
  /// the sum without the weight and the number of targets. A sequence without targets adds nothing. A loss that is
  /// not finite is returned as it is; the gradients are then of no use.
  ///
  /// - Parameters:
  ///   - dropoutSeed: what the dropped values follow from; a step's own, so that a run can be repeated.
  ///   - isStopped: asked before every layer. When it says yes, `GradientError.stopped` is thrown and the gradients
  ///     are of no use.
  public func accumulate(
    _ sequence: PackedSequence, weight: Float, dropoutSeed: UInt64, into gradients: inout AdapterParameters,
    isStopped: () -> Bool = { false }
  ) throws(GradientError) -> (loss: Double, targets: Int) {
    precondition(gradients.matrices == parameters.matrices, "the adapter's shapes")
    let pass = try pass(over: sequence, Dropout(probability: dropout, seed: dropoutSeed))
    guard !pass.rows.targets.isEmpty else { return (0, 0) }
    try forward(pass, isKeeping: true, isStopped)
    let loss = head.loss(pass, residual: residuals[residuals.count - 1], gradientWeight: weight)
    for (place, layer) in layers[lowestLayer...].enumerated().reversed() {
      if isStopped() { throw .stopped }
      let activations = activations(place)
      // What passed through last is still there.
      if place < recomputedLayers - 1 {
        pass.forward(layer, input: residuals[place], keeping: activations, output: memory.deltaGradients)
      }
      pass.backward(
        layer, input: residuals[place], activations, isLowest: place == 0, into: &gradients)
    }
    return (loss, pass.rows.targets.count)
  }

  /// The cross-entropy summed over the targets, nothing dropped, and the number of targets. `isStopped` as above.
  public func loss(
    _ sequence: PackedSequence, isStopped: () -> Bool = { false }
  ) throws(GradientError) -> (loss: Double, targets: Int) {
    let pass = try pass(over: sequence, Dropout(probability: 0, seed: 0))
    guard !pass.rows.targets.isEmpty else { return (0, 0) }
    try forward(pass, isKeeping: false, isStopped)
    return (head.loss(pass, residual: residuals[0], gradientWeight: nil), pass.rows.targets.count)
  }

  /// The adapter as it is now, with the base's template; `trainingRecord` says how it was made.
  public func adapter(trainingRecord: String? = nil) -> Adapter {
    let parts = start.parts.enumerated().map { index, part in
      var part = part
      part.matrix.a = parameters.values[2 * index]
      part.matrix.b = parameters.values[2 * index + 1]
      return part
    }
    return Adapter(
      base: Adapter.Base(checkpoint), alpha: start.alpha, isRankStabilized: start.isRankStabilized, parts: parts,
      chatTemplate: checkpoint.templateSource, trainingRecord: trainingRecord)
  }

  /// The lowest layer that is adapted; nothing below has a backward pass.
  private var lowestLayer: Int { layers.count + 1 - residuals.count }

  /// Where the activations of the layer `place` above the lowest are.
  private func activations(_ place: Int) -> LayerActivations {
    place < recomputedLayers ? passing : kept[place - recomputedLayers]
  }

  private func pass(over sequence: PackedSequence, _ dropout: Dropout) throws(GradientError) -> SequencePass {
    let rows = SequenceRows(sequence)
    guard rows.count < sequenceLength else { throw .tooLong(rows: rows.count, limit: sequenceLength - 1) }
    for token in rows.tokens + rows.targets where !(0..<checkpoint.vocabularySize).contains(Int(token)) {
      throw .token(token, vocabulary: checkpoint.vocabularySize)
    }
    if isChanged {
      for layer in layers { layer.set(parameters) }
      isChanged = false
    }
    return SequencePass(
      engine: engine, checkpoint: checkpoint, memory: memory, attention: attention, rows: rows,
      products: AdaptedProducts(engine: engine, memory: memory, dropout: dropout))
  }

  /// All layers; `isKeeping` what the backward pass needs, else everything in the first residual.
  private func forward(_ pass: SequencePass, isKeeping: Bool, _ isStopped: () -> Bool) throws(GradientError) {
    pass.embed(into: residuals[0])
    for layer in layers {
      if isStopped() { throw .stopped }
      let place = layer.index - lowestLayer
      guard isKeeping, place >= 0 else {
        pass.forward(layer, input: residuals[0], keeping: passing, output: residuals[0])
        continue
      }
      pass.forward(
        layer, input: residuals[place], keeping: activations(place), output: residuals[place + 1])
    }
  }
}
