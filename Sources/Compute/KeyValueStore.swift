// The keys and values of one sequence's past, in chunks of 256 positions that sequences with the same beginning
// share. This file alone knows how a chunk is laid out.
import CKernels
import Glibc

/// The number format of cached keys and values.
public enum CacheFormat: String, Sendable, CaseIterable {
  /// 16-bit floats; generated tokens read a long past by its sketch.
  case f16
  /// 8 bits, with an f16 scale for each 32 values of a key and each 64 of a value: little more than half the memory.
  case q8_0
  /// 16-bit floats, all of which every token reads.
  case f16Whole = "f16-whole"

  var number: Int32 { self == .q8_0 ? Int32(HYPNOS_CACHE_Q8) : Int32(HYPNOS_CACHE_F16) }

  /// Whether generated tokens read a long past of heads of `headSize` values by its sketch.
  public func hasSketches(headSize: Int) -> Bool { self != .f16Whole && KeyValueSketch.exists(headSize: headSize) }

  /// Bytes of one position's key and value of `headSize` values each.
  public func bytes(headSize: Int) -> Int { keyBytes(headSize: headSize) + valueBytes(headSize: headSize) }

  /// Bytes of one key, a sixteenth of a tile.
  func keyBytes(headSize: Int) -> Int { hypnos_key_tile_bytes(number, headSize) / Int(HYPNOS_TILE) }

  /// Bytes of one value, likewise.
  func valueBytes(headSize: Int) -> Int { hypnos_value_tile_bytes(number, headSize) / Int(HYPNOS_TILE) }
}

/// The KV cache of one sequence: for each layer and key/value head room for `capacity` positions.
///
/// A chunk is never changed while another cache shares it: who writes to it first gets a copy.
public final class KeyValueStore {
  /// Positions in a chunk.
  public static let chunkLength = Int(HYPNOS_CHUNK)

  /// Positions there may be.
  public let capacity: Int
  /// Key/value heads in each layer.
  public let heads: Int
  /// Values in a head.
  public let headSize: Int
  /// Layers.
  public let layers: Int
  /// The number format.
  public let format: CacheFormat
  private var chunks: [KeyValueChunk] = []

  /// A cache for `capacity` positions, none of which takes memory before it is filled.
  public init(layers: Int, heads: Int, headSize: Int, capacity: Int, format: CacheFormat = .f16) {
    precondition(layers > 0 && heads > 0 && headSize > 0 && capacity > 0, "a cache has a shape")
    self.capacity = capacity
    self.layers = layers
    self.heads = heads
    self.headSize = headSize
    self.format = format
  }

  /// A cache that begins with the first `count` positions of `other`, which must be filled: whole chunks are
  /// shared, the rest is copied. Nil when the system refuses the memory.
  public convenience init?(beginningWith count: Int, of other: KeyValueStore, capacity: Int) {
    self.init(
      layers: other.layers, heads: other.heads, headSize: other.headSize, capacity: capacity, format: other.format)
    precondition(count >= 0 && count <= capacity, "a beginning that fits")
    let (whole, rest) = count.quotientAndRemainder(dividingBy: KeyValueStore.chunkLength)
    precondition(whole + (rest > 0 ? 1 : 0) <= other.chunks.count, "a beginning that is filled")
    chunks = Array(other.chunks[..<whole])
    guard rest > 0 else { return }
    guard let last = other.chunks[whole].copy(positions: rest) else { return nil }
    chunks.append(last)
  }

  /// Makes sure that `position` can be written, all before it being filled. False when the system refuses the memory.
  public func reserve(_ position: Int) -> Bool {
    precondition(position >= 0 && position < capacity, "a position of the cache")
    let index = position / KeyValueStore.chunkLength
    precondition(index <= chunks.count, "the next position of the cache")
    if index == chunks.count {
      guard let chunk = KeyValueChunk(layers: layers, heads: heads, headSize: headSize, format: format)
      else { return false }
      if index > 0 { chunk.preferLargePages() }
      chunks.append(chunk)
    } else if !isKnownUniquelyReferenced(&chunks[index]) {
      guard let own = chunks[index].copy(positions: KeyValueStore.chunkLength) else { return false }
      chunks[index] = own
    }
    // What is written now is not in a sketch made before.
    chunks[index].sketch = nil
    return true
  }

  /// The sketch of chunk `index`, which is full; nil before it is made.
  func sketch(chunk index: Int) -> KeyValueSketch? { chunks[index].sketch }

  /// Keeps the sketch of chunk `index` beside it, until it is written to.
  func setSketch(_ sketch: KeyValueSketch, chunk index: Int) { chunks[index].sketch = sketch }

  /// Bytes that `positions` positions take.
  public func bytes(positions: Int) -> Int { layers * heads * positions * format.bytes(headSize: headSize) }

  /// The positions of all tiles in which some of the first `count` lie.
  static func roundedToTiles(_ count: Int) -> Int {
    let tile = Int(HYPNOS_TILE)
    return (count + tile - 1) / tile * tile
  }

  /// Where chunk `index` lies, until the cache is reserved from again or ends.
  func address(chunk index: Int) -> ChunkAddress { chunks[index].address }
}

/// Where a chunk lies: numbers only, so that threads need not count references to the same cache.
struct ChunkAddress {
  fileprivate let base: UnsafeMutableRawPointer
  fileprivate let layers: Int
  /// Key/value heads of a layer.
  fileprivate let heads: Int
  /// Bytes of a head's keys.
  fileprivate let keyBytes: Int
  /// Bytes of its values.
  fileprivate let valueBytes: Int

  /// The keys of one head, in tiles as the attention kernel reads them.
  func keys(layer: Int, head: Int) -> UnsafeMutableRawPointer {
    precondition(layer >= 0 && layer < layers && head >= 0 && head < heads, "a head of the cache")
    return base + (layer * heads + head) * (keyBytes + valueBytes)
  }

  /// The values of one head, in tiles likewise.
  func values(layer: Int, head: Int) -> UnsafeMutableRawPointer { keys(layer: layer, head: head) + keyBytes }
}

/// 256 positions of every head of every layer: head after head, first its keys, then its values, both in the tiles of
/// sixteen positions that the attention kernel reads.
private final class KeyValueChunk {
  let address: ChunkAddress
  /// The chunk in 4 bits, once it is full and a step has wanted it. A copy is made to be written to and gets none.
  var sketch: KeyValueSketch?
  private let headSize: Int
  private let format: CacheFormat
  private var byteCount: Int { address.layers * address.heads * (address.keyBytes + address.valueBytes) }

  /// Room for `heads` heads of each of `layers` layers; pages take memory as they are written.
  init?(layers: Int, heads: Int, headSize: Int, format: CacheFormat) {
    var bytes = format.bytes(headSize: headSize)
    for factor in [layers, heads, KeyValueStore.chunkLength] {
      let (product, overflow) = bytes.multipliedReportingOverflow(by: factor)
      guard !overflow else { return nil }
      bytes = product
    }
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    guard let memory = mmap(nil, bytes, PROT_READ | PROT_WRITE, flags, -1, 0), memory != MAP_FAILED else {
      return nil
    }
    let length = KeyValueStore.chunkLength
    address = ChunkAddress(
      base: memory, layers: layers, heads: heads, keyBytes: length * format.keyBytes(headSize: headSize),
      valueBytes: length * format.valueBytes(headSize: headSize))
    (self.headSize, self.format) = (headSize, format)
  }

  /// Lets the system back the chunk with large pages, which long pasts are read faster from. A short past is spread
  /// thinly over its first chunk and would only take more memory.
  func preferLargePages() { madvise(address.base, byteCount, MADV_HUGEPAGE) }

  deinit { munmap(address.base, byteCount) }

  /// A chunk with the first `positions` positions of this one; nil when the system refuses the memory.
  func copy(positions: Int) -> KeyValueChunk? {
    guard
      let copy = KeyValueChunk(layers: address.layers, heads: address.heads, headSize: headSize, format: format)
    else { return nil }
    let filled = KeyValueStore.roundedToTiles(positions)
    let keyBytes = filled * format.keyBytes(headSize: headSize)
    let valueBytes = filled * format.valueBytes(headSize: headSize)
    for layer in 0..<address.layers {
      for head in 0..<address.heads {
        let (target, source) = (copy.address, address)
        target.keys(layer: layer, head: head).copyMemory(
          from: source.keys(layer: layer, head: head), byteCount: keyBytes)
        target.values(layer: layer, head: head).copyMemory(
          from: source.values(layer: layer, head: head), byteCount: valueBytes)
      }
    }
    return copy
  }
}
