// Working memory of the forward pass: float32 rows, 64-byte aligned, with their shape beside them.
import Glibc

/// A matrix of float32, one row a token: shape [rows, width], row after row. Threads may share it because whoever hands
/// out work gives each row, or each part of one, to one thread at a time.
public final class FloatMatrix: @unchecked Sendable {
  /// Rows there is room for.
  public let rows: Int
  /// Values in a row.
  public let width: Int
  let base: UnsafeMutablePointer<Float>
  /// Bytes of all values.
  var byteCount: Int { rows * width * MemoryLayout<Float>.stride }

  /// A matrix of zeros.
  public init(rows: Int, width: Int) {
    precondition(rows > 0 && width > 0, "a matrix has rows and columns")
    self.rows = rows
    self.width = width
    base = allocateAligned(bytes: rows * width * MemoryLayout<Float>.stride).assumingMemoryBound(to: Float.self)
  }

  deinit { free(base) }

  /// The values of row `index`; setting them copies as many as the row holds.
  public subscript(row index: Int) -> [Float] {
    get { Array(UnsafeBufferPointer(start: row(index), count: width)) }
    set {
      precondition(newValue.count == width, "the row's width")
      newValue.withUnsafeBufferPointer { row(index).update(from: $0.baseAddress!, count: width) }
    }
  }

  /// Copies row `source` to row `target` of another matrix, or of this one.
  public func copyRow(_ source: Int, to target: Int, of other: FloatMatrix) {
    precondition(width == other.width, "the row's width")
    guard row(source) != other.row(target) else { return }
    other.row(target).update(from: row(source), count: width)
  }

  /// The value in row `row` and column `column`.
  public subscript(row: Int, column: Int) -> Float {
    get {
      precondition(column >= 0 && column < width, "a column of the matrix")
      return self.row(row)[column]
    }
    set {
      precondition(column >= 0 && column < width, "a column of the matrix")
      self.row(row)[column] = newValue
    }
  }

  /// The column of the largest value of row `index`, the first of equals; the row holds no NaN.
  public func largestColumn(row index: Int) -> Int {
    // A vocabulary is long and the largest value is wanted for every token: sixteen lanes find the value, and a
    // second pass its first place.
    var lanes = SIMD16<Float>(repeating: -.infinity)
    let rest = eachSixteen(row: index) { lanes.replace(with: $0, where: $0 .> lanes) }
    let largest = rest.reduce(lanes.max()) { max($0, row(index)[$1]) }
    return UnsafeBufferPointer(start: row(index), count: width).firstIndex(of: largest) ?? 0
  }

  /// All values, row after row.
  var all: [Float] {
    get { Array(UnsafeBufferPointer(start: base, count: rows * width)) }
    set {
      precondition(newValue.count == rows * width, "the matrix's size")
      newValue.withUnsafeBufferPointer { base.update(from: $0.baseAddress!, count: newValue.count) }
    }
  }

  /// Whether every value of row `index` is finite.
  public func isFinite(row index: Int) -> Bool {
    // Less itself a finite value is zero, any other NaN, which no sum loses.
    var sums = SIMD16<Float>.zero
    let rest = eachSixteen(row: index) { sums += $0 - $0 }
    return sums == .zero && rest.allSatisfy { row(index)[$0].isFinite }
  }

  /// Calls `body` for every sixteen neighbours of row `index`, and returns the columns that are left.
  private func eachSixteen(row index: Int, _ body: (SIMD16<Float>) -> Void) -> Range<Int> {
    let values = UnsafeRawBufferPointer(start: row(index), count: width * MemoryLayout<Float>.stride)
    let whole = width / 16 * 16
    for column in stride(from: 0, to: whole, by: 16) {
      body(values.loadUnaligned(fromByteOffset: column * MemoryLayout<Float>.stride, as: SIMD16<Float>.self))
    }
    return whole..<width
  }

  func row(_ index: Int) -> UnsafeMutablePointer<Float> {
    precondition(index >= 0 && index < rows, "a row of the matrix")
    return base + index * width
  }
}

/// Zeroed memory aligned to 64 bytes, rounded up to whole cache lines; freed with `free`.
func allocateAligned(bytes: Int) -> UnsafeMutableRawPointer {
  var pointer: UnsafeMutableRawPointer?
  let size = (max(bytes, 1) + 63) / 64 * 64
  guard posix_memalign(&pointer, 64, size) == 0, let pointer else {
    fatalError("hypnos: out of memory: \(size) bytes")
  }
  memset(pointer, 0, size)
  return pointer
}
