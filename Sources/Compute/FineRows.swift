// Rows in the rounding of fine products: 16-bit codes, and a scale for each block of 64.
import CKernels
import Glibc

/// Rows rounded for fine products, in memory that is used again and again. A row may be made of several parts, each of
/// a matrix of its own.
final class FineRows: @unchecked Sendable {
  private(set) var codes: UnsafeMutablePointer<Int16>
  private(set) var scales: UnsafeMutablePointer<Float>
  /// Codes and scales from one row to the next.
  private(set) var codeRow = 0
  private(set) var scaleRow = 0
  /// The width of each part, and the block of a row that it begins with.
  private(set) var parts: [(width: Int, block: Int)] = []
  private var rows = 0
  private var capacity = (codes: 0, scales: 0)

  /// Without room for any; see `reserve`.
  init() {
    codes = allocateAligned(bytes: 64).assumingMemoryBound(to: Int16.self)
    scales = allocateAligned(bytes: 64).assumingMemoryBound(to: Float.self)
  }

  deinit {
    free(codes)
    free(scales)
  }

  /// The bytes that `count` rows take whose parts have `widths` values.
  static func byteCount(count: Int, widths: [Int]) -> Int {
    let row = rowCounts(blocks: widths.reduce(0) { $0 + blocks(width: $1) })
    return count * (row.codes * MemoryLayout<Int16>.stride + row.scales * MemoryLayout<Float>.stride)
  }

  /// Makes room for `count` rows whose parts have `widths` values; what they held is lost.
  func reserve(count: Int, widths: [Int]) {
    var blocks = 0
    parts = widths.map { width in
      defer { blocks += Self.blocks(width: width) }
      return (width, blocks)
    }
    (codeRow, scaleRow) = Self.rowCounts(blocks: blocks)
    rows = count
    if count * codeRow > capacity.codes {
      free(codes)
      capacity.codes = count * codeRow
      codes = allocateAligned(bytes: capacity.codes * MemoryLayout<Int16>.stride).assumingMemoryBound(to: Int16.self)
    }
    if count * scaleRow > capacity.scales {
      free(scales)
      capacity.scales = count * scaleRow
      scales = allocateAligned(bytes: capacity.scales * MemoryLayout<Float>.stride).assumingMemoryBound(to: Float.self)
    }
  }

  /// Rounds row `index` of `matrix` into part `part` of the row of the same number.
  func round(_ matrix: FloatMatrix, row index: Int, part: Int, kernels: KernelSet) {
    precondition(matrix.width == parts[part].width, "the part's width")
    round(matrix.row(index), count: matrix.width, row: index, part: part, kernels: kernels)
  }

  /// Rounds `count` values, which begin part `part` of row `index`.
  func round(_ values: UnsafePointer<Float>, count: Int, row index: Int, part: Int = 0, kernels: KernelSet) {
    let (width, block) = parts[part]
    precondition(index >= 0 && index < rows && count <= width, "a row")
    kernels.table.pointee.round_finely(
      values, count, codes + index * codeRow + block * HYPNOS_FINE_BLOCK, scales + index * scaleRow + block)
  }

  /// The blocks that `width` values take.
  static func blocks(width: Int) -> Int { (width + HYPNOS_FINE_BLOCK - 1) / HYPNOS_FINE_BLOCK }

  /// Whole blocks, and a cache line more: rows a power of two apart would push each other out of the cache.
  private static func rowCounts(blocks: Int) -> (codes: Int, scales: Int) {
    (blocks * HYPNOS_FINE_BLOCK + 32, blocks)
  }
}
