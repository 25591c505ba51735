// Positions of a KV cache as bytes and back, so that they can be kept in a file or copied to another cache. All that
// the outside knows of the layout stands here: its name, how it is cut into pieces, and how long each is.
import CKernels
import Glibc

/// A few neighbouring positions of one key/value head of one layer: what is exported and restored at a time.
public struct KeyValuePiece: Sendable, Equatable {
  let layer: Int
  let head: Int
  /// Positions of one chunk, from its first on.
  let positions: Range<Int>
  /// How many bytes it is exported to.
  public let byteCount: Int
}

extension KeyValueStore {
  /// The name of the number format and the layout of exported bytes.
  public var exportFormat: String {
    "\(format == .q8_0 ? "q8_0" : "f16"), in tiles of \(HYPNOS_TILE)"
      + (format == .q8_0
        ? ", two neighbours together, keys spread by \(HYPNOS_KEY_BLOCK), a scale for \(HYPNOS_VALUE_BLOCK) of a value"
        : "")
  }

  /// The pieces that hold the positions from `chunk * chunkLength` on, before `end`, in the order of export: layer
  /// after layer, head after head, all of the same size. `end` may lie beyond the cache's capacity, the chunk's first
  /// position may not: there is room for whole chunks.
  public func pieces(chunk: Int, end: Int) -> [KeyValuePiece] {
    let start = chunk * Self.chunkLength
    precondition(start >= 0 && start < min(end, capacity), "positions of the cache")
    let positions = start..<min(start + Self.chunkLength, end)
    let byteCount = pieceBytes(positions.count)
    return (0..<layers).flatMap { layer in
      (0..<heads).map { KeyValuePiece(layer: layer, head: $0, positions: positions, byteCount: byteCount) }
    }
  }

  /// The bytes of all pieces of the chunk that holds position `chunk * chunkLength` when `end` positions are exported;
  /// for at most 2^24 positions, as many as a cache ever has.
  public func exportedBytes(chunk: Int, end: Int) -> Int {
    layers * heads * pieceBytes(min(Self.chunkLength, end - chunk * Self.chunkLength))
  }

  /// The keys and then the values of `piece` as they lie in the cache, up to a whole tile; what lies beyond its
  /// last position is zero.
  public func export(_ piece: KeyValuePiece) -> [UInt8] {
    let (keys, values) = place(piece)
    let keyBytes = keyBytes(of: piece)
    var bytes = Array(UnsafeRawBufferPointer(start: keys, count: keyBytes))
    bytes += UnsafeRawBufferPointer(start: values, count: piece.byteCount - keyBytes)
    let zeros = [Float](repeating: 0, count: headSize)
    let table = KernelSet.available[0].table
    bytes.withUnsafeMutableBytes { buffer in
      guard let start = buffer.baseAddress else { return }
      for position in piece.positions.count..<Self.roundedToTiles(piece.positions.count) {
        table.pointee.store_key(format.number, zeros, headSize, position, start)
        table.pointee.store_value(format.number, zeros, headSize, position, start + keyBytes)
      }
    }
    return bytes
  }

  /// Takes back what was exported as `piece` from a cache of the same shape, chunk after chunk; false when `bytes` has
  /// another length or the system refuses the memory.
  public func restore(_ piece: KeyValuePiece, from bytes: [UInt8]) -> Bool {
    guard bytes.count == piece.byteCount, reserve(piece.positions.lowerBound) else { return false }
    let (keys, values) = place(piece)
    let keyBytes = keyBytes(of: piece)
    bytes.withUnsafeBytes { source in
      guard let start = source.baseAddress else { return }
      memcpy(keys, start, keyBytes)
      memcpy(values, start + keyBytes, source.count - keyBytes)
    }
    return true
  }

  private func pieceBytes(_ positions: Int) -> Int {
    format.bytes(headSize: headSize) * Self.roundedToTiles(positions)
  }

  private func keyBytes(of piece: KeyValuePiece) -> Int {
    format.keyBytes(headSize: headSize) * Self.roundedToTiles(piece.positions.count)
  }

  private func place(_ piece: KeyValuePiece) -> (keys: UnsafeMutableRawPointer, values: UnsafeMutableRawPointer) {
    let chunk = address(chunk: piece.positions.lowerBound / Self.chunkLength)
    return (chunk.keys(layer: piece.layer, head: piece.head), chunk.values(layer: piece.layer, head: piece.head))
  }
}
