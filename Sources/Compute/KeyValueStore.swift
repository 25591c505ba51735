// The keys and values of one sequence's past, in f16, laid out for the attention kernel: the keys of a head in
// tiles of sixteen positions, lane beside lane, the values position after position.
import CKernels
import Glibc

/// The KV cache of one sequence: for each layer and key/value head room for `capacity` positions.
public final class KeyValueStore {
  /// Positions there is room for.
  public let capacity: Int
  /// Key/value heads in each layer.
  public let heads: Int
  /// Values in a head.
  public let headSize: Int
  /// Layers.
  public let layers: Int
  private let base: UnsafeMutableRawPointer
  private let byteCount: Int
  private let padded: Int

  /// Room for `capacity` positions, or nil when the system refuses the address space. Memory is taken only as
  /// positions are filled.
  public init?(layers: Int, heads: Int, headSize: Int, capacity: Int) {
    let chunk = Int(HYPNOS_CHUNK)
    let (rounded, overflow) = capacity.addingReportingOverflow(chunk - 1)
    guard !overflow else { return nil }
    self.capacity = capacity
    self.layers = layers
    self.heads = heads
    self.headSize = headSize
    padded = rounded / chunk * chunk
    var bytes = 2 * MemoryLayout<UInt16>.size
    for factor in [layers, heads, headSize, padded] {
      let (product, overflow) = bytes.multipliedReportingOverflow(by: factor)
      guard !overflow else { return nil }
      bytes = product
    }
    byteCount = bytes
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    guard let memory = mmap(nil, bytes, PROT_READ | PROT_WRITE, flags, -1, 0), memory != MAP_FAILED else {
      return nil
    }
    base = memory
  }

  deinit { munmap(base, byteCount) }

  /// Bytes that `positions` positions take.
  public func bytes(positions: Int) -> Int { layers * heads * headSize * positions * 2 * MemoryLayout<UInt16>.size }

  private func head(_ layer: Int, _ head: Int) -> UnsafeMutablePointer<UInt16> {
    precondition(layer >= 0 && layer < layers && head >= 0 && head < heads, "a head of the cache")
    return base.assumingMemoryBound(to: UInt16.self) + (layer * heads + head) * 2 * padded * headSize
  }

  func keys(layer: Int, head index: Int) -> UnsafeMutablePointer<UInt16> { head(layer, index) }
  func values(layer: Int, head index: Int) -> UnsafeMutablePointer<UInt16> { head(layer, index) + padded * headSize }
}
