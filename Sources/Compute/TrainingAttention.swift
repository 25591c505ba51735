// Softmax attention as training needs it: over all rows of a packed sequence at once, keys and values in float32
// rather than in a cache, and with its backward twin. Scores are computed a tile of queries at a time, forward and
// again backward, and never kept.
import CKernels

/// Attention over the rows of packed sequences, and its backward twin.
public protocol TrainingAttention: AnyObject {
  /// Attention of `queries` [queries, heads * size] over `keys` and `values` [rows, keyValueHeads * size] into
  /// `output`, shaped like the queries; `logSums` [queries, heads] are the logarithms of the softmax' denominators,
  /// which the backward pass needs.
  func forward(
    _ engine: ComputeEngine, _ layout: AttentionLayout, queries: FloatMatrix, keys: FloatMatrix,
    values: FloatMatrix, into output: FloatMatrix, logSums: FloatMatrix)

  /// The backward twin of `forward`: from `gradients` of its output, sets those of `queries`, `keys` and `values`,
  /// which come first of each pair.
  func backward(
    _ engine: ComputeEngine, _ layout: AttentionLayout, gradients: FloatMatrix,
    queries: (gradients: FloatMatrix, values: FloatMatrix), keys: (gradients: FloatMatrix, values: FloatMatrix),
    values: (gradients: FloatMatrix, values: FloatMatrix), logSums: FloatMatrix)
}

/// The heads of an attention.
public struct AttentionShape: Sendable {
  let heads: Int
  let keyValueHeads: Int
  let size: Int
  let scale: Float

  /// `heads` query heads over `keyValueHeads` heads of `size` values. Products of queries and keys are multiplied with
  /// `scale`.
  public init(heads: Int, keyValueHeads: Int, size: Int, scale: Float) {
    self.heads = heads
    self.keyValueHeads = keyValueHeads
    self.size = size
    self.scale = scale
  }

  /// Query heads that share a head of keys and values.
  var group: Int { heads / keyValueHeads }

  /// Sets the rows of `output` that are a tile's queries, as far as they are of `head`, to the sums of `values` by
  /// their probabilities, `width` apart.
  func weigh(
    _ values: FloatMatrix, by probabilities: UnsafeMutablePointer<Float>, width: Int, _ tile: QueryTile, head: Int,
    into output: FloatMatrix, _ kernels: KernelSet
  ) {
    for run in tile.segment.runs(of: tile.positions) {
      kernels.table.pointee.multiply_add(
        tile.queries.count, size, run.rows.count, probabilities + run.offset, width, 1,
        values.row(run.rows.lowerBound) + head / group * size, values.width,
        output.row(tile.queries.lowerBound) + head * size, output.width, run.isFirst ? 0 : 1)
    }
  }
}

/// Neighbouring queries of a segment, and the keys that any of them sees.
struct QueryTile {
  let segment: AttentionSegment
  let queries: Range<Int>
  /// The keys' positions.
  let positions: Range<Int>
  /// How many keys.
  var width: Int { positions.count }
}

extension AttentionLayout {
  /// The queries of `segment` in tiles of `height`, whose keys begin at a multiple of `alignment`.
  func tiles(of segment: AttentionSegment, height: Int, alignment: Int = 1) -> [QueryTile] {
    stride(from: segment.queries.lowerBound, to: segment.queries.upperBound, by: height).map { first in
      let last = min(first + height, segment.queries.upperBound)
      let (start, end) = (visible(first, in: segment).lowerBound, visible(last - 1, in: segment).upperBound)
      return QueryTile(segment: segment, queries: first..<last, positions: start / alignment * alignment..<end)
    }
  }

  /// The keys that `query` sees, counted from the first of its tile.
  func seen(by query: Int, in tile: QueryTile) -> Range<Int> {
    let seen = visible(query, in: tile.segment)
    return seen.lowerBound - tile.positions.lowerBound..<seen.upperBound - tile.positions.lowerBound
  }
}

/// The softmax of one query's row of scores, of which the first `width` are in use and it sees `seen`.
struct ScoreRow {
  let shape: AttentionShape
  let seen: Range<Int>
  let width: Int
  let table: UnsafePointer<hypnos_kernels>

  /// The row of `query` among those of `tile`.
  init(
    _ shape: AttentionShape, _ layout: AttentionLayout, _ tile: QueryTile, query: Int, width: Int, _ kernels: KernelSet
  ) {
    self.shape = shape
    seen = layout.seen(by: query, in: tile)
    self.width = width
    table = kernels.table
  }

  /// Turns `scores` into `exp(scale * score - maximum)`, zero where the query sees nothing.
  func exponentiate(_ scores: UnsafeMutablePointer<Float>) -> (sum: Float, maximum: Float) {
    clear(scores)
    let maximum = table.pointee.largest(scores + seen.lowerBound, seen.count) * shape.scale
    return (table.pointee.exponentials(scores + seen.lowerBound, shape.scale, maximum, seen.count), maximum)
  }

  /// Turns `scores` into probabilities again, and `slopes` from the gradients by these into those by the scores.
  func backward(_ scores: UnsafeMutablePointer<Float>, slopes: UnsafeMutablePointer<Float>, logSum: Float) {
    clear(scores)
    clear(slopes)
    let first = seen.lowerBound
    _ = table.pointee.exponentials(scores + first, shape.scale, logSum, seen.count)
    table.pointee.softmax_backward(scores + first, slopes + first, shape.scale, seen.count)
  }

  private func clear(_ row: UnsafeMutablePointer<Float>) {
    row.update(repeating: 0, count: seen.lowerBound)
    (row + seen.upperBound).update(repeating: 0, count: width - seen.upperBound)
  }
}

/// What each query head gives the gradients of keys, or of values; added up afterwards, so that heads need not wait for
/// one another.
final class HeadShares {
  private let matrix: FloatMatrix  // [rows, heads * size]
  private let shape: AttentionShape

  init(_ shape: AttentionShape, rows: Int) {
    self.shape = shape
    matrix = FloatMatrix(rows: rows, width: shape.heads * shape.size)
  }

  /// From one row to the next.
  var width: Int { matrix.width }

  /// The share of `head` in the gradients of row `row`.
  func share(of head: Int, row: Int) -> UnsafeMutablePointer<Float> { matrix.row(row) + head * shape.size }

  func clear(_ rows: Range<Int>, head: Int) {
    for row in rows { share(of: head, row: row).update(repeating: 0, count: shape.size) }
  }

  /// The bytes of such shares.
  static func byteCount(_ shape: AttentionShape, rows: Int) -> Int {
    rows * shape.heads * shape.size * MemoryLayout<Float>.stride
  }

  /// Adds the rows of `gradients`, one for each key of `segment`, to the share of `head`; the first that the segment's
  /// own rows get.
  func add(_ gradients: FloatMatrix, of segment: AttentionSegment, head: Int, _ kernels: KernelSet) {
    clear(segment.ownKeys, head: head)
    for (position, row) in segment.keys.joined().enumerated() {
      kernels.table.pointee.add(share(of: head, row: row), gradients.row(position), shape.size)
    }
  }

  /// Sets the first `count` rows of `sums` to what the query heads of each group give, in their order.
  func addUp(_ count: Int, into sums: FloatMatrix, _ engine: ComputeEngine) {
    engine.eachRow(count) { row in
      for head in 0..<shape.keyValueHeads {
        let target = sums.row(row) + head * shape.size
        target.update(from: share(of: head * shape.group, row: row), count: shape.size)
        for member in 1..<max(shape.group, 2) where member < shape.group {
          engine.kernels.table.pointee.add(target, share(of: head * shape.group + member, row: row), shape.size)
        }
      }
    }
  }
}
