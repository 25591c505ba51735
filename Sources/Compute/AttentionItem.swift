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
    pack(item, scratch: scratch)
    let partial = scratch + scoreWidth + partialWidth
    for chunk in item.chunks {
      attendPacked(item, chunk: chunk, scratch: scratch, into: partial)
      merge(partial, of: item, scratch: scratch)
    }
    finish(item, scratch: scratch)
  }

  /// One chunk of an item.
  func attend(
    _ item: AttentionItem, chunk: Int, scratch: UnsafeMutablePointer<Float>, into partial: UnsafeMutablePointer<Float>
  ) {
    pack(item, scratch: scratch)
    attendPacked(item, chunk: chunk, scratch: scratch, into: partial)
  }

  private func attendPacked(
    _ item: AttentionItem, chunk: Int, scratch: UnsafeMutablePointer<Float>, into partial: UnsafeMutablePointer<Float>
  ) {
    let start = chunk * Int(HYPNOS_CHUNK)
    let maxima = partial + most * size
    let packed = scratch + scoreWidth + 2 * partialWidth
    withUnsafeTemporaryAllocation(of: Int32.self, capacity: 2 * most) { bounds in
      let (firsts, lasts) = (bounds.baseAddress!, bounds.baseAddress! + most)
      for query in 0..<item.count {
        let visible = item.visible(query: query, start: start)
        (firsts[query], lasts[query]) = (visible.lowerBound, visible.upperBound)
      }
      table.pointee.attend(
        item.store.format.number, packed, item.count, size,
        item.store.keys(layer: item.layer, head: item.head, chunk: chunk),
        item.store.values(layer: item.layer, head: item.head, chunk: chunk), firsts, lasts, maxima, maxima + most,
        partial, scratch)
    }
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

  private func pack(_ item: AttentionItem, scratch: UnsafeMutablePointer<Float>) {
    let packed = scratch + scoreWidth + 2 * partialWidth
    for query in 0..<item.count {
      let (row, column) = item.offset(query)
      (packed + query * size).update(from: queries.row(row) + column, count: size)
    }
    table.pointee.scale(packed, item.scale, item.count * size)
  }
}
