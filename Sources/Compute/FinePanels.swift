// The other operand of fine products where it is no weight: float32 rows, laid out as panels.
import CKernels
import Glibc

/// Panels of one matrix, rounded in blocks of 64 along the summed index.
final class FinePanels: @unchecked Sendable {
  private let base: UnsafeMutableRawPointer
  private let lanes: Int
  private let depth: Int
  private let table: UnsafePointer<hypnos_kernels>

  /// Room for `lanes` sums over `depth` values each.
  init(lanes: Int, depth: Int, _ kernels: KernelSet) {
    self.lanes = lanes
    self.depth = depth
    table = kernels.table
    base = allocateAligned(bytes: Self.byteCount(lanes: lanes, depth: depth))
  }

  deinit { free(base) }

  /// The bytes of such panels.
  static func byteCount(lanes: Int, depth: Int) -> Int {
    (lanes + HYPNOS_FINE_LANES - 1) / HYPNOS_FINE_LANES * hypnos_fine_panel_bytes(depth)
  }

  /// Lays out `count` rows of `depth` values, `rowWidth` apart: a lane is a row. Lanes behind them are of no use.
  func layRows(_ rows: UnsafePointer<Float>, rowWidth: Int, count: Int) {
    precondition(count <= lanes, "lanes of the panels")
    lay(rows, rowWidth: rowWidth, count: count, width: depth, isTurned: false)
  }

  /// Lays out the first `width` columns of `count` rows: a lane is a column, and rows that are missing are zero.
  func layColumns(_ rows: UnsafePointer<Float>, rowWidth: Int, count: Int, width: Int) {
    precondition(width <= lanes && FineRows.blocks(width: count) == FineRows.blocks(width: depth), "lanes and depth")
    lay(rows, rowWidth: rowWidth, count: count, width: width, isTurned: true)
  }

  private func lay(_ rows: UnsafePointer<Float>, rowWidth: Int, count: Int, width: Int, isTurned: Bool) {
    let rowBytes = rowWidth * MemoryLayout<Float>.stride
    rows.withMemoryRebound(to: UInt8.self, capacity: count * rowBytes) {
      table.pointee.lay_finely(Int32(HYPNOS_F32), $0, rowBytes, count, 0, width, isTurned ? 1 : 0, base)
    }
  }

  /// Sets `output` [count, width], `outputWidth` apart, to `width` lanes, from `lane` on, for each of `count` rounded
  /// `rows`, from their block `block` on; or adds them.
  func multiply(
    _ rows: FineRows, block: Int = 0, count: Int, lane: Int = 0, width: Int, into output: UnsafeMutablePointer<Float>,
    outputWidth: Int, isAdding: Bool = false
  ) {
    precondition(lane % HYPNOS_FINE_LANES == 0 && lane + width <= lanes, "lanes of the panels")
    precondition(block * HYPNOS_FINE_BLOCK + depth <= rows.codeRow, "blocks of the rows")
    table.pointee.multiply_finely(
      count, width, depth, rows.codes + block * HYPNOS_FINE_BLOCK, rows.codeRow, rows.scales + block, rows.scaleRow,
      base + Self.byteCount(lanes: lane, depth: depth), output, outputWidth, isAdding ? 1 : 0)
  }

  /// Adds to `output` [count, width] the products of the first `count` lanes of `left` with the first `width` here.
  func multiplyAdding(
    lanesOf left: FinePanels, count: Int, width: Int, into output: UnsafeMutablePointer<Float>, outputWidth: Int
  ) {
    precondition(count <= left.lanes && width <= lanes && left.depth == depth, "lanes and depth")
    table.pointee.multiply_laid_finely(count, width, depth, left.base, base, output, outputWidth)
  }
}
