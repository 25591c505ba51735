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
  /// Rotates every head of every row of `matrix` [rows, heads * headSize] in place.
  public func rotate(
    _ matrix: FloatMatrix, headSize: Int, angles: RotaryAngles, pairing: RotaryPairing, count: Int
  ) {
    precondition(matrix.width % headSize == 0 && angles.cosines.width * 2 <= headSize, "whole heads")
    eachRow(count) { row in
      for head in 0..<matrix.width / headSize {
        kernels.table.pointee.rotate(
          matrix.row(row) + head * headSize, angles.cosines.row(row), angles.sines.row(row),
          angles.cosines.width * 2, pairing == .halves ? 1 : 0)
      }
    }
  }

  /// Stores each row's keys and values [rows, heads * headSize] at its position, which is reserved, of its cache.
  public func store(keys: FloatMatrix, values: FloatMatrix, layer: Int, at positions: [CachePosition]) {
    eachRow(positions.count) { row in
      let (store, position) = (positions[row].store, positions[row].position)
      precondition(keys.width == store.heads * store.headSize && values.width == keys.width, "whole heads")
      let (chunk, place) = position.quotientAndRemainder(dividingBy: KeyValueStore.chunkLength)
      for head in 0..<store.heads {
        let size = store.headSize
        kernels.table.pointee.store_key(
          keys.row(row) + head * size, size, place, store.keys(layer: layer, head: head, chunk: chunk))
        kernels.table.pointee.store_value(
          values.row(row) + head * size, size,
          store.values(layer: layer, head: head, chunk: chunk) + place * size)
      }
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
    let tiles = AttentionTile.split(positions, group: group)
    let scratch = attentionScratch(size: size)
    pool.run(tiles.count * heads) { item, thread in
      let tile = tiles[item / heads]
      let attention = AttentionItem(
        tile: tile, head: item % heads, group: group, size: size, layer: layer, scale: scale, window: window)
      attention.run(
        table: kernels.table, queries: queries, positions: positions, scratch: scratch, thread: thread, into: output)
    }
  }

  private func attentionScratch(size: Int) -> FloatMatrix {
    let width = AttentionItem.scratchWidth(size: size)
    return scratch(rows: pool.threads, width: width)
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

/// One tile's attention over one key/value head.
struct AttentionItem {
  let tile: AttentionTile
  let head: Int
  let group: Int
  let size: Int
  let layer: Int
  let scale: Float
  let window: Int?

  /// Floats of scratch: scores, queries, a chunk's outputs and the outputs so far, and four sums a query.
  static func scratchWidth(size: Int) -> Int {
    let queries = Int(HYPNOS_ATTEND_QUERIES)
    return (queries * (Int(HYPNOS_CHUNK) + 3 * size + 4) + 15) / 16 * 16
  }

  func run(
    table: UnsafePointer<hypnos_kernels>, queries: FloatMatrix, positions: [CachePosition], scratch: FloatMatrix,
    thread: Int, into output: FloatMatrix
  ) {
    let most = Int(HYPNOS_ATTEND_QUERIES)
    let chunk = Int(HYPNOS_CHUNK)
    let scores = scratch.row(thread)
    let packed = scores + most * chunk
    let chunkOutputs = packed + most * size
    let outputs = chunkOutputs + most * size
    let chunkMaxima = outputs + most * size
    let chunkSums = chunkMaxima + most
    let maxima = chunkSums + most
    let sums = maxima + most
    let count = tile.rows.count * tile.heads.count
    pack(queries, into: packed, table: table)
    for query in 0..<count {
      maxima[query] = -.infinity
      sums[query] = 0
    }
    outputs.update(repeating: 0, count: count * size)

    let store = positions[tile.rows.lowerBound].store
    let seen = tile.rows.map { visible(positions[$0].position) }
    let first = (seen.map(\.lowerBound).min() ?? 0) / chunk
    let last = ((seen.map(\.upperBound).max() ?? 0) + chunk - 1) / chunk
    var firsts = [Int32](repeating: 0, count: count)
    var lasts = firsts
    for index in first..<max(first, last) {
      let start = index * chunk
      for query in 0..<count {
        let range = seen[query / tile.heads.count]
        lasts[query] = Int32(min(max(range.upperBound - start, 0), chunk))
        firsts[query] = min(Int32(min(max(range.lowerBound - start, 0), chunk)), lasts[query])
      }
      table.pointee.attend(
        packed, count, size, store.keys(layer: layer, head: head, chunk: index),
        store.values(layer: layer, head: head, chunk: index), firsts, lasts, chunkMaxima, chunkSums, chunkOutputs,
        scores)
      for query in 0..<count where lasts[query] > firsts[query] {
        table.pointee.merge(
          maxima + query, sums + query, outputs + query * size, chunkMaxima[query], chunkSums[query],
          chunkOutputs + query * size, size)
      }
    }
    unpack(outputs, sums: sums, into: output)
  }

  private func visible(_ position: Int) -> Range<Int> {
    let first = window.map { max(0, position + 1 - $0) } ?? 0
    return first..<position + 1
  }

  private func offset(_ query: Int) -> (row: Int, column: Int) {
    let row = tile.rows.lowerBound + query / tile.heads.count
    let queryHead = head * group + tile.heads.lowerBound + query % tile.heads.count
    return (row, queryHead * size)
  }

  private func pack(
    _ queries: FloatMatrix, into packed: UnsafeMutablePointer<Float>, table: UnsafePointer<hypnos_kernels>
  ) {
    let count = tile.rows.count * tile.heads.count
    for query in 0..<count {
      let (row, column) = offset(query)
      (packed + query * size).update(from: queries.row(row) + column, count: size)
    }
    table.pointee.scale(packed, scale, count * size)
  }

  private func unpack(
    _ outputs: UnsafeMutablePointer<Float>, sums: UnsafeMutablePointer<Float>, into output: FloatMatrix
  ) {
    for query in 0..<tile.rows.count * tile.heads.count {
      let (row, column) = offset(query)
      let target = output.row(row) + column
      for index in 0..<size { target[index] = outputs[query * size + index] / sums[query] }
    }
  }
}
