// The attention of one layer, piece by piece: a tile of queries over one key/value head, chunk of the cache after
// chunk. The partial results of the chunks are merged in their order, so that it does not matter which thread computed
// which.
import CKernels

/// What the items of one layer share: their plan, where queries come from, where outputs go, how scratch is laid out.
struct AttentionRun: @unchecked Sendable {
  let table: UnsafePointer<hypnos_kernels>
  let plan: AttentionPlan
  let layer: Int
  let scale: Float
  let queries: FloatMatrix
  let output: FloatMatrix

  var size: Int { plan.size }
  var most: Int { Int(HYPNOS_ATTEND_QUERIES) }
  /// The outputs [query][size] of a chunk or of all chunks so far, not divided, then each query's maximum and its sum of
  /// exponentials; in floats, whole cache lines.
  var resultWidth: Int { (most * (size + 2) + 15) / 16 * 16 }
  var scoreWidth: Int { most * Int(HYPNOS_CHUNK) }
  /// A chunk's partial result, behind which stand, where there are sketches, a bound and the weights of each query.
  var partialWidth: Int { resultWidth + (plan.hasSketches ? 16 + plan.mostQueries * Int(HYPNOS_CHUNK) : 0) }

  /// The packed queries, behind which stand the same rounded for sketches; in floats, whole cache lines.
  var packedWidth: Int {
    let rounded = plan.hasSketches ? hypnos_sketch_query_bytes(size) / MemoryLayout<Float>.stride : 0
    return plainWidth + most * rounded
  }

  /// The packed queries alone.
  private var plainWidth: Int { most * ((size + 15) / 16 * 16) }

  /// Floats of scratch: scores, the result so far, the packed queries and the partial results of as many chunks as must
  /// be kept.
  var scratchWidth: Int {
    let kept = plan.hasSketches ? plan.tiles.reduce(1) { max($0, $1.chunks.count) } : 1
    return sharedWidth + packedWidth + kept * partialWidth
  }

  /// The scores and the result so far, which are all that a thread needs that shares out an item's chunks with others.
  var sharedWidth: Int { scoreWidth + resultWidth }

  /// All of one item. `next` is the item that this thread computes afterwards.
  func attend(_ item: AttentionItem, next: AttentionItem?, scratch: UnsafeMutablePointer<Float>) {
    let queries = pack(item, into: scratch + sharedWidth)
    let partial = scratch + sharedWidth + packedWidth
    guard item.tile.sketchedChunks == 0 else {
      return attendBySketches(item, queries: queries, scratch: scratch, partials: partial)
    }
    let (all, total) = (0..<item.tile.count, scratch + scoreWidth)
    begin(all, total: total)
    for chunk in item.tile.chunks {
      let isLast = chunk + 1 == item.tile.chunks.upperBound
      let following =
        isLast ? next.map { part(of: $0, chunk: $0.tile.chunks.lowerBound) } : part(of: item, chunk: chunk + 1)
      attend(item, chunk: chunk, queries: queries, next: following, scores: scratch, into: partial)
      merge(partial, queries: all, into: total)
    }
    finish(all, of: item, from: total)
  }

  /// What of chunk `chunk` an item reads, from the start of a tile on.
  func part(of item: AttentionItem, chunk: Int) -> hypnos_cache_part {
    let (keys, values) = start(of: item, chunk: chunk)
    let seen = seen(by: item, chunk: chunk)
    return hypnos_cache_part(
      keys: keys + seen.lowerBound * plan.format.keyBytes(headSize: size),
      values: values + seen.lowerBound * plan.format.valueBytes(headSize: size), positions: seen.count)
  }

  /// The positions of chunk `chunk` that an item sees, from the start of a tile on.
  func seen(by item: AttentionItem, chunk: Int) -> Range<Int> {
    let first = Int(plan.visible(0, of: item.tile, chunk: chunk).lowerBound) / Int(HYPNOS_TILE) * Int(HYPNOS_TILE)
    return first..<max(first, Int(plan.visible(item.tile.count - 1, of: item.tile, chunk: chunk).upperBound))
  }

  /// Where the keys and values of an item's head start in chunk `chunk`.
  func start(of item: AttentionItem, chunk: Int) -> (keys: UnsafeRawPointer, values: UnsafeRawPointer) {
    let address = plan.chunks[item.tile.place(of: chunk)]
    return (
      UnsafeRawPointer(address.keys(layer: layer, head: item.head)),
      UnsafeRawPointer(address.values(layer: layer, head: item.head))
    )
  }

  /// The partial result of chunk `chunk` of an item whose packed queries are `queries`; `next` is what the thread reads
  /// afterwards, `scores` is working memory, `decoded` is where the chunk's keys and values stand in float32, if they do.
  func attend(
    _ item: AttentionItem, chunk: Int, queries: UnsafePointer<Float>, next: hypnos_cache_part?,
    scores: UnsafeMutablePointer<Float>, decoded: (keys: UnsafeRawPointer, values: UnsafeRawPointer)? = nil,
    into partial: UnsafeMutablePointer<Float>
  ) {
    let maxima = partial + most * size
    var next = next ?? hypnos_cache_part()
    withUnsafeTemporaryAllocation(of: Int32.self, capacity: 2 * most) { bounds in
      guard let bounds = bounds.baseAddress else { return }
      for query in 0..<item.tile.count {
        let visible = plan.visible(query, of: item.tile, chunk: chunk)
        (bounds[query], bounds[most + query]) = (visible.lowerBound, visible.upperBound)
      }
      let (keys, values) = decoded ?? start(of: item, chunk: chunk)
      table.pointee.attend(
        decoded == nil ? plan.format.number : Int32(HYPNOS_CACHE_F32), queries, item.tile.count, size, keys, values,
        bounds, bounds + most, maxima, maxima + most, partial, scores, &next)
    }
  }

  /// Makes the result so far of `queries` one of nothing seen.
  func begin(_ queries: Range<Int>, total: UnsafeMutablePointer<Float>) {
    for query in queries {
      (total + query * size).update(repeating: 0, count: size)
      (total[most * size + query], total[most * (size + 1) + query]) = (-.infinity, 0)
    }
  }

  /// Merges the next chunk's partial result of `queries` into the result so far.
  func merge(_ partial: UnsafeMutablePointer<Float>, queries: Range<Int>, into total: UnsafeMutablePointer<Float>) {
    let (maxima, chunkMaxima) = (total + most * size, partial + most * size)
    // A query that sees nothing of a chunk has no sum.
    for query in queries where chunkMaxima[most + query] != 0 {
      table.pointee.merge(
        maxima + query, maxima + most + query, total + query * size, chunkMaxima[query], chunkMaxima[most + query],
        partial + query * size, size)
    }
  }

  /// Divides by the sums and writes the outputs of `queries` of an item.
  func finish(_ queries: Range<Int>, of item: AttentionItem, from total: UnsafeMutablePointer<Float>) {
    let sums = total + most * (size + 1)
    for query in queries {
      table.pointee.scale(total + query * size, 1 / sums[query], size)
      place(query, of: item, in: output).update(from: total + query * size, count: size)
    }
  }

  /// The item's queries, scaled and one behind the other, in `packed`; for sketches they are rounded behind that.
  func pack(_ item: AttentionItem, into packed: UnsafeMutablePointer<Float>) -> UnsafePointer<Float> {
    for query in 0..<item.tile.count {
      (packed + query * size).update(from: place(query, of: item, in: queries), count: size)
    }
    table.pointee.scale(packed, scale, item.tile.count * size)
    if item.tile.sketchedChunks > 0 {
      for query in 0..<item.tile.count {
        table.pointee.sketch_query(
          packed + query * size, size, rounded(packed) + query * hypnos_sketch_query_bytes(size))
      }
    }
    return UnsafePointer(packed)
  }

  /// Where the rounded ones of packed queries stand.
  func rounded(_ packed: UnsafePointer<Float>) -> UnsafeMutableRawPointer {
    UnsafeMutableRawPointer(mutating: packed + plainWidth)
  }

  /// Where `query` of an item stands in the queries or the outputs, [rows, query heads * size].
  private func place(
    _ query: Int, of item: AttentionItem, in matrix: FloatMatrix
  ) -> UnsafeMutablePointer<Float> {
    let (row, head) = query.quotientAndRemainder(dividingBy: item.tile.heads.count)
    let queryHead = item.head * plan.group + item.tile.heads.lowerBound + head
    return matrix.row(item.tile.rows.lowerBound + row) + queryHead * size
  }
}
