// One piece of attention: a tile of queries over one key/value head, chunk of the cache after chunk. The partial
// results of the chunks are merged in their order, so that it does not matter which thread computed which.
import CKernels

/// One tile's attention over one key/value head.
struct AttentionItem {
  let tile: AttentionTile
  let head: Int
  let group: Int
  let size: Int
  let layer: Int
  let scale: Float
  let store: KeyValueStore
  /// The positions each of the tile's rows sees.
  private let seen: [Range<Int>]
  /// The chunks of the cache in which any row sees something.
  let chunks: Range<Int>

  init(
    tile: AttentionTile, head: Int, group: Int, size: Int, layer: Int, scale: Float, window: Int?,
    positions: [CachePosition]
  ) {
    (self.tile, self.head, self.group, self.size) = (tile, head, group, size)
    (self.layer, self.scale) = (layer, scale)
    store = positions[tile.rows.lowerBound].store
    seen = tile.rows.map { row in
      let position = positions[row].position
      return (window.map { max(0, position + 1 - $0) } ?? 0)..<position + 1
    }
    let chunk = Int(HYPNOS_CHUNK)
    let first = seen.reduce(Int.max) { min($0, $1.lowerBound) } / chunk
    let last = (seen.reduce(0) { max($0, $1.upperBound) } + chunk - 1) / chunk
    chunks = first..<max(first, last)
  }

  /// Queries of the tile.
  var count: Int { tile.rows.count * tile.heads.count }

  /// The positions within the chunk that starts at `start` which `query` sees.
  func visible(query: Int, start: Int) -> Range<Int32> {
    let (range, chunk) = (seen[query / tile.heads.count], Int(HYPNOS_CHUNK))
    let last = Int32(min(max(range.upperBound - start, 0), chunk))
    return min(Int32(min(max(range.lowerBound - start, 0), chunk)), last)..<last
  }

  /// Where `query` stands in the matrices of queries and outputs.
  func offset(_ query: Int) -> (row: Int, column: Int) {
    let row = tile.rows.lowerBound + query / tile.heads.count
    let queryHead = head * group + tile.heads.lowerBound + query % tile.heads.count
    return (row, queryHead * size)
  }
}

/// What the items of one call share: where queries come from, where outputs go, and how scratch is laid out.
struct AttentionRun: @unchecked Sendable {
  let table: UnsafePointer<hypnos_kernels>
  let queries: FloatMatrix
  let output: FloatMatrix
  let size: Int

  private var most: Int { Int(HYPNOS_ATTEND_QUERIES) }
  /// A partial result: the outputs [query][size] of a chunk or of all chunks so far, not divided, then each query's
  /// maximum and its sum of exponentials.
  private var partialWidth: Int { most * (size + 2) }
  private var scoreWidth: Int { most * Int(HYPNOS_CHUNK) }

  /// Floats of scratch, whole cache lines: two partial results, scores, the packed queries.
  var scratchWidth: Int { (2 * partialWidth + scoreWidth + most * size + 15) / 16 * 16 }

  /// All of one item.
  func attend(_ item: AttentionItem, scratch: UnsafeMutablePointer<Float>) {
    begin(item, scratch: scratch)
    let queries = pack(item, scratch: scratch)
    let partial = scratch + scoreWidth + partialWidth
    withUnsafeTemporaryAllocation(of: Int32.self, capacity: 2 * most) { bounds in
      for chunk in item.chunks {
        compute(
          call(item, chunk: chunk, queries: queries, bounds: bounds.baseAddress!, into: partial), scores: scratch)
        merge(partial, of: item, scratch: scratch)
      }
    }
    finish(item, scratch: scratch)
  }

  /// The call for one chunk of an item whose packed queries are `queries`; its bounds are written to `bounds`, room for
  /// two a query.
  func call(
    _ item: AttentionItem, chunk: Int, queries: UnsafePointer<Float>, bounds: UnsafeMutablePointer<Int32>,
    into partial: UnsafeMutablePointer<Float>
  ) -> ChunkCall {
    for query in 0..<item.count {
      let visible = item.visible(query: query, start: chunk * Int(HYPNOS_CHUNK))
      (bounds[query], bounds[most + query]) = (visible.lowerBound, visible.upperBound)
    }
    return ChunkCall(
      format: item.store.format.number, queries: queries, count: item.count,
      keys: item.store.keys(layer: item.layer, head: item.head, chunk: chunk),
      values: item.store.values(layer: item.layer, head: item.head, chunk: chunk), bounds: bounds, partial: partial)
  }

  /// The same with the bounds in `row`, behind the partial result that is to come there.
  func call(
    _ item: AttentionItem, chunk: Int, queries: UnsafePointer<Float>, row: UnsafeMutablePointer<Float>
  ) -> ChunkCall {
    let bounds = UnsafeMutableRawPointer(row + partialWidth).assumingMemoryBound(to: Int32.self)
    return call(item, chunk: chunk, queries: queries, bounds: bounds, into: row)
  }

  /// Computes a call's partial result; `scores` is working memory.
  func compute(_ call: ChunkCall, scores: UnsafeMutablePointer<Float>) {
    let maxima = call.partial + most * size
    table.pointee.attend(
      call.format, call.queries, call.count, size, call.keys, call.values, call.bounds, call.bounds + most, maxima,
      maxima + most, call.partial, scores)
  }

  /// Makes the result so far one of nothing seen.
  func begin(_ item: AttentionItem, scratch: UnsafeMutablePointer<Float>) {
    let total = scratch + scoreWidth
    total.update(repeating: 0, count: partialWidth)
    (total + most * size).update(repeating: -.infinity, count: item.count)
  }

  /// Merges the next chunk's partial result into the result so far.
  func merge(
    _ partial: UnsafeMutablePointer<Float>, of item: AttentionItem, scratch: UnsafeMutablePointer<Float>
  ) {
    let total = scratch + scoreWidth
    let (maxima, chunkMaxima) = (total + most * size, partial + most * size)
    // A query that sees nothing of a chunk has no sum.
    for query in 0..<item.count where chunkMaxima[most + query] != 0 {
      table.pointee.merge(
        maxima + query, maxima + most + query, total + query * size, chunkMaxima[query], chunkMaxima[most + query],
        partial + query * size, size)
    }
  }

  /// Divides by the sums and writes the item's outputs.
  func finish(_ item: AttentionItem, scratch: UnsafeMutablePointer<Float>) {
    let total = scratch + scoreWidth
    let sums = total + most * (size + 1)
    for query in 0..<item.count {
      let (row, column) = item.offset(query)
      let target = output.row(row) + column
      target.update(from: total + query * size, count: size)
      table.pointee.scale(target, 1 / sums[query], size)
    }
  }

  /// The item's queries, scaled and one behind the other, in their place of the scratch.
  func pack(_ item: AttentionItem, scratch: UnsafeMutablePointer<Float>) -> UnsafePointer<Float> {
    let packed = scratch + scoreWidth + 2 * partialWidth
    for query in 0..<item.count {
      let (row, column) = item.offset(query)
      (packed + query * size).update(from: queries.row(row) + column, count: size)
    }
    table.pointee.scale(packed, item.scale, item.count * size)
    return UnsafePointer(packed)
  }
}

/// One chunk of one item as the kernel is called for it: addresses and sizes only, so that threads need not count
/// references to the same cache.
struct ChunkCall {
  let format: Int32
  let queries: UnsafePointer<Float>
  let count: Int
  let keys: UnsafeRawPointer
  let values: UnsafeRawPointer
  /// The first positions the queries see, then the last ones.
  let bounds: UnsafePointer<Int32>
  let partial: UnsafeMutablePointer<Float>
}
