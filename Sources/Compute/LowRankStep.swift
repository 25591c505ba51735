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

/// One low-rank update at work on one input.
struct LowRankStep {
  private static let rowsTogether = 16
  private static let columnsTogether = 32

  private let table: UnsafePointer<hypnos_kernels>
  private let stack: PlainMatrix
  /// What is added to each product; nil for one without a term.
  private let shares: [Share?]
  private let input: FloatMatrix
  /// A x, [count, ranks in all].
  private let reduced: FloatMatrix
  private let count: Int
  private let columnPieces: Int
  /// Items of A x, which are to be run before all others.
  let itemCount: Int
  private let progress: LowRankProgress

  /// The B of one product as the kernel is called with it, and where what it makes is added.
  private struct Share {
    let format: Int32
    let tiles: UnsafePointer<UInt8>
    let tileBytes: Int
    let ranks: Range<Int>
    let output: UnsafeMutablePointer<Float>
    let outputWidth: Int
  }

  /// The update of products of the first `count` rows of `input` into `outputs`; `reduced` has room for A x.
  init(
    _ update: LowRankUpdate, input: FloatMatrix, outputs: [FloatMatrix], count: Int, reduced: FloatMatrix,
    progress: LowRankProgress, kernels: KernelSet
  ) {
    precondition(update.stack.width == input.width && count <= input.rows, "the update's input")
    precondition(update.shares.count == outputs.count, "the update's products")
    precondition(reduced.rows >= count && reduced.width >= update.stack.rows, "room for A x")
    table = kernels.table
    stack = update.stack
    shares = zip(update.shares, outputs).map { share, output in
      share.map {
        Share(
          format: Int32($0.tiles.format.rawValue), tiles: $0.tiles.row(0), tileBytes: $0.tiles.rowBytes,
          ranks: $0.ranks, output: output.base, outputWidth: output.width)
      }
    }
    self.input = input
    self.reduced = reduced
    self.count = count
    self.progress = progress
    columnPieces = (count + Self.columnsTogether - 1) / Self.columnsTogether
    itemCount = columnPieces * ((stack.rows + Self.rowsTogether - 1) / Self.rowsTogether)
    progress.begin(itemCount)
  }

  /// Computes a piece of A x.
  func reduce(item: Int) {
    let row = item / columnPieces * Self.rowsTogether
    let column = item % columnPieces * Self.columnsTogether
    table.pointee.multiply_floats(
      Int32(stack.format.rawValue), stack.row(row), stack.rowBytes,
      min(Self.rowsTogether, stack.rows - row), stack.width, input.row(column), input.width,
      min(Self.columnsTogether, count - column), reduced.row(column) + row, reduced.width)
    progress.finishOne()
  }

  /// Adds their share to the rows of `piece` once A x is there. Its items were all taken before this piece, so somebody
  /// is at work on them.
  func add(to piece: ProductPiece) {
    guard let share = shares[piece.product] else { return }
    precondition(piece.first % 16 == 0 && piece.rows.upperBound <= share.outputWidth, "whole tiles")
    progress.wait()
    table.pointee.add_low_rank(
      share.format, share.tiles + piece.first / 16 * share.tileBytes, share.ranks.count, piece.count,
      reduced.base + share.ranks.lowerBound, reduced.width, count, share.output + piece.first, share.outputWidth)
  }
}
