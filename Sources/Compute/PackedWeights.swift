// Weights kept in memory in the layout of panels. A step of several sequences would lay them out anew each time, which
// takes as long as its products with a few columns.
import CKernels
import Glibc

/// Packed copies of weights, found by the weights they were made from.
final class PackedWeights: @unchecked Sendable {
  /// For how many columns they are used: fewer are streamed from the file, with more laying out hardly counts.
  static let columns = 5...48

  /// Rows that a thread copies at once, whole panels.
  private static let rowsAtOnce = 16 * ProductPiece.panelRows

  private let base: UnsafeMutableRawPointer
  private let byteCount: Int
  /// Where each copy begins, by where the weight's rows do.
  private let places: [UnsafePointer<UInt8>: UnsafePointer<UInt8>]

  /// Copies of those of `weights` that are quantized; nil when they take more than `limit` bytes together, cannot be had
  /// or are no use to the engine's kernels.
  init?(_ weights: [WeightMatrix], within limit: Int, engine: ComputeEngine) {
    let table = engine.kernels.table
    guard let pack = table.pointee.pack, let bytes = table.pointee.packed_bytes else { return nil }
    let weights = weights.filter(\.isQuantized)
    let sizes = weights.map { bytes(Int32($0.format.rawValue), $0.rows, $0.width) }
    let total = sizes.reduce(0, +)
    guard total > 0, total <= limit else { return nil }
    guard
      let base = mmap(nil, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), base != MAP_FAILED
    else { return nil }
    madvise(base, total, MADV_HUGEPAGE)
    (self.base, byteCount) = (base, total)

    var places: [UnsafePointer<UInt8>: UnsafePointer<UInt8>] = [:]
    var offset = 0
    for (weight, size) in zip(weights, sizes) {
      places[weight.row(0)] = UnsafePointer((base + offset).assumingMemoryBound(to: UInt8.self))
      offset += size
    }
    self.places = places
    engine.reservePanels(bytes: weights.map { hypnos_scratch_bytes($0.width) }.max() ?? 0)
    let pieces = weights.indices.flatMap { index in
      stride(from: 0, to: weights[index].rows, by: Self.rowsAtOnce).map { (index: index, first: $0) }
    }
    engine.pool.run(pieces.count) { item, thread in
      let (weight, first) = (weights[pieces[item].index], pieces[item].first)
      guard let place = places[weight.row(0)] else { return }
      let format = Int32(weight.format.rawValue)
      pack(
        format, weight.row(first), weight.rowBytes, min(Self.rowsAtOnce, weight.rows - first), weight.width,
        engine.panel(thread: thread), UnsafeMutablePointer(mutating: place) + bytes(format, first, weight.width))
    }
  }

  deinit { munmap(base, byteCount) }

  /// Where the copy of `weight` begins, if there is one.
  func start(of weight: WeightMatrix) -> UnsafePointer<UInt8>? { places[weight.row(0)] }
}
