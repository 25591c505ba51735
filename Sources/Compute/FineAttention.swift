// Attention of training with both sides of every product rounded to 16 bits, as for quantized weights: twice as fast as
// float32 multiply-adds. A head's keys and values are laid out once for a segment, then its queries pass in tiles.
import CKernels
import Glibc

/// Attention as fine products, and its working memory.
public final class FineAttention: TrainingAttention {
  private let shape: AttentionShape
  private let memories: [FineAttentionMemory]
  private let keyShares: HeadShares
  private let valueShares: HeadShares

  /// Attention of at most `rows` rows on `engine`, the one it is used with.
  public init(_ shape: AttentionShape, rows: Int, _ engine: ComputeEngine) {
    self.shape = shape
    memories = (0..<engine.pool.threads).map { _ in
      FineAttentionMemory(keys: rows, size: shape.size, engine.kernels)
    }
    keyShares = HeadShares(shape, rows: rows)
    valueShares = HeadShares(shape, rows: rows)
  }

  /// Bytes of working memory for attention of this shape on `threads` threads.
  public static func byteCount(_ shape: AttentionShape, rows: Int, threads: Int) -> Int {
    2 * HeadShares.byteCount(shape, rows: rows)
      + threads * FineAttentionMemory.byteCount(keys: rows, size: shape.size)
  }

  /// See `TrainingAttention`.
  public func forward(
    _ engine: ComputeEngine, _ layout: AttentionLayout, queries: FloatMatrix, keys: FloatMatrix,
    values: FloatMatrix, into output: FloatMatrix, logSums: FloatMatrix
  ) {
    engine.pool.run(layout.segments.count * shape.heads) { item, thread in
      let (segment, memory) = (layout.segments[item / shape.heads], memories[thread])
      let head = item % shape.heads
      let shared = head / shape.group * shape.size
      memory.gather(segment, keys, column: shared)
      memory.keyPanels.layRows(memory.rows.base, rowWidth: shape.size, count: segment.keyCount)
      for tile in tiles(of: segment, layout) {
        probabilities(of: tile, layout, head: head, memory, queries: queries, logSums: logSums, engine.kernels)
        // In float32: rounded by blocks of positions, values would depend on those behind a query.
        shape.weigh(
          values, by: memory.scores.base, width: memory.scores.width, tile, head: head, into: output, engine.kernels)
      }
    }
  }

  private func probabilities(
    of tile: QueryTile, _ layout: AttentionLayout, head: Int, _ memory: FineAttentionMemory, queries: FloatMatrix,
    logSums: FloatMatrix, _ kernels: KernelSet
  ) {
    memory.multiply(
      queries, tile, column: head * shape.size, with: memory.keyPanels, into: memory.scores, kernels: kernels)
    for (place, query) in tile.queries.enumerated() {
      let (scores, row) = (
        memory.scores.row(place), ScoreRow(shape, layout, tile, query: query, width: memory.width(of: tile), kernels)
      )
      let (sum, maximum) = row.exponentiate(scores)
      logSums.row(query)[head] = maximum + log(sum)
      kernels.table.pointee.scale(scores, 1 / sum, row.width)
    }
  }

  /// See `TrainingAttention`.
  public func backward(
    _ engine: ComputeEngine, _ layout: AttentionLayout, gradients: FloatMatrix,
    queries: (gradients: FloatMatrix, values: FloatMatrix), keys: (gradients: FloatMatrix, values: FloatMatrix),
    values: (gradients: FloatMatrix, values: FloatMatrix), logSums: FloatMatrix
  ) {
    let families = layout.families
    engine.pool.run(families.count * shape.heads) { item, thread in
      let (memory, head) = (memories[thread], item % shape.heads)
      let shared = head / shape.group * shape.size
      // Segments that share rows add to the same gradients, one behind the other.
      for segment in families[item / shape.heads] {
        memory.gather(segment, values.values, column: shared)
        memory.valuePanels.layRows(memory.rows.base, rowWidth: shape.size, count: segment.keyCount)
        memory.gather(segment, keys.values, column: shared)
        memory.keyPanels.layRows(memory.rows.base, rowWidth: shape.size, count: segment.keyCount)
        memory.laySums(count: segment.keyCount)
        memory.rows.clear(count: memory.rows.rows)
        memory.valueGradients.clear(count: memory.rows.rows)
        for tile in tiles(of: segment, layout) {
          backward(
            engine.kernels, layout, tile, head: head, memory, gradients: gradients, queries: queries,
            logSums: logSums)
        }
        keyShares.add(memory.rows, of: segment, head: head, engine.kernels)
        valueShares.add(memory.valueGradients, of: segment, head: head, engine.kernels)
      }
    }
    keyShares.addUp(layout.keyCount, into: keys.gradients, engine)
    valueShares.addUp(layout.keyCount, into: values.gradients, engine)
  }

  /// One tile of one query head: probabilities again, then the gradients by the scores, and from them all others.
  private func backward(
    _ kernels: KernelSet, _ layout: AttentionLayout, _ tile: QueryTile, head: Int, _ memory: FineAttentionMemory,
    gradients: FloatMatrix, queries: (gradients: FloatMatrix, values: FloatMatrix), logSums: FloatMatrix
  ) {
    let (own, first, count) = (head * shape.size, tile.queries.lowerBound, tile.queries.count)
    memory.multiply(queries.values, tile, column: own, with: memory.keyPanels, into: memory.scores, kernels: kernels)
    memory.multiply(gradients, tile, column: own, with: memory.valuePanels, into: memory.slopes, kernels: kernels)
    for (place, query) in tile.queries.enumerated() {
      let slopes = memory.slopes.row(place)
      let row = ScoreRow(shape, layout, tile, query: query, width: memory.width(of: tile), kernels)
      row.backward(memory.scores.row(place), slopes: slopes, logSum: logSums.row(query)[head])
      memory.roundedScores.round(slopes, count: row.width, row: place, kernels: kernels)
    }
    memory.sumScores(tile, into: queries.gradients, column: own)
    memory.queryPanels.layColumns(
      queries.values.row(first) + own, rowWidth: queries.values.width, count: count, width: shape.size)
    memory.addTransposed(memory.slopes, tile, times: memory.queryPanels, to: memory.rows)
    memory.gradientPanels.layColumns(
      gradients.row(first) + own, rowWidth: gradients.width, count: count, width: shape.size)
    memory.addTransposed(memory.scores, tile, times: memory.gradientPanels, to: memory.valueGradients)
  }

  private func tiles(of segment: AttentionSegment, _ layout: AttentionLayout) -> [QueryTile] {
    layout.tiles(of: segment, height: FineAttentionMemory.block, alignment: FineAttentionMemory.block)
  }
}
