// Attention: rotary embedding, storing keys and values, and softmax attention over the cache, split into items
// of one key/value head and a few neighbouring tokens. Chunks of the cache are merged in their order, so the
// result is the same however the work was shared out.
import CKernels

/// Where one row of a batch stands: in which cache, and at which position.
public struct CachePosition {
  /// The cache of its sequence.
  public let store: KeyValueStore
  /// Its position in the sequence, from 0.
  public let position: Int

  /// A row at `position` of the sequence in `store`.
  public init(store: KeyValueStore, position: Int) {
    self.store = store
    self.position = position
  }
}

/// Which values of a head are rotated together.
public enum RotaryPairing: Sendable {
  /// Neighbours: 0 and 1, 2 and 3.
  case neighbours
  /// The first and the second half: 0 and n/2, 1 and n/2 + 1.
  case halves
}

/// Cosines and sines of the rotary embedding for each row of a batch, [rows, rotated values / 2].
public final class RotaryAngles {
  let cosines: FloatMatrix
  let sines: FloatMatrix

  /// Room for `rows` rows that rotate `size` values of each head.
  public init(rows: Int, size: Int) {
    cosines = FloatMatrix(rows: rows, width: max(size / 2, 1))
    sines = FloatMatrix(rows: rows, width: max(size / 2, 1))
  }

  /// Sets row `row`: the cosines and sines of `position * frequencies`, both times `magnitude`.
  public func set(row: Int, cosines: [Float], sines: [Float]) {
    self.cosines[row: row] = cosines
    self.sines[row: row] = sines
  }
}

extension ComputeEngine {
  /// Rotates every head of a row of `matrix` [rows, heads * headSize] in place.
  public func rotate(_ matrix: FloatMatrix, headSize: Int, angles: RotaryAngles, pairing: RotaryPairing, row: Int) {
    precondition(matrix.width % headSize == 0 && angles.cosines.width * 2 <= headSize, "whole heads")
    for head in 0..<matrix.width / headSize {
      kernels.table.pointee.rotate(
        matrix.row(row) + head * headSize, angles.cosines.row(row), angles.sines.row(row),
        angles.cosines.width * 2, pairing == .halves ? 1 : 0)
    }
  }

  /// Stores a row's keys and values [rows, heads * headSize] at its position, which is reserved, of its cache.
  public func store(keys: FloatMatrix, values: FloatMatrix, row: Int, layer: Int, at place: CachePosition) {
    let store = place.store
    precondition(keys.width == store.heads * store.headSize && values.width == keys.width, "whole heads")
    let (chunk, position) = place.position.quotientAndRemainder(dividingBy: KeyValueStore.chunkLength)
    for head in 0..<store.heads {
      let size = store.headSize
      kernels.table.pointee.store_key(
        store.format.number, keys.row(row) + head * size, size, position,
        store.keys(layer: layer, head: head, chunk: chunk))
      kernels.table.pointee.store_value(
        store.format.number, values.row(row) + head * size, size, position,
        store.values(layer: layer, head: head, chunk: chunk))
    }
  }

  /// Softmax attention of every row's queries [rows, queryHeads * headSize] over its own past.
  ///
  /// - Parameters:
  ///   - scale: what the products of queries and keys are multiplied with.
  ///   - window: how many positions, its own included, a query sees; nil for all.
  public func attend(
    queries: FloatMatrix, layer: Int, at positions: [CachePosition], scale: Float, window: Int?,
    into output: FloatMatrix
  ) {
    guard let first = positions.first else { return }
    let (heads, size) = (first.store.heads, first.store.headSize)
    precondition(queries.width % (heads * size) == 0 && output.width == queries.width, "whole heads")
    let group = queries.width / (heads * size)
    let items = AttentionTile.split(positions, group: group).flatMap { tile in
      (0..<heads).map {
        AttentionItem(
          tile: tile, head: $0, group: group, size: size, layer: layer, scale: scale, window: window,
          positions: positions)
      }
    }
    let run = AttentionRun(table: kernels.table, queries: queries, output: output, size: size)
    let chunks = items.reduce(0) { $0 + $1.chunks.count }
    if items.count >= 4 * pool.threads || chunks == items.count || pool.threads == 1 {
      let scratch = scratch(rows: pool.threads, width: run.scratchWidth)
      pool.run(items.count) { index, thread in run.attend(items[index], scratch: scratch.row(thread)) }
    } else {
      attendByChunks(items, count: chunks, run: run)
    }
  }

  /// Few queries with a long past: the threads share out its chunks, whose results are merged in their order.
  private func attendByChunks(_ items: [AttentionItem], count: Int, run: AttentionRun) {
    let partials = pool.threads + items.count
    let scratch = scratch(rows: partials + count, width: run.scratchWidth)
    var calls: [ChunkCall] = []
    var rows = items.map { _ in [Int]() }
    calls.reserveCapacity(count)
    let queries = items.indices.map { run.pack(items[$0], scratch: scratch.row(pool.threads + $0)) }
    let chunks = (items.map(\.chunks.lowerBound).min() ?? 0)..<(items.map(\.chunks.upperBound).max() ?? 0)
    // In the order in which they lie in memory: the heads of a chunk are neighbours.
    for chunk in chunks {
      for (index, item) in items.enumerated() where item.chunks.contains(chunk) {
        let row = partials + calls.count
        rows[index].append(row)
        calls.append(run.call(item, chunk: chunk, queries: queries[index], row: scratch.row(row)))
      }
    }
    calls.withUnsafeBufferPointer { calls in
      pool.run(count) { index, thread in run.compute(calls[index], scores: scratch.row(thread)) }
    }
    pool.run(items.count) { index, thread in
      run.begin(items[index], scratch: scratch.row(thread))
      for row in rows[index] { run.merge(scratch.row(row), of: items[index], scratch: scratch.row(thread)) }
      run.finish(items[index], scratch: scratch.row(thread))
    }
  }
}

/// Neighbouring rows of one sequence whose queries are taken together: `heads` of each row's group.
struct AttentionTile {
  let rows: Range<Int>
  let heads: Range<Int>

  /// Splits a batch into tiles of at most as many queries as the kernel takes.
  static func split(_ positions: [CachePosition], group: Int) -> [AttentionTile] {
    let most = Int(HYPNOS_ATTEND_QUERIES)
    let headRanges = stride(from: 0, to: group, by: most).map { $0..<min($0 + most, group) }
    let rowsTogether = max(1, most / group)
    var tiles: [AttentionTile] = []
    var start = 0
    while start < positions.count {
      var end = start + 1
      while end < positions.count, end - start < rowsTogether, positions[end].store === positions[start].store {
        end += 1
      }
      tiles += headRanges.map { AttentionTile(rows: start..<end, heads: $0) }
      start = end
    }
    return tiles
  }
}
