// A low-rank update inside the parallel region of the products it belongs to: A x is the region's first items, and
// whoever has computed rows of a product then adds B (A x) to them. A region of its own for A x would cost more
// than its arithmetic.
import CKernels
import Glibc
import Synchronization

/// How many items of A x are still to be finished; one for all steps of an engine, which come one after another.
final class LowRankProgress: Sendable {
  private let unfinished = Atomic<Int>(0)

  /// Begins a step of `count` items.
  func begin(_ count: Int) { unfinished.store(count, ordering: .releasing) }

  /// Counts an item as finished.
  func finishOne() { unfinished.wrappingSubtract(1, ordering: .releasing) }

  /// Returns when all are finished.
  func wait() {
    var waited = 0
    while unfinished.load(ordering: .acquiring) > 0 {
      waited += 1
      if waited < 2_000 { hypnos_pause() } else { sched_yield() }
    }
  }
}

/// One low-rank update at work on one input: numbers and addresses only, since several threads that count references to
/// the same objects wait for each other. What they point to is held by whoever runs the products.
struct LowRankStep {
  /// The B of one product as the kernel is called with it; only read.
  struct Share: @unchecked Sendable {
    private let format: Int32
    private let tiles: UnsafePointer<UInt8>
    private let tileBytes: Int
    private let firstRank: Int
    private let ranks: Int
    /// Values of the product.
    let width: Int

    /// The B in `tiles` of a product of `width` values, whose A are the rows `ranks` of the stack.
    init(_ tiles: ByteRows, ranks: Range<Int>, width: Int) {
      precondition(width <= 16 * tiles.rows, "the product's width")
      format = tiles.format
      self.tiles = tiles.row(0)
      tileBytes = tiles.rowBytes
      firstRank = ranks.lowerBound
      self.ranks = ranks.count
      self.width = width
    }

    /// Adds B times `reduced`, `count` rows `reducedWidth` apart, to the values `piece` of `output`.
    fileprivate func add(
      _ reduced: UnsafePointer<Float>, reducedWidth: Int, count: Int, to piece: ProductPiece,
      of output: UnsafeMutablePointer<Float>, _ table: UnsafePointer<hypnos_kernels>
    ) {
      precondition(piece.first % 16 == 0 && piece.rows.upperBound <= width, "whole tiles")
      table.pointee.add_low_rank(
        format, tiles + piece.first / 16 * tileBytes, ranks, piece.count, reduced + firstRank, reducedWidth, count,
        output + piece.first, width)
    }
  }

  private let table: UnsafePointer<hypnos_kernels>
  private let format: Int32
  private let stack: UnsafePointer<UInt8>
  private let stackRows: Int
  private let rowBytes: Int
  /// What each row's product is multiplied with.
  private let scales: UnsafePointer<Float>
  private let input: UnsafePointer<Float>
  private let width: Int
  /// The quantized input, if the stack is multiplied with that.
  private let quantized: UnsafeRawPointer?
  /// A x, `count` rows of all ranks, `reducedWidth` values apart.
  private let reduced: UnsafeMutablePointer<Float>
  private let reducedWidth: Int
  private let count: Int
  private let rowsTogether: Int
  private let columnsTogether: Int
  private let columnPieces: Int
  /// Items of A x, which are to be run before all others.
  let itemCount: Int
  private let progress: Unmanaged<LowRankProgress>

  /// The A of `update` for the first `count` rows of `input`, which `columns` holds quantized; `reduced` has room for A x.
  init(
    _ update: LowRankUpdate, input: FloatMatrix, columns: UnsafeRawPointer, count: Int, reduced: FloatMatrix,
    progress: LowRankProgress, kernels: KernelSet
  ) {
    precondition(update.width == input.width && count <= input.rows, "the update's input")
    precondition(reduced.rows >= count && reduced.width >= update.stack.rows, "room for A x")
    table = kernels.table
    format = update.stack.format
    stack = update.stack.row(0)
    stackRows = update.stack.rows
    rowBytes = update.stack.rowBytes
    scales = UnsafePointer(update.scales.base)
    self.input = UnsafePointer(input.base)
    width = input.width
    quantized = update.isQuantized ? columns : nil
    self.reduced = reduced.base
    reducedWidth = reduced.width
    self.count = count
    self.progress = Unmanaged.passUnretained(progress)
    rowsTogether = update.isQuantized && count > ProductPiece.mostStreamed ? ProductPiece.panelRows : 16
    columnsTogether = update.isQuantized ? count : 32
    columnPieces = (count + columnsTogether - 1) / columnsTogether
    itemCount = columnPieces * ((stackRows + rowsTogether - 1) / rowsTogether)
    progress.begin(itemCount)
  }

  /// Computes a piece of A x; `panel` is the calling thread's.
  func reduce(item: Int, panel: UnsafeMutableRawPointer) {
    precondition(item >= 0 && item < itemCount, "a piece of A x")
    let (row, column) = (item / columnPieces * rowsTogether, item % columnPieces * columnsTogether)
    let (rows, columns) = (min(rowsTogether, stackRows - row), min(columnsTogether, count - column))
    let target = reduced + column * reducedWidth + row
    if let quantized {
      table.pointee.multiply(
        format, stack + row * rowBytes, rowBytes, rows, width, quantized, columns, target, reducedWidth, panel, nil)
    } else {
      table.pointee.multiply_floats(
        format, stack + row * rowBytes, rowBytes, rows, width, input + column * width, width, columns, target,
        reducedWidth)
    }
    for column in 0..<columns {
      for index in 0..<rows { target[column * reducedWidth + index] *= scales[row + index] }
    }
    progress._withUnsafeGuaranteedRef { $0.finishOne() }
  }

  /// Adds `share` to the values `piece` of `output`, rows of the product's width, once A x is there. Its items were all
  /// taken before this piece, so somebody is at work on them.
  func add(_ share: Share, to piece: ProductPiece, of output: UnsafeMutablePointer<Float>) {
    progress._withUnsafeGuaranteedRef { $0.wait() }
    share.add(reduced, reducedWidth: reducedWidth, count: count, to: piece, of: output, table)
  }
}
