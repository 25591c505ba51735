// Rows of some format in memory, as the kernels take them.

/// Rows of `rowBytes` bytes, one behind the other, in memory that others may share.
final class ByteRows: @unchecked Sendable {
  /// The number of their format in the kernels.
  let format: Int32
  /// How many.
  let rows: Int
  /// Bytes of a row.
  let rowBytes: Int
  private let memory: FloatMatrix
  private let base: UnsafeMutableRawPointer

  /// Rows of what lies in `memory` from byte `offset` on.
  init(format: UInt32, rows: Int, rowBytes: Int, in memory: FloatMatrix, at offset: Int) {
    precondition(offset >= 0 && rows > 0 && offset + rows * rowBytes <= memory.byteCount, "room for the rows")
    self.format = Int32(format)
    self.rows = rows
    self.rowBytes = rowBytes
    self.memory = memory
    base = UnsafeMutableRawPointer(memory.base) + offset
  }

  /// Sets the bytes of row `index`.
  func set(row index: Int, to bytes: [UInt8]) {
    precondition(index >= 0 && index < rows && bytes.count == rowBytes, "a row of the matrix")
    bytes.withUnsafeBytes { (base + index * rowBytes).copyMemory(from: $0.baseAddress!, byteCount: rowBytes) }
  }

  /// The bytes of row `index` and those after it.
  func row(_ index: Int) -> UnsafePointer<UInt8> {
    precondition(index >= 0 && index < rows, "a row of the matrix")
    return UnsafePointer((base + index * rowBytes).assumingMemoryBound(to: UInt8.self))
  }
}
