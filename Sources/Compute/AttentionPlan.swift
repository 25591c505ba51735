// Which queries of a batch are taken together and what of the caches they see. It is the same for all layers with one
// window, so it is worked out once for a forward pass, and as addresses: threads that count references to the same
// caches wait for each other.
//
// A tile is some neighbouring rows of one sequence whose queries go through a kernel together; an item is a tile over
// one key/value head; a chunk is 256 positions of a cache; a piece is an item's share of one chunk. What is called next
// anywhere is only fetched ahead of time and changes no result.
import CKernels

/// Where one row of a batch stands: in which cache, and at which position.
public struct CachePosition {
  /// The cache of its sequence.
  public let store: KeyValueStore
  /// Its position in the sequence, from 0.
  public let position: Int
  /// Whether its token was generated, or drafted, and not given: such a row reads a long past by its sketch.
  public let isGenerated: Bool

  /// A row at `position` of the sequence in `store`.
  public init(store: KeyValueStore, position: Int, isGenerated: Bool = false) {
    self.store = store
    self.position = position
    self.isGenerated = isGenerated
  }
}

/// How the rows of a batch attend, each to its own past.
///
/// It holds for caches as they are: reserving a position of one of them ends it.
public final class AttentionPlan {
  /// The batch's rows, which keep their caches.
  private let positions: [CachePosition]
  /// Key/value heads of a layer.
  let heads: Int
  /// Values in a head.
  let size: Int
  /// Query heads for each key/value head.
  let group: Int
  let format: CacheFormat
  /// For each row the chunk its own key and value lie in.
  let own: [ChunkAddress]
  /// For each row the positions it sees; its own is the last.
  let seen: [Range<Int>]
  let tiles: [AttentionTile]
  /// The chunks that the tiles see, tile after tile.
  let chunks: [ChunkAddress]
  /// The sketches of those that are read by them.
  let sketches: [SketchAddress?]
  /// Whether any chunk is read by its sketch.
  let hasSketches: Bool
  /// Queries of the largest tile.
  let mostQueries: Int
  /// The same with neighbours in memory one after the other, for threads that share them out.
  private(set) lazy var pieces = AttentionPieces(of: tiles, heads: heads, newestFirst: hasSketches)

  /// The plan for rows at `positions`, one or more of caches of one shape, reserved up to there. Each row has `group`
  /// query heads for each key/value head, and sees `window` positions, its own included; nil for all.
  public init(_ positions: [CachePosition], group: Int, window: Int?) {
    precondition(!positions.isEmpty && group > 0, "rows and their heads")
    let first = positions[0].store
    self.positions = positions
    (heads, size, format) = (first.heads, first.headSize, first.format)
    self.group = group
    own = positions.map { $0.store.address(chunk: $0.position / KeyValueStore.chunkLength) }
    seen = positions.map { (window.map { [end = $0.position + 1] in max(0, end - $0) } ?? 0)..<$0.position + 1 }
    tiles = AttentionTile.split(positions, seen: seen, group: group, hasWindow: window != nil)
    chunks = tiles.flatMap { tile in
      tile.chunks.map { positions[tile.rows.lowerBound].store.address(chunk: $0) }
    }
    sketches = tiles.flatMap { tile in
      tile.chunks.map { chunk in
        chunk < tile.sketchedChunks ? positions[tile.rows.lowerBound].store.sketch(chunk: chunk)?.address : nil
      }
    }
    hasSketches = tiles.contains { $0.sketchedChunks > 0 }
    mostQueries = tiles.reduce(0) { max($0, $1.count) }
  }

  /// The batch's rows.
  public var rowCount: Int { positions.count }

  /// How many neighbouring tiles of one cache a thread takes together where there are enough: it decodes once what they
  /// all see, and reads it from its own cache for all but the first.
  private static let mostTogether = 8

  /// The tiles in groups that are taken together, neighbours of one cache that read all of it in f16, and more than a
  /// chunk; every other is a group of its own.
  private(set) lazy var groups: [Range<Int>] = tiles.indices.reduce(into: []) { groups, index in
    if let last = groups.last, last.count < AttentionPlan.mostTogether, readsSame(index, as: last.lowerBound) {
      groups[groups.count - 1] = last.lowerBound..<index + 1
    } else {
      groups.append(index..<index + 1)
    }
  }

  /// Every tile as a group of its own, for where the others would be too few to share out.
  private(set) lazy var singles: [Range<Int>] = tiles.indices.map { $0..<$0 + 1 }

  private func readsSame(_ index: Int, as first: Int) -> Bool {
    let (tile, start) = (tiles[index], tiles[first])
    return format != .q8_0 && start.chunks.count > 1 && start.sketchedChunks == 0 && tile.sketchedChunks == 0
      && positions[tile.rows.lowerBound].store === positions[start.rows.lowerBound].store
  }

  /// Tiles over each of the heads.
  var itemCount: Int { tiles.count * heads }

  /// Item `index`: the heads of a tile follow one another.
  func item(_ index: Int) -> AttentionItem {
    let (tile, head) = index.quotientAndRemainder(dividingBy: heads)
    return AttentionItem(tile: tiles[tile], head: head)
  }

  /// The positions within chunk `chunk` which query `query` of `tile` sees.
  func visible(_ query: Int, of tile: AttentionTile, chunk: Int) -> Range<Int32> {
    let (range, length) = (seen[tile.rows.lowerBound + query / tile.heads.count], KeyValueStore.chunkLength)
    let start = chunk * length
    let last = Int32(min(max(range.upperBound - start, 0), length))
    return min(Int32(min(max(range.lowerBound - start, 0), length)), last)..<last
  }
}

/// Neighbouring rows of one sequence whose queries are taken together: `heads` of each row's group.
struct AttentionTile {
  let rows: Range<Int>
  let heads: Range<Int>
  /// The chunks of the cache in which any row sees something.
  let chunks: Range<Int>
  /// How many of the sequence's chunks are read by their sketches, from the first on; all see all of those.
  let sketchedChunks: Int
  /// Where the first of them stands among the plan's.
  let firstChunk: Int

  /// Queries of the tile.
  var count: Int { rows.count * heads.count }

  /// Where `chunk` stands among the plan's.
  func place(of chunk: Int) -> Int { firstChunk + chunk - chunks.lowerBound }

  /// Splits a batch into tiles of at most as many queries as the kernel takes, which read the same sketches; none where
  /// rows see a window.
  static func split(
    _ positions: [CachePosition], seen: [Range<Int>], group: Int, hasWindow: Bool
  ) -> [AttentionTile] {
    let sketched = positions.map { hasWindow ? 0 : $0.sketchedChunks }
    let most = Int(HYPNOS_ATTEND_QUERIES)
    let headRanges = stride(from: 0, to: group, by: most).map { $0..<min($0 + most, group) }
    let rowsTogether = max(1, most / group)
    var tiles: [AttentionTile] = []
    var (start, chunkCount) = (0, 0)
    while start < positions.count {
      var end = start + 1
      while end < positions.count, end - start < rowsTogether, positions[end].store === positions[start].store,
        sketched[end] == sketched[start]
      {
        end += 1
      }
      let chunks = KeyValueStore.chunks(of: seen[start..<end])
      for heads in headRanges {
        tiles.append(
          AttentionTile(
            rows: start..<end, heads: heads, chunks: chunks, sketchedChunks: sketched[start], firstChunk: chunkCount))
        chunkCount += chunks.count
      }
      start = end
    }
    return tiles
  }
}

extension KeyValueStore {
  /// The chunks in which the positions of `ranges` lie, none of which is empty.
  fileprivate static func chunks(of ranges: ArraySlice<Range<Int>>) -> Range<Int> {
    let first = ranges.reduce(Int.max) { min($0, $1.lowerBound) }
    let last = ranges.reduce(0) { max($0, $1.upperBound) }
    return first / chunkLength..<(last + chunkLength - 1) / chunkLength
  }
}

/// Every chunk that an item sees, as a piece of work: the same chunks of different items are neighbours.
struct AttentionPieces {
  private let heads: Int
  private let list: [(tile: Int, chunk: Int)]
  /// Where in the list each of the plan's chunks stands.
  private let indices: [Int]

  /// How many pieces.
  var count: Int { list.count * heads }

  /// Piece `index`: which of the plan's items, and its chunk.
  func piece(_ index: Int) -> (item: Int, chunk: Int) {
    let (place, head) = index.quotientAndRemainder(dividingBy: heads)
    return (list[place].tile * heads + head, list[place].chunk)
  }

  /// Which piece chunk `chunk` of `item` is.
  func index(of item: AttentionItem, chunk: Int) -> Int {
    indices[item.tile.place(of: chunk)] * heads + item.head
  }

  /// The pieces of `tiles` over each of `heads` heads. With `newestFirst` those come first that have no sketches: they
  /// take longest, and small ones are better shared out at the end.
  init(of tiles: [AttentionTile], heads: Int, newestFirst: Bool) {
    var list: [(tile: Int, chunk: Int)] = []
    var indices = [Int](repeating: 0, count: tiles.reduce(0) { $0 + $1.chunks.count })
    let chunks = (tiles.map(\.chunks.lowerBound).min() ?? 0)..<(tiles.map(\.chunks.upperBound).max() ?? 0)
    for chunk in newestFirst ? chunks.reversed() : Array(chunks) {
      for (index, tile) in tiles.enumerated() where tile.chunks.contains(chunk) {
        indices[tile.place(of: chunk)] = list.count
        list.append((index, chunk))
      }
    }
    (self.heads, self.list, self.indices) = (heads, list, indices)
  }
}

/// One tile's attention over one key/value head.
struct AttentionItem {
  let tile: AttentionTile
  let head: Int
}
