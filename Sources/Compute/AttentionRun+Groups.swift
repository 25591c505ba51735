// The attention of neighbouring tiles of a prompt together: what they see of a chunk is decoded once, and then read by
// one tile after the other. Each gets the bits it gets alone.
import CKernels

/// A chunk's keys and values of one head in float32, laid out as in the cache.
struct DecodedChunk {
  /// Where the keys and the values of its first position stand, or would.
  let start: (keys: UnsafeRawPointer, values: UnsafeRawPointer)
}

extension AttentionRun {
  private var decodedWidth: Int { Int(HYPNOS_CHUNK) * size }

  /// Floats of scratch that a group of `tiles` tiles takes: scores, a partial result, a chunk's keys and values, and for
  /// each tile the result so far and the packed queries.
  func groupWidth(tiles: Int) -> Int { groupStart + tiles * (resultWidth + packedWidth) }

  private var groupStart: Int { scoreWidth + resultWidth + 2 * decodedWidth }

  /// All of the tiles `group` over one head.
  func attend(_ group: Range<Int>, head: Int, scratch: UnsafeMutablePointer<Float>) {
    let (partial, decoded) = (scratch + scoreWidth, scratch + scoreWidth + resultWidth)
    let results = scratch + groupStart, packed = results + group.count * resultWidth
    let items = plan.tiles[group].map { AttentionItem(tile: $0, head: head) }
    let queries = items.enumerated().map { index, item in pack(item, into: packed + index * packedWidth) }
    for (index, item) in items.enumerated() { begin(0..<item.tile.count, total: results + index * resultWidth) }
    let chunks = items.map(\.tile.chunks)
    let first = chunks.reduce(Int.max) { min($0, $1.lowerBound) }, last = chunks.reduce(0) { max($0, $1.upperBound) }
    for chunk in first..<last {
      guard let seen = decode(items, chunk: chunk, into: decoded) else { continue }
      for (index, item) in items.enumerated() where item.tile.chunks.contains(chunk) {
        attend(item, chunk: chunk, queries: queries[index], next: nil, scores: scratch, decoded: seen, into: partial)
        merge(partial, queries: 0..<item.tile.count, into: results + index * resultWidth)
      }
    }
    for (index, item) in items.enumerated() {
      finish(0..<item.tile.count, of: item, from: results + index * resultWidth)
    }
  }

  /// Decodes what any of `items` sees of chunk `chunk`, in whole tiles; nil where none sees anything.
  private func decode(
    _ items: [AttentionItem], chunk: Int, into decoded: UnsafeMutablePointer<Float>
  ) -> DecodedChunk? {
    let seeing = items.filter { $0.tile.chunks.contains(chunk) }
    guard let item = seeing.first else { return nil }
    let tile = Int(HYPNOS_TILE)
    let first = seeing.map { Int(plan.visible(0, of: $0.tile, chunk: chunk).lowerBound) }.min() ?? 0
    let last = seeing.map { Int(plan.visible($0.tile.count - 1, of: $0.tile, chunk: chunk).upperBound) }.max() ?? 0
    let (start, end) = (first / tile * tile * size, (last + tile - 1) / tile * tile * size)
    let (keys, values) = self.start(of: item, chunk: chunk)
    for (source, target) in [(keys, decoded), (values, decoded + decodedWidth)] where start < end {
      let numbers = source.assumingMemoryBound(to: UInt16.self)
      table.pointee.decode_tiles(numbers + start, end - start, target + start)
    }
    return DecodedChunk(start: (UnsafeRawPointer(decoded), UnsafeRawPointer(decoded + decodedWidth)))
  }
}
