// Softmax attention as training needs it: over all rows of a packed sequence at once, keys and values in float32
// rather than in a cache, and with its backward twin. Scores are computed a tile of queries at a time, forward and
// again backward, and never kept.
import CKernels
import Glibc

/// Rows of a packed sequence that attend to one another, causally.
public struct AttentionSegment: Sendable {
  /// Its rows among the keys and values.
  public let keys: Range<Int>
  /// Its rows among the queries.
  public let queries: Range<Int>

  /// The segment whose keys are the rows `keys`, and whose queries the rows `queries` of their matrix.
  public init(keys: Range<Int>, queries: Range<Int>) {
    self.keys = keys
    self.queries = queries
  }
}

/// What attends to what, in one layer.
public struct AttentionLayout: Sendable {
  /// The segments in their order.
  public let segments: [AttentionSegment]
  /// For each query, the row among the keys that is its own token's; ascending.
  public let places: [Int]
  /// How many keys, its own included, a query sees; nil for all of its segment up to itself.
  public let window: Int?

  /// The layout of `segments`.
  public init(segments: [AttentionSegment], places: [Int], window: Int?) {
    self.segments = segments
    self.places = places
    self.window = window
  }
}

/// Attention of one model, and its working memory.
public final class TrainingAttention {
  /// Queries of a tile.
  private static let tileHeight = 64

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
        let row = scores + (index - tile.queries.lowerBound) * tile.keys.count
        let (sum, maximum) = exponentiate(row, visible: layout, tile, query: index, engine.kernels)
        logSums.row(index)[head] = maximum + log(sum)
        let target = output.row(index) + head * size
        target.update(repeating: 0, count: size)
        engine.kernels.table.pointee.scale(row, 1 / sum, tile.keys.count)
      }
      engine.kernels.table.pointee.multiply_add(
        tile.queries.count, size, tile.keys.count, scores, tile.keys.count, 1,
        values.row(tile.keys.lowerBound) + head / group * size, values.width,
        output.row(tile.queries.lowerBound) + head * size, output.width)
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
    engine.pool.run(layout.segments.count * heads) { item, thread in
      let segment = layout.segments[item / heads]
      for row in segment.keys {
        (keyShares.row(row) + item % heads * size).update(repeating: 0, count: size)
        (valueShares.row(row) + item % heads * size).update(repeating: 0, count: size)
      }
      for tile in tiles(of: segment, layout) {
        backward(
          engine.kernels, layout, tile, head: item % heads, gradients: gradients, queries: queries,
          keys: keys.values, logSums: logSums, scratch: scratch.row(thread))
      }
    }
    addShares(keyShares, into: keys.gradients, layout, engine)
    addShares(valueShares, into: values.gradients, layout, engine)
  }

  /// One tile of one query head: probabilities again, then the gradients by the scores, and from them all others.
  private func backward(
    _ kernels: KernelSet, _ layout: AttentionLayout, _ tile: AttentionRows, head: Int, gradients: FloatMatrix,
    queries: (gradients: FloatMatrix, values: FloatMatrix), keys: FloatMatrix, logSums: FloatMatrix,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let width = tile.keys.count
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
      (queries.gradients.row(index) + head * size).update(repeating: 0, count: size)
    }
    let (query, key) = (tile.queries.lowerBound, tile.keys.lowerBound)
    let (own, shared) = (head * size, head / group * size)
    kernels.table.pointee.multiply_add(
      tile.queries.count, size, width, slopes, width, 1, keys.row(key) + shared, keys.width,
      queries.gradients.row(query) + own, queries.gradients.width)
    kernels.table.pointee.multiply_add(
      width, size, tile.queries.count, slopes, 1, width, queries.values.row(query) + own, queries.values.width,
      keyShares.row(key) + own, keyShares.width)
    kernels.table.pointee.multiply_add(
      width, size, tile.queries.count, probabilities, 1, width, gradients.row(query) + own, gradients.width,
      valueShares.row(key) + own, valueShares.width)
  }

  /// The products of a tile's rows of `left` with all its keys' columns of `right`, [queries, keys].
  private func multiply(
    _ left: FloatMatrix, _ right: FloatMatrix, _ tile: AttentionRows, head: Int,
    into products: UnsafeMutablePointer<Float>, _ kernels: KernelSet
  ) {
    products.update(repeating: 0, count: tile.queries.count * tile.keys.count)
    kernels.table.pointee.multiply_add(
      tile.queries.count, tile.keys.count, size, left.row(tile.queries.lowerBound) + head * size, left.width, 1,
      right.row(head / group * size) + tile.keys.lowerBound, right.width, products, tile.keys.count)
  }

  /// Turns a row of scores into `exp(scale * score - maximum)`, zero where the query sees nothing.
  private func exponentiate(
    _ row: UnsafeMutablePointer<Float>, visible layout: AttentionLayout, _ tile: AttentionRows, query: Int,
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
    _ tile: AttentionRows, query: Int
  ) -> Range<Int> {
    let seen = layout.visible(query, from: tile.segmentStart)
    let (first, last) = (seen.lowerBound - tile.keys.lowerBound, seen.upperBound - tile.keys.lowerBound)
    for values in [row, other] {
      values?.update(repeating: 0, count: first)
      if let values { (values + last).update(repeating: 0, count: tile.keys.count - last) }
    }
    return first..<last
  }

  private func transpose(
    _ matrix: FloatMatrix, into other: FloatMatrix, _ layout: AttentionLayout, _ engine: ComputeEngine
  ) {
    let count = layout.segments.last?.keys.upperBound ?? 0
    engine.pool.run((count + 15) / 16) { item, _ in
      matrix.transpose(item * 16..<min((item + 1) * 16, count), into: other)
    }
  }

  /// Adds up what the query heads of a group give their key/value head, in their order.
  private func addShares(
    _ shares: FloatMatrix, into sums: FloatMatrix, _ layout: AttentionLayout, _ engine: ComputeEngine
  ) {
    engine.eachRow(layout.segments.last?.keys.upperBound ?? 0) { row in
      for head in 0..<heads / group {
        let target = sums.row(row) + head * size
        target.update(from: shares.row(row) + head * group * size, count: size)
        for member in 1..<max(group, 2) where member < group {
          engine.kernels.table.pointee.add(target, shares.row(row) + (head * group + member) * size, size)
        }
      }
    }
  }

  private func tiles(of layout: AttentionLayout) -> [AttentionRows] {
    layout.segments.flatMap { tiles(of: $0, layout) }
  }

  private func tiles(of segment: AttentionSegment, _ layout: AttentionLayout) -> [AttentionRows] {
    stride(from: segment.queries.lowerBound, to: segment.queries.upperBound, by: Self.tileHeight).map { first in
      let last = min(first + Self.tileHeight, segment.queries.upperBound)
      let start = segment.keys.lowerBound
      let keys =
        layout.visible(first, from: start).lowerBound..<layout.visible(last - 1, from: start).upperBound
      return AttentionRows(queries: first..<last, keys: keys, segmentStart: start)
    }
  }

  /// Floats of the largest tile.
  private func scratchWidth(_ layout: AttentionLayout) -> Int {
    Self.tileHeight * (layout.segments.map(\.keys.count).max() ?? 1)
  }
}

/// Neighbouring queries of a segment, and the keys that any of them sees.
private struct AttentionRows {
  let queries: Range<Int>
  let keys: Range<Int>
  let segmentStart: Int
}

extension AttentionLayout {
  /// The rows among the keys that `query`, of the segment whose keys start at `start`, sees.
  fileprivate func visible(_ query: Int, from start: Int) -> Range<Int> {
    let last = places[query] + 1
    return max(start, window.map { last - $0 } ?? start)..<last
  }
}
