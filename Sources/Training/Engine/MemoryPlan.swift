// How much memory training takes, and which layers keep their activations in what there is. A layer that keeps none
// is computed once more when its turn comes in the backward pass, from its input, which is always kept.
import Compute
import Model

/// The memory of training one adapter.
struct MemoryPlan {
  /// The lowest layer that is adapted.
  let lowestLayer: Int
  private let fixed: Int
  /// Bytes of the activations of each layer from the lowest on.
  private let layers: [Int]

  /// What `adapter` takes over `checkpoint`, with `rows` rows at a time, whose values are dropped where there is
  /// `dropout`.
  init(
    _ checkpoint: Checkpoint, _ adapter: Adapter, _ layers: [AdaptedLayer], dropout: Float, rows: Int, threads: Int
  ) {
    let p = checkpoint.parameters
    let float = MemoryLayout<Float>.stride
    let lowest = adapter.parts.reduce(p.layers - 1) { min($0, $1.target.layer) }
    lowestLayer = lowest
    self.layers = layers[lowest...].map { rows * float * LayerActivations.floatsPerRow(p, $0) }
    let residuals = rows * float * p.width * (p.layers - lowest + 1)
    let working =
      rows * float
      * (PassMemory.floatsPerRow(p) + LossHead.floatsPerRow(vocabulary: checkpoint.vocabularySize))
    let attention = AttentionChoice(checkpoint, layers).byteCount(rows: rows, threads: threads)
    let terms = adapter.parts.reduce(0) { sum, part in
      let matrix = part.matrix
      return sum
        + TrainedLowRank.byteCount(
          rank: matrix.rank, inputWidth: matrix.inputWidth, outputWidth: matrix.outputWidth)
    }
    let matrices = adapter.parts.map(\.matrix)
    // Once for each projection, however many layers have it.
    let reduced = Dictionary(adapter.parts.map { ($0.target.projection, $0.matrix.rank) }, uniquingKeysWith: max)
    let dropped = dropout > 0 ? 2 * Set(matrices.map(\.inputWidth)).reduce(0, +) : 0
    let reduction = rows * float * (dropped + reduced.values.reduce(0, +))
    // The adapter itself as it was, its parameters and their gradients.
    let keyWidth = p.keyValueHeads * p.headSize
    let columns =
      [
        [p.width], [p.feedForwardWidth, p.feedForwardWidth], [p.heads * p.headSize, keyWidth, keyWidth],
        [LossHead.sliceHeight],
      ].map { ComputeEngine.fineBytes(rows: rows, widths: $0) }.reduce(0, max)
    fixed = residuals + working + attention + terms + reduction + 3 * float * adapter.parameterCount + columns
  }

  /// Bytes when so many layers, from the lowest on, recompute their activations. Those of one are always needed, for
  /// what is computed without being kept.
  func bytes(recomputedLayers: Int) -> Int {
    fixed + (layers.max() ?? 0) + layers.dropFirst(recomputedLayers).reduce(0, +)
  }

  /// The fewest layers that must recompute for everything to fit `limit`.
  func recomputedLayers(limit: Int?, sequenceLength: Int) throws(GradientError) -> Int {
    guard let limit else { return 0 }
    guard let count = (0...layers.count).first(where: { bytes(recomputedLayers: $0) <= limit }) else {
      throw .memory(needed: bytes(recomputedLayers: layers.count), limit: limit, sequenceLength: sequenceLength)
    }
    return count
  }
}
