// Which arithmetic attention takes in training: that of the products with the base's weights.
import Compute
import Model

/// Attention for one checkpoint.
struct AttentionChoice {
  private let shape: AttentionShape
  private let isFine: Bool

  /// Fine where any weight of the layers is quantized, plain where all are floats.
  init(_ checkpoint: Checkpoint, _ layers: [AdaptedLayer]) {
    let p = checkpoint.parameters
    shape = AttentionShape(
      heads: p.heads, keyValueHeads: p.keyValueHeads, size: p.headSize, scale: p.attentionScale)
    isFine = layers.contains { layer in Projection.allCases.contains { layer[$0].weight.isQuantized } }
  }

  /// Bytes of its working memory for sequences of `rows` rows.
  func byteCount(rows: Int, threads: Int) -> Int {
    isFine
      ? FineAttention.byteCount(shape, rows: rows, threads: threads)
      : PlainAttention.byteCount(shape, rows: rows, threads: threads)
  }

  /// Attention of at most `rows` rows on `engine`.
  func attention(rows: Int, _ engine: ComputeEngine) -> any TrainingAttention {
    isFine ? FineAttention(shape, rows: rows, engine) : PlainAttention(shape, rows: rows)
  }
}
