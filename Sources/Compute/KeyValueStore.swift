// The keys and values of one sequence's past, in f16, in chunks of 256 positions that sequences with the same
// beginning share. This file alone knows how a chunk is laid out.
import CKernels
import Glibc

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
  private var chunks: [KeyValueChunk] = []

  /// A cache for `capacity` positions, none of which takes memory before it is filled.
  public init(layers: Int, heads: Int, headSize: Int, capacity: Int) {
    precondition(layers > 0 && heads > 0 && headSize > 0 && capacity > 0, "a cache has a shape")
    self.capacity = capacity
    self.layers = layers
    self.heads = heads
    self.headSize = headSize
  }

  /// A cache that begins with the first `count` positions of `other`, which must be filled: whole chunks are
  /// shared, the rest is copied. Nil when the system refuses the memory.
  public convenience init?(beginningWith count: Int, of other: KeyValueStore, capacity: Int) {
    self.init(layers: other.layers, heads: other.heads, headSize: other.headSize, capacity: capacity)
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
      guard let chunk = KeyValueChunk(heads: layers * heads, headSize: headSize) else { return false }
      chunks.append(chunk)
    } else if !isKnownUniquelyReferenced(&chunks[index]) {
      guard let own = chunks[index].copy(positions: KeyValueStore.chunkLength) else { return false }
      chunks[index] = own
    }
    return true
  }

  /// Bytes that `positions` positions take.
  public func bytes(positions: Int) -> Int { layers * heads * headSize * positions * 2 * MemoryLayout<UInt16>.size }

  /// The keys of one head in chunk `index`, in tiles as the attention kernel reads them.
  func keys(layer: Int, head: Int, chunk index: Int) -> UnsafeMutablePointer<UInt16> {
    chunks[index].keys(head: number(layer, head))
  }

  /// The values of one head in chunk `index`, position after position.
  func values(layer: Int, head: Int, chunk index: Int) -> UnsafeMutablePointer<UInt16> {
    chunks[index].values(head: number(layer, head))
  }

  private func number(_ layer: Int, _ head: Int) -> Int {
    precondition(layer >= 0 && layer < layers && head >= 0 && head < heads, "a head of the cache")
    return layer * heads + head
  }
}

/// 256 positions of every head of every layer. Head after head, first its keys, in tiles of sixteen positions, lane
/// beside lane, then its values, position after position.
private final class KeyValueChunk {
  private let base: UnsafeMutablePointer<UInt16>
  private let heads: Int
  private let headSize: Int
  private var headLength: Int { KeyValueStore.chunkLength * headSize }
  private var byteCount: Int { heads * 2 * headLength * MemoryLayout<UInt16>.size }

  /// Room for `heads` heads; pages take memory as they are written.
  init?(heads: Int, headSize: Int) {
    var bytes = 2 * MemoryLayout<UInt16>.size
    for factor in [heads, headSize, KeyValueStore.chunkLength] {
      let (product, overflow) = bytes.multipliedReportingOverflow(by: factor)
      guard !overflow else { return nil }
      bytes = product
    }
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    guard let memory = mmap(nil, bytes, PROT_READ | PROT_WRITE, flags, -1, 0), memory != MAP_FAILED else {
      return nil
    }
    base = memory.bindMemory(to: UInt16.self, capacity: bytes / MemoryLayout<UInt16>.size)
    self.heads = heads
    self.headSize = headSize
  }

  deinit { munmap(base, byteCount) }

  func keys(head: Int) -> UnsafeMutablePointer<UInt16> { base + head * 2 * headLength }
  func values(head: Int) -> UnsafeMutablePointer<UInt16> { keys(head: head) + headLength }

  /// A chunk with the first `positions` positions of this one; nil when the system refuses the memory.
  func copy(positions: Int) -> KeyValueChunk? {
    guard let copy = KeyValueChunk(heads: heads, headSize: headSize) else { return nil }
    let tile = Int(HYPNOS_KEY_TILE)
    for head in 0..<heads {
      copy.keys(head: head).update(from: keys(head: head), count: (positions + tile - 1) / tile * tile * headSize)
      copy.values(head: head).update(from: values(head: head), count: positions * headSize)
    }
    return copy
  }
}
