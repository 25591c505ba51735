// Attention of training in float32, for a base whose weights are floats themselves.
import CKernels
import Glibc

/// Attention whose products are float32 multiply-adds, and its working memory.
public final class PlainAttention: TrainingAttention {
  /// Queries of a tile: whole tiles of registers, and little more keys than the queries see.
  private static let tileHeight = 48

  private let shape: AttentionShape
  private let keysTransposed: FloatMatrix  // [keyValueHeads * size, rows]
  private let valuesTransposed: FloatMatrix  // [keyValueHeads * size, rows]
  private let keyShares: HeadShares
  private let valueShares: HeadShares

  /// Attention of at most `rows` rows.
  public init(_ shape: AttentionShape, rows: Int) {
    self.shape = shape
    keysTransposed = FloatMatrix(rows: shape.keyValueHeads * shape.size, width: rows)
    valuesTransposed = FloatMatrix(rows: shape.keyValueHeads * shape.size, width: rows)
    keyShares = HeadShares(shape, rows: rows)
    valueShares = HeadShares(shape, rows: rows)
  }

  /// Bytes of working memory for attention of this shape on `threads` threads.
  public static func byteCount(_ shape: AttentionShape, rows: Int, threads: Int) -> Int {
    let floats = 2 * shape.keyValueHeads * shape.size * rows + threads * 2 * tileHeight * rows
    return 2 * HeadShares.byteCount(shape, rows: rows) + floats * MemoryLayout<Float>.stride
  }

  /// See `TrainingAttention`.
  public func forward(
    _ engine: ComputeEngine, _ layout: AttentionLayout, queries: FloatMatrix, keys: FloatMatrix,
    values: FloatMatrix, into output: FloatMatrix, logSums: FloatMatrix
  ) {
    transpose(keys, into: keysTransposed, layout, engine)
    let tiles = layout.segments.flatMap { layout.tiles(of: $0, height: Self.tileHeight) }
    let scratch = engine.scratch(rows: engine.pool.threads, width: 2 * scratchWidth(layout))
    engine.pool.run(tiles.count * shape.heads) { item, thread in
      let (tile, head) = (tiles[item / shape.heads], item % shape.heads)
      let scores = scratch.row(thread)
      multiply(queries, keysTransposed, tile, head: head, into: scores, engine.kernels)
      for index in tile.queries {
        let row = scores + (index - tile.queries.lowerBound) * tile.width
        let (sum, maximum) = ScoreRow(shape, layout, tile, query: index, width: tile.width, engine.kernels)
          .exponentiate(row)
        logSums.row(index)[head] = maximum + log(sum)
        engine.kernels.table.pointee.scale(row, 1 / sum, tile.width)
      }
      shape.weigh(values, by: scores, width: tile.width, tile, head: head, into: output, engine.kernels)
    }
  }

  /// See `TrainingAttention`.
  public func backward(
    _ engine: ComputeEngine, _ layout: AttentionLayout, gradients: FloatMatrix,
    queries: (gradients: FloatMatrix, values: FloatMatrix), keys: (gradients: FloatMatrix, values: FloatMatrix),
    values: (gradients: FloatMatrix, values: FloatMatrix), logSums: FloatMatrix
  ) {
    transpose(keys.values, into: keysTransposed, layout, engine)
    transpose(values.values, into: valuesTransposed, layout, engine)
    let scratch = engine.scratch(rows: engine.pool.threads, width: 2 * scratchWidth(layout))
    let families = layout.families
    engine.pool.run(families.count * shape.heads) { item, thread in
      let head = item % shape.heads
      // Segments that share rows add to the same gradients, one behind the other.
      for segment in families[item / shape.heads] {
        keyShares.clear(segment.ownKeys, head: head)
        valueShares.clear(segment.ownKeys, head: head)
        for tile in layout.tiles(of: segment, height: Self.tileHeight) {
          backward(
            engine.kernels, layout, tile, head: head, gradients: gradients, queries: queries, keys: keys.values,
            logSums: logSums, scratch: scratch.row(thread))
        }
      }
    }
    keyShares.addUp(layout.keyCount, into: keys.gradients, engine)
    valueShares.addUp(layout.keyCount, into: values.gradients, engine)
  }

  /// One tile of one query head: probabilities again, then the gradients by the scores, and from them all others.
  private func backward(
    _ kernels: KernelSet, _ layout: AttentionLayout, _ tile: QueryTile, head: Int, gradients: FloatMatrix,
    queries: (gradients: FloatMatrix, values: FloatMatrix), keys: FloatMatrix, logSums: FloatMatrix,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let (width, size, table) = (tile.width, shape.size, kernels.table)
    let (probabilities, slopes) = (scratch, scratch + Self.tileHeight * width)
    multiply(queries.values, keysTransposed, tile, head: head, into: probabilities, kernels)
    multiply(gradients, valuesTransposed, tile, head: head, into: slopes, kernels)
    for index in tile.queries {
      let offset = (index - tile.queries.lowerBound) * width
      ScoreRow(shape, layout, tile, query: index, width: width, kernels)
        .backward(probabilities + offset, slopes: slopes + offset, logSum: logSums.row(index)[head])
    }
    let (query, own, shared) = (tile.queries.lowerBound, head * size, head / shape.group * size)
    for run in tile.segment.runs(of: tile.positions) {
      let (first, count, key) = (run.offset, run.rows.count, run.rows.lowerBound)
      table.pointee.multiply_add(
        tile.queries.count, size, count, slopes + first, width, 1, keys.row(key) + shared, keys.width,
        queries.gradients.row(query) + own, queries.gradients.width, run.isFirst ? 0 : 1)
      table.pointee.multiply_add(
        count, size, tile.queries.count, slopes + first, 1, width, queries.values.row(query) + own,
        queries.values.width, keyShares.share(of: head, row: key), keyShares.width, 1)
      table.pointee.multiply_add(
        count, size, tile.queries.count, probabilities + first, 1, width, gradients.row(query) + own, gradients.width,
        valueShares.share(of: head, row: key), valueShares.width, 1)
    }
  }

  /// The products of a tile's rows of `left` with all its keys' columns of `right`, [queries, keys].
  private func multiply(
    _ left: FloatMatrix, _ right: FloatMatrix, _ tile: QueryTile, head: Int,
    into products: UnsafeMutablePointer<Float>, _ kernels: KernelSet
  ) {
    for run in tile.segment.runs(of: tile.positions) {
      kernels.table.pointee.multiply_add(
        tile.queries.count, run.rows.count, shape.size, left.row(tile.queries.lowerBound) + head * shape.size,
        left.width, 1, right.row(head / shape.group * shape.size) + run.rows.lowerBound, right.width,
        products + run.offset, tile.width, 0)
    }
  }

  private func transpose(
    _ matrix: FloatMatrix, into other: FloatMatrix, _ layout: AttentionLayout, _ engine: ComputeEngine
  ) {
    let count = layout.keyCount
    engine.pool.run((count + 15) / 16) { item, _ in
      matrix.transpose(item * 16..<min((item + 1) * 16, count), into: other)
    }
  }

  /// Floats of the largest tile.
  private func scratchWidth(_ layout: AttentionLayout) -> Int {
    Self.tileHeight * (layout.segments.map(\.keyCount).max() ?? 1)
  }
}
