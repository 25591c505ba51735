// Rows in the rounding of fine products: 16-bit codes, and a scale for each block of 64.
import CKernels
import Glibc

/// Rows rounded for fine products, in memory that is used again and again.
final class FineRows: @unchecked Sendable {
  private(set) var codes: UnsafeMutablePointer<Int16>
  private(set) var scales: UnsafeMutablePointer<Float>
  /// Codes and scales from one row to the next.
  private(set) var codeRow = 0
  private(set) var scaleRow = 0
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

  /// The bytes that `count` rows of `width` values take.
  static func byteCount(count: Int, width: Int) -> Int {
    let row = rowCounts(width: width)
    return count * (row.codes * MemoryLayout<Int16>.stride + row.scales * MemoryLayout<Float>.stride)
  }

  /// Makes room for `count` rows of `width` values; what they held is lost.
  func reserve(count: Int, width: Int) {
    (codeRow, scaleRow) = Self.rowCounts(width: width)
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

  /// Rounds row `index` of `matrix` into the row of the same number.
  func round(_ matrix: FloatMatrix, row index: Int, kernels: KernelSet) {
    precondition(index >= 0 && index < rows && Self.rowCounts(width: matrix.width).codes == codeRow, "a row")
    kernels.table.pointee.round_finely(
      matrix.row(index), matrix.width, codes + index * codeRow, scales + index * scaleRow)
  }

  /// Whole blocks, and a cache line more: rows a power of two apart would push each other out of the cache.
  private static func rowCounts(width: Int) -> (codes: Int, scales: Int) {
    let blocks = (width + HYPNOS_FINE_BLOCK - 1) / HYPNOS_FINE_BLOCK
    return (blocks * HYPNOS_FINE_BLOCK + 32, blocks)
  }
}
