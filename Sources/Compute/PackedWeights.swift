// Weights kept in memory in the layout of panels. A step of several sequences would lay them out anew each time, which
// takes as long as its products with a few columns.
import CKernels
import Glibc

/// Packed copies of weights, found by the weights they were made from.
final class PackedWeights: @unchecked Sendable {
  /// For how many columns they are used: fewer are streamed from the file, with more laying out hardly counts.
  static let columns = ProductPiece.mostStreamed + 1...48

  /// Rows that a thread copies at once, whole panels.
  private static let rowsAtOnce = 16 * ProductPiece.panelRows

  /// What a weight is known by: a part of another begins where that does.
  private struct Identity: Hashable {
    let start: UnsafePointer<UInt8>
    let format: BlockFormat
    let rows: Int
    let width: Int

    init(_ weight: WeightMatrix) {
      (start, format, rows, width) = (weight.row(0), weight.format, weight.rows, weight.width)
    }
  }

  /// What was copied; their files stay mapped, so that no other weight comes to lie at their places.
  private let weights: [WeightMatrix]
  private let base: UnsafeMutableRawPointer
  private let byteCount: Int
  /// Where each copy begins.
  private let places: [Identity: UnsafeMutablePointer<UInt8>]

  /// Copies of those of `weights` that are quantized; nil when they take more than `limit` bytes together, cannot be
  /// had or are no use to the engine's kernels.
  init?(_ weights: [WeightMatrix], within limit: Int, engine: ComputeEngine) {
    let table = engine.kernels.table
    guard let pack = table.pointee.pack, let bytes = table.pointee.packed_bytes else { return nil }
    var known: Set<Identity> = []
    let weights = weights.filter { $0.isQuantized && known.insert(Identity($0)).inserted }
    let sizes = weights.map { bytes(Int32($0.format.rawValue), $0.rows, $0.width) }
    let total = sizes.reduce(0, +)
    guard total > 0, total <= limit else { return nil }
    guard
      let base = mmap(nil, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), base != MAP_FAILED
    else { return nil }
    madvise(base, total, MADV_HUGEPAGE)
    (self.weights, self.base, byteCount) = (weights, base, total)

    var places: [Identity: UnsafeMutablePointer<UInt8>] = [:]
    var pieces: [(weight: WeightMatrix, first: Int, target: UnsafeMutablePointer<UInt8>)] = []
    var place = base.assumingMemoryBound(to: UInt8.self)
    for (weight, size) in zip(weights, sizes) {
      places[Identity(weight)] = place
      for first in stride(from: 0, to: weight.rows, by: Self.rowsAtOnce) {
        pieces.append((weight, first, place + bytes(Int32(weight.format.rawValue), first, weight.width)))
      }
      place += size
    }
    self.places = places
    engine.reservePanels(bytes: weights.map { hypnos_scratch_bytes($0.width) }.max() ?? 0)
    engine.pool.run(pieces.count) { item, thread in
      let (weight, first, target) = pieces[item]
      pack(
        Int32(weight.format.rawValue), weight.row(first), weight.rowBytes, min(Self.rowsAtOnce, weight.rows - first),
        weight.width, engine.panel(thread: thread), target)
    }
  }

  deinit { munmap(base, byteCount) }

  /// Where the copy of `weight` begins, if there is one.
  func start(of weight: WeightMatrix) -> UnsafePointer<UInt8>? { places[Identity(weight)].map { UnsafePointer($0) } }
}
