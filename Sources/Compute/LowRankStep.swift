// A low-rank update inside the parallel region of the products it belongs to: A x is the region's first items, and
// whoever has computed rows of a product then adds B (A x) to them. A region of its own for A x would cost more
// than its arithmetic.
import CKernels
import Glibc
import Synchronization

/// One low-rank update at work on one input.
final class LowRankStep: Sendable {
  private static let rowsTogether = 16
  private static let columnsTogether = 32

  private let update: LowRankUpdate
  private let input: FloatMatrix
  /// A x, [count, ranks in all].
  private let reduced: FloatMatrix
  private let count: Int
  private let kernels: KernelSet
  private let columnPieces: Int
  /// Items of A x, which are to be run before all others.
  let itemCount: Int
  private let unfinished: Atomic<Int>

  /// The update of products of the first `count` rows of `input`; `reduced` has room for A x.
  init(_ update: LowRankUpdate, input: FloatMatrix, count: Int, reduced: FloatMatrix, kernels: KernelSet) {
    precondition(update.stack.width == input.width, "the update's input")
    precondition(reduced.rows >= count && reduced.width >= update.stack.rows, "room for A x")
    self.update = update
    self.input = input
    self.count = count
    self.reduced = reduced
    self.kernels = kernels
    columnPieces = (count + Self.columnsTogether - 1) / Self.columnsTogether
    itemCount = columnPieces * ((update.stack.rows + Self.rowsTogether - 1) / Self.rowsTogether)
    unfinished = Atomic(itemCount)
  }

  /// Computes a piece of A x.
  func reduce(item: Int) {
    let stack = update.stack
    let row = item / columnPieces * Self.rowsTogether
    let column = item % columnPieces * Self.columnsTogether
    kernels.table.pointee.multiply_floats(
      Int32(stack.format.rawValue), stack.row(row), stack.rowBytes,
      min(Self.rowsTogether, stack.rows - row), stack.width, input.row(column), input.width,
      min(Self.columnsTogether, count - column), reduced.row(column) + row, reduced.width)
    unfinished.wrappingSubtract(1, ordering: .releasing)
  }

  /// Adds its share to values `first` to `first + width` of every row of product `index`'s output, once A x is
  /// there. Its items were all taken before this one, so somebody is at work on them.
  func add(toProduct index: Int, first: Int, width: Int, of output: FloatMatrix) {
    guard let share = update.shares[index] else { return }
    precondition(first % 16 == 0 && first + width <= output.width, "whole tiles")
    var waited = 0
    while unfinished.load(ordering: .acquiring) > 0 {
      waited += 1
      if waited < 2_000 { hypnos_pause() } else { sched_yield() }
    }
    kernels.table.pointee.add_low_rank(
      Int32(share.tiles.format.rawValue), share.tiles.row(first / 16), share.ranks.count, width,
      reduced.base + share.ranks.lowerBound, reduced.width,
      count, output.base + first, output.width)
  }
}
