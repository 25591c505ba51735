// Softmax attention as training needs it: over all rows of a packed sequence at once, keys and values in float32
// rather than in a cache, and with its backward twin. Scores are computed a tile of queries at a time, forward and
// again backward, and never kept.
import CKernels
import Glibc

/// Attention of one model, and its working memory.
public final class TrainingAttention {
  /// Queries of a tile: whole tiles of registers, and little more keys than the queries see.
  private static let tileHeight = 48

  private let heads: Int
  private let group: Int
  private let size: Int
  private let scale: Float
  private let keysTransposed: FloatMatrix  // [keyValueHeads * size, rows]
  private let valuesTransposed: FloatMatrix  // [keyValueHeads * size, rows]
  // A query head's own share of the gradients, added up afterwards: [rows, heads * size].
  private let keyShares: FloatMatrix
  private let valueShares: FloatMatrix

  /// Attention of `heads` query heads over `keyValueHeads` heads of `size` values, of at most `rows` rows. Products of
  /// queries and keys are multiplied with `scale`.
  public init(heads: Int, keyValueHeads: Int, size: Int, scale: Float, rows: Int) {
    self.heads = heads
    self.size = size
    self.scale = scale
    group = heads / keyValueHeads
    keysTransposed = FloatMatrix(rows: keyValueHeads * size, width: rows)
    valuesTransposed = FloatMatrix(rows: keyValueHeads * size, width: rows)
    keyShares = FloatMatrix(rows: rows, width: heads * size)
    valueShares = FloatMatrix(rows: rows, width: heads * size)
  }

  /// Bytes of working memory for attention of these sizes on `threads` threads.
  public static func byteCount(heads: Int, keyValueHeads: Int, size: Int, rows: Int, threads: Int) -> Int {
    let floats = 2 * (heads + keyValueHeads) * size * rows + threads * 2 * tileHeight * rows
    return floats * MemoryLayout<Float>.stride
  }

  /// Attention of `queries` [queries, heads * size] over `keys` and `values` [rows, keyValueHeads * size] into
  /// `output`, shaped like the queries; `logSums` [queries, heads] are the logarithms of the softmax' denominators,
  /// which the backward pass needs.
  public func forward(
    _ engine: ComputeEngine, _ layout: AttentionLayout, queries: FloatMatrix, keys: FloatMatrix,
    values: FloatMatrix, into output: FloatMatrix, logSums: FloatMatrix
  ) {
    transpose(keys, into: keysTransposed, layout, engine)
    let tiles = tiles(of: layout)
    let scratch = engine.scratch(rows: engine.pool.threads, width: 2 * scratchWidth(layout))
    engine.pool.run(tiles.count * heads) { item, thread in
      let (tile, head) = (tiles[item / heads], item % heads)
      let scores = scratch.row(thread)
      multiply(queries, keysTransposed, tile, head: head, into: scores, engine.kernels)
      for index in tile.queries {
        let row = scores + (index - tile.queries.lowerBound) * tile.width
        let (sum, maximum) = exponentiate(row, visible: layout, tile, query: index, engine.kernels)
        logSums.row(index)[head] = maximum + log(sum)
        engine.kernels.table.pointee.scale(row, 1 / sum, tile.width)
      }
      for run in tile.runs {
        engine.kernels.table.pointee.multiply_add(
          tile.queries.count, size, run.rows.count, scores + run.offset, tile.width, 1,
          values.row(run.rows.lowerBound) + head / group * size, values.width,
          output.row(tile.queries.lowerBound) + head * size, output.width, run.isFirst ? 0 : 1)
      }
    }
  }

  /// The backward twin of `forward`: from `gradients` of its output, sets those of `queries`, `keys` and `values`,
  /// which come first of each pair.
  public func backward(
    _ engine: ComputeEngine, _ layout: AttentionLayout, gradients: FloatMatrix,
    queries: (gradients: FloatMatrix, values: FloatMatrix), keys: (gradients: FloatMatrix, values: FloatMatrix),
    values: (gradients: FloatMatrix, values: FloatMatrix), logSums: FloatMatrix
  ) {
    transpose(keys.values, into: keysTransposed, layout, engine)
    transpose(values.values, into: valuesTransposed, layout, engine)
    let scratch = engine.scratch(rows: engine.pool.threads, width: 2 * scratchWidth(layout))
    let families = layout.families
    engine.pool.run(families.count * heads) { item, thread in
      // Segments that share rows add to the same gradients, one behind the other.
      for segment in families[item / heads] {
        for row in segment.ownKeys {
          (keyShares.row(row) + item % heads * size).update(repeating: 0, count: size)
          (valueShares.row(row) + item % heads * size).update(repeating: 0, count: size)
        }
        for tile in tiles(of: segment, layout) {
          backward(
            engine.kernels, layout, tile, head: item % heads, gradients: gradients, queries: queries,
            keys: keys.values, logSums: logSums, scratch: scratch.row(thread))
        }
      }
    }
    addShares(keyShares, into: keys.gradients, layout, engine)
    addShares(valueShares, into: values.gradients, layout, engine)
  }

  /// One tile of one query head: probabilities again, then the gradients by the scores, and from them all others.
  private func backward(
    _ kernels: KernelSet, _ layout: AttentionLayout, _ tile: QueryTile, head: Int, gradients: FloatMatrix,
    queries: (gradients: FloatMatrix, values: FloatMatrix), keys: FloatMatrix, logSums: FloatMatrix,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let width = tile.width
    let (probabilities, slopes) = (scratch, scratch + Self.tileHeight * width)
    multiply(queries.values, keysTransposed, tile, head: head, into: probabilities, kernels)
    multiply(gradients, valuesTransposed, tile, head: head, into: slopes, kernels)
    for index in tile.queries {
      let offset = (index - tile.queries.lowerBound) * width
      let seen = clear(probabilities + offset, slopes + offset, outside: layout, tile, query: index)
      let first = offset + seen.lowerBound
      _ = kernels.table.pointee.exponentials(
        probabilities + first, scale, logSums.row(index)[head], seen.count)
      kernels.table.pointee.softmax_backward(probabilities + first, slopes + first, scale, seen.count)
    }
    let (query, own, shared) = (tile.queries.lowerBound, head * size, head / group * size)
    for run in tile.runs {
      let (first, count, key) = (run.offset, run.rows.count, run.rows.lowerBound)
      kernels.table.pointee.multiply_add(
        tile.queries.count, size, count, slopes + first, width, 1, keys.row(key) + shared, keys.width,
        queries.gradients.row(query) + own, queries.gradients.width, run.isFirst ? 0 : 1)
      kernels.table.pointee.multiply_add(
        count, size, tile.queries.count, slopes + first, 1, width, queries.values.row(query) + own,
        queries.values.width, keyShares.row(key) + own, keyShares.width, 1)
      kernels.table.pointee.multiply_add(
        count, size, tile.queries.count, probabilities + first, 1, width, gradients.row(query) + own, gradients.width,
        valueShares.row(key) + own, valueShares.width, 1)
    }
  }

  /// The products of a tile's rows of `left` with all its keys' columns of `right`, [queries, keys].
  private func multiply(
    _ left: FloatMatrix, _ right: FloatMatrix, _ tile: QueryTile, head: Int,
    into products: UnsafeMutablePointer<Float>, _ kernels: KernelSet
  ) {
    for run in tile.runs {
      kernels.table.pointee.multiply_add(
        tile.queries.count, run.rows.count, size, left.row(tile.queries.lowerBound) + head * size, left.width, 1,
        right.row(head / group * size) + run.rows.lowerBound, right.width, products + run.offset, tile.width, 0)
    }
  }

  /// Turns a row of scores into `exp(scale * score - maximum)`, zero where the query sees nothing.
  private func exponentiate(
    _ row: UnsafeMutablePointer<Float>, visible layout: AttentionLayout, _ tile: QueryTile, query: Int,
    _ kernels: KernelSet
  ) -> (sum: Float, maximum: Float) {
    let seen = clear(row, nil, outside: layout, tile, query: query)
    let maximum = kernels.table.pointee.largest(row + seen.lowerBound, seen.count) * scale
    let sum = kernels.table.pointee.exponentials(row + seen.lowerBound, scale, maximum, seen.count)
    return (sum, maximum)
  }

  /// Makes zero what lies in a tile's row outside of what the query sees, and returns that, counted from the row's
  /// start.
  private func clear(
    _ row: UnsafeMutablePointer<Float>, _ other: UnsafeMutablePointer<Float>?, outside layout: AttentionLayout,
    _ tile: QueryTile, query: Int
  ) -> Range<Int> {
    let seen = layout.visible(query, in: tile.segment)
    let first = seen.lowerBound - tile.positions.lowerBound
    let last = seen.upperBound - tile.positions.lowerBound
    for values in [row, other] {
      values?.update(repeating: 0, count: first)
      if let values { (values + last).update(repeating: 0, count: tile.width - last) }
    }
    return first..<last
  }

  private func transpose(
    _ matrix: FloatMatrix, into other: FloatMatrix, _ layout: AttentionLayout, _ engine: ComputeEngine
  ) {
    let count = layout.keyCount
    engine.pool.run((count + 15) / 16) { item, _ in
      matrix.transpose(item * 16..<min((item + 1) * 16, count), into: other)
    }
  }

  /// Adds up what the query heads of a group give their key/value head, in their order.
  private func addShares(
    _ shares: FloatMatrix, into sums: FloatMatrix, _ layout: AttentionLayout, _ engine: ComputeEngine
  ) {
    engine.eachRow(layout.keyCount) { row in
      for head in 0..<heads / group {
        let target = sums.row(row) + head * size
        target.update(from: shares.row(row) + head * group * size, count: size)
        for member in 1..<max(group, 2) where member < group {
          engine.kernels.table.pointee.add(target, shares.row(row) + (head * group + member) * size, size)
        }
      }
    }
  }

  private func tiles(of layout: AttentionLayout) -> [QueryTile] {
    layout.segments.flatMap { tiles(of: $0, layout) }
  }

  private func tiles(of segment: AttentionSegment, _ layout: AttentionLayout) -> [QueryTile] {
    stride(from: segment.queries.lowerBound, to: segment.queries.upperBound, by: Self.tileHeight).map { first in
      let last = min(first + Self.tileHeight, segment.queries.upperBound)
      let (start, end) = (layout.visible(first, in: segment), layout.visible(last - 1, in: segment))
      return QueryTile(
        segment: segment, queries: first..<last, positions: start.lowerBound..<end.upperBound)
    }
  }

  /// Floats of the largest tile.
  private func scratchWidth(_ layout: AttentionLayout) -> Int {
    Self.tileHeight * (layout.segments.map(\.keyCount).max() ?? 1)
  }
}

/// Neighbouring queries of a segment, and the keys that any of them sees.
private struct QueryTile {
  let segment: AttentionSegment
  let queries: Range<Int>
  /// The keys' positions.
  let positions: Range<Int>
  /// Where the keys are.
  let runs: [KeyRun]
  /// How many keys.
  var width: Int { positions.count }

  init(segment: AttentionSegment, queries: Range<Int>, positions: Range<Int>) {
    self.segment = segment
    self.queries = queries
    self.positions = positions
    runs = segment.runs(of: positions)
  }
}
