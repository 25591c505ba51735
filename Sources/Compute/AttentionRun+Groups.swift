// The attention of neighbouring tiles of a prompt together: what they see of a chunk is decoded once, and then read by
// one tile after the other. Each gets the bits it gets alone.
import CKernels

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
      guard let start = decode(items, chunk: chunk, into: decoded) else { continue }
      for (index, item) in items.enumerated() where item.tile.chunks.contains(chunk) {
        attend(item, chunk: chunk, queries: queries[index], next: nil, scores: scratch, decoded: start, into: partial)
        merge(partial, queries: 0..<item.tile.count, into: results + index * resultWidth)
      }
    }
    for (index, item) in items.enumerated() {
      finish(0..<item.tile.count, of: item, from: results + index * resultWidth)
    }
  }

  /// Decodes what any of `items` sees of chunk `chunk`, in whole tiles, and returns where the keys and values of its first
  /// position stand, or would; nil where none sees anything.
  private func decode(
    _ items: [AttentionItem], chunk: Int, into decoded: UnsafeMutablePointer<Float>
  ) -> (keys: UnsafeRawPointer, values: UnsafeRawPointer)? {
    let seeing = items.filter { $0.tile.chunks.contains(chunk) }
    guard let item = seeing.first else { return nil }
    let seen = seeing.map { self.seen(by: $0, chunk: chunk) }
    let first = seen.reduce(Int.max) { min($0, $1.lowerBound) }, last = seen.reduce(0) { max($0, $1.upperBound) }
    let numbers = first * size..<KeyValueStore.roundedToTiles(last) * size
    let (keys, values) = start(of: item, chunk: chunk)
    for (source, target) in [(keys, decoded), (values, decoded + decodedWidth)] {
      let halves = source.assumingMemoryBound(to: UInt16.self) + numbers.lowerBound
      halves.withMemoryRebound(to: UInt8.self, capacity: 2 * numbers.count) {
        table.pointee.decode(Int32(HYPNOS_F16), $0, numbers.count, target + numbers.lowerBound)
      }
    }
    return (UnsafeRawPointer(decoded), UnsafeRawPointer(decoded + decodedWidth))
  }
}
