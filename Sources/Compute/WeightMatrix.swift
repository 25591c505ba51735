// A weight as it lies in the file, and the quantized columns it is multiplied with.
import CKernels
import Glibc

/// A matrix of weights in a mapped file: [rows, width] in a number format, row after row.
public final class WeightMatrix: Sendable {
  /// The tensor's name, for messages.
  public let name: String
  /// The number format of its blocks.
  public let format: BlockFormat
  /// Output values.
  public let rows: Int
  /// Input values.
  public let width: Int
  /// Its bytes in the file.
  public let region: MappedRegion
  let rowBytes: Int

  /// The matrix in `region`, or nil when its size is not that of `rows` rows of `width` values.
  public init?(name: String, format: BlockFormat, rows: Int, width: Int, region: MappedRegion) {
    guard rows > 0, let rowBytes = format.rowBytes(width: width) else { return nil }
    let (bytes, overflow) = rowBytes.multipliedReportingOverflow(by: rows)
    guard !overflow, bytes == region.count else { return nil }
    self.name = name
    self.format = format
    self.rows = rows
    self.width = width
    self.region = region
    self.rowBytes = rowBytes
  }

  /// Whether products with it take 8-bit columns rather than float32 ones.
  public var isQuantized: Bool { format != .f32 && format != .f16 && format != .bf16 }

  func row(_ index: Int) -> UnsafePointer<UInt8> {
    precondition(index >= 0 && index < rows, "a row of the weights")
    return (region.pointer + index * rowBytes).assumingMemoryBound(to: UInt8.self)
  }

  /// The rows `range` as a matrix of their own.
  public func rows(_ range: Range<Int>) -> WeightMatrix {
    guard !range.isEmpty, range.lowerBound >= 0, range.upperBound <= rows,
      let part = region.file.region(
        at: region.offset + range.lowerBound * rowBytes, length: range.count * rowBytes),
      let matrix = WeightMatrix(name: name, format: format, rows: range.count, width: width, region: part)
    else { preconditionFailure("rows of the weights") }
    return matrix
  }

  /// Where in the file the first scale lies that is not finite, as a byte offset, or nil when all are.
  public func firstBrokenScale(_ kernels: KernelSet) -> Int? {
    // A row may be of any width that fits the file.
    let piece = min(width, 1 << 16)
    let values = FloatMatrix(rows: 1, width: piece)
    for index in 0..<rows {
      for first in stride(from: 0, to: width, by: piece) {
        let count = min(piece, width - first)
        kernels.table.pointee.decode_rows(
          Int32(format.rawValue), row(index), rowBytes, 1, first, count, values.base, piece)
        guard !values.isFinite(row: 0) else { continue }
        let position = values[row: 0].firstIndex { !$0.isFinite } ?? 0
        return region.offset + index * rowBytes + (first + position) / format.blockWidth * format.blockBytes
      }
    }
    return nil
  }
}

/// Columns quantized to 8 bits, the input of products with quantized weights.
final class QuantizedColumns: @unchecked Sendable {
  private(set) var base: UnsafeMutableRawPointer
  private var capacity: Int

  /// Without room for any; see `reserve`.
  init() {
    capacity = hypnos_column_bytes(1)
    base = allocateAligned(bytes: capacity)
  }

  deinit { free(base) }

  /// Makes room for `count` columns of `width` values; what they held is lost when there was too little.
  func reserve(count: Int, width: Int) {
    let needed = count * hypnos_column_bytes(width)
    guard needed > capacity else { return }
    free(base)
    capacity = needed
    base = allocateAligned(bytes: needed)
  }

  func column(_ index: Int, width: Int) -> UnsafeMutableRawPointer {
    let bytes = hypnos_column_bytes(width)
    precondition(index >= 0 && (index + 1) * bytes <= capacity, "a column there is room for")
    return base + index * bytes
  }
}
