// A full chunk of the KV cache once more, in 4 bits: what a generated token reads of a long past, beside those keys and
// values that matter to it. Made from the chunk when it is first wanted, and gone with it.
import CKernels
import Glibc

/// The sketch of a chunk: head after head of layer after layer, as the kernels lay them out.
public final class KeyValueSketch {
  /// Positions from which a past is worth a sketch: four chunks. Reading fewer takes hardly any time beside the weights.
  public static let leastPositions = 4 * KeyValueStore.chunkLength
  /// The share of all weights above which a position is read from the cache itself. At 2^-8 what is left of the rounding
  /// changes less than a cache of 8 bits does (docs/PERFORMANCE.md).
  static let share: Float = 1.0 / 256
  /// The standard deviation of a chunk's scores beyond which they do not tell what matters, and all of it is read from
  /// the cache itself. It is far below in the models measured.
  static let mostNoise: Float = 2

  let address: SketchAddress
  private let byteCount: Int

  /// Whether heads of `headSize` values can have sketches.
  static func exists(headSize: Int) -> Bool { hypnos_has_sketch(headSize) != 0 }

  /// Bytes of the sketch of a chunk of one head.
  public static func headBytes(headSize: Int) -> Int { hypnos_sketch_bytes(headSize) }

  /// How many positions before a row are never read by a sketch: more than a sequence's generated and drafted rows of one
  /// batch, whose keys are not yet there when sketches are made.
  public static let newestPositions = 32

  /// How many of a sequence's first chunks a generated token at `position` reads by their sketches, where there are
  /// enough of them: all that end `newestPositions` before it.
  public static func chunks(before position: Int) -> Int {
    position < leastPositions ? 0 : (position - newestPositions) / KeyValueStore.chunkLength
  }

  /// Room for a sketch of a chunk of `store`, of which `layers` layers will be filled; nil when the system refuses it.
  fileprivate init?(of store: KeyValueStore, layers: Int) {
    let headBytes = KeyValueSketch.headBytes(headSize: store.headSize)
    byteCount = store.layers * store.heads * headBytes
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    guard let memory = mmap(nil, byteCount, PROT_READ | PROT_WRITE, flags, -1, 0), memory != MAP_FAILED else {
      return nil
    }
    // Large pages would be filled between the layers, too.
    if layers == store.layers { madvise(memory, byteCount, MADV_HUGEPAGE) }
    address = SketchAddress(base: memory, layers: store.layers, heads: store.heads, headBytes: headBytes)
  }

  deinit { munmap(address.base, byteCount) }
}

/// Where a sketch lies: numbers only, like a chunk's address.
struct SketchAddress {
  fileprivate let base: UnsafeMutableRawPointer
  fileprivate let layers: Int
  fileprivate let heads: Int
  fileprivate let headBytes: Int

  /// The sketch of one head.
  func head(_ head: Int, layer: Int) -> UnsafeMutableRawPointer {
    precondition(layer >= 0 && layer < layers && head >= 0 && head < heads, "a head of the sketch")
    return base + (layer * heads + head) * headBytes
  }
}

extension KeyValueStore {
  /// How many of its first positions are as if all were a prompt's, when those from `position` on were generated: their
  /// keys and values then depend on sketches.
  public func exactPositions(generatedFrom position: Int) -> Int {
    format.hasSketches(headSize: headSize) ? max(position, KeyValueSketch.leastPositions) : capacity
  }
}

extension CachePosition {
  /// How many of its sequence's first chunks it reads by their sketches.
  var sketchedChunks: Int {
    isGenerated && store.format.hasSketches(headSize: store.headSize) ? KeyValueSketch.chunks(before: position) : 0
  }
}

extension ComputeEngine {
  /// Makes the sketches that rows at `positions` will read in `layers` and that do not exist yet; false, and none made for
  /// a sequence, when the system refuses the memory. What lies `newestPositions` and more before a row is in its cache,
  /// so that generated rows of one sequence are fewer.
  public func sketchPasts(of positions: [CachePosition], layers: [Int]) -> Bool {
    guard !layers.isEmpty else { return true }
    var first: CachePosition?
    for place in positions where place.sketchedChunks > 0 {
      let start = first.flatMap { $0.store === place.store ? $0 : nil } ?? place
      precondition(place.position - start.position < KeyValueSketch.newestPositions, "few generated rows at once")
      first = start
      let missing = (0..<place.sketchedChunks).filter { place.store.sketch(chunk: $0) == nil }
      guard missing.isEmpty || sketch(missing, of: place.store, layers: layers) else { return false }
    }
    return true
  }

  private func sketch(_ chunks: [Int], of store: KeyValueStore, layers: [Int]) -> Bool {
    var sketches: [KeyValueSketch] = []
    for _ in chunks {
      guard let sketch = KeyValueSketch(of: store, layers: layers.count) else { return false }
      sketches.append(sketch)
    }
    let (number, size, heads) = (store.format.number, store.headSize, store.heads)
    let work = zip(chunks, sketches).map { (store.address(chunk: $0), $1.address) }
    pool.run(work.count * layers.count) { item, _ in
      let (chunk, sketch) = work[item / layers.count]
      let layer = layers[item % layers.count]
      for head in 0..<heads {
        kernels.table.pointee.sketch(
          number, size, chunk.keys(layer: layer, head: head), chunk.values(layer: layer, head: head),
          sketch.head(head, layer: layer))
      }
    }
    // A sketch that is there is whole.
    for (chunk, sketch) in zip(chunks, sketches) { store.setSketch(sketch, chunk: chunk) }
    return true
  }
}
