// Low-rank terms made ready for the products that share an input: all A stacked into one matrix, so that the input
// is multiplied once however many weights and adapters there are, and every B in the order in which it is read.
//
// Generating a token reads them all, so beside weights of few bits they are kept in f16: at rank 16 in float32
// they would be a fifth of a small 4-bit model.
import CKernels

/// What is added to a group of products that share their input: for each, the sum of its terms.
public final class LowRankUpdate: Sendable {
  /// One product's share.
  struct Share {
    /// Which of the stacked rows of A are its own.
    let ranks: Range<Int>
    /// Its B, scaled and transposed, in tiles of sixteen output values: [tile, rank * 16].
    let tiles: PlainMatrix
  }

  /// The A of all terms, one below the other: [ranks, inputWidth].
  let stack: PlainMatrix
  /// For each product of the group, its share; nil for one without a term.
  let shares: [Share?]

  /// The update of products whose terms are `terms`, in the order of the products; nil when there is none at all.
  /// All terms have the products' one input width, those of a product its output width too.
  ///
  /// - Parameter isExact: whether the terms are kept in float32; else in f16, to within 2^-11 of each value.
  public init?(_ terms: [[LowRankTerm]], isExact: Bool, kernels: KernelSet) {
    guard let width = terms.joined().first?.matrix.inputWidth else { return nil }
    let format: BlockFormat = isExact ? .f32 : .f16
    let ranks = terms.joined().reduce(0) { $0 + $1.matrix.rank }
    let stack = PlainMatrix(format, rows: ranks, width: width)
    var first = 0
    shares = terms.map { terms in
      guard let outputs = terms.first?.matrix.outputWidth else { return nil }
      let start = first
      let rank = terms.reduce(0) { $0 + $1.matrix.rank }
      let tiles = FloatMatrix(rows: (outputs + 15) / 16, width: rank * 16)
      for term in terms {
        precondition(term.matrix.inputWidth == width && term.matrix.outputWidth == outputs, "the group's shapes")
        for component in LowRankComponent.all(of: term) {
          stack.set(row: first, to: component.a, kernels)
          for (output, value) in component.b.enumerated() {
            tiles.row(output / 16)[(first - start) * 16 + output % 16] = value
          }
          first += 1
        }
      }
      return Share(ranks: start..<first, tiles: PlainMatrix(format, copying: tiles, kernels))
    }
    self.stack = stack
  }
}

/// A row of A and the column of B that it is multiplied with.
private struct LowRankComponent {
  let a: [Float]
  let b: [Float]

  /// The components of `term`, its scale in b. A power of two, which changes no bit of their product, is moved from
  /// one to the other until both are of about the same size: a young adapter's B would be lost below f16's range.
  static func all(of term: LowRankTerm) -> [LowRankComponent] {
    let matrix = term.matrix
    return (0..<matrix.rank).map { index in
      let a = Array(matrix.a[index * matrix.inputWidth..<(index + 1) * matrix.inputWidth])
      let b = stride(from: index, to: matrix.b.count, by: matrix.rank).map { matrix.b[$0] * term.scale }
      let (largestA, largestB) = (largest(a), largest(b))
      guard largestA.isNormal, largestB.isNormal else { return LowRankComponent(a: a, b: b) }
      let shift = (Int(largestA.exponent) - Int(largestB.exponent)) / 2
      let factor = Float(sign: .plus, exponent: shift, significand: 1)
      return LowRankComponent(a: a.map { $0 / factor }, b: b.map { $0 * factor })
    }
  }

  private static func largest(_ values: [Float]) -> Float { values.reduce(0) { max($0, abs($1)) } }
}

/// A matrix of f32 or f16 in memory, row after row.
final class PlainMatrix: @unchecked Sendable {
  let format: BlockFormat
  let rows: Int
  let width: Int
  private let values: FloatMatrix

  /// A matrix of zeros; `format` is f32 or f16.
  init(_ format: BlockFormat, rows: Int, width: Int) {
    self.format = format
    self.rows = rows
    self.width = width
    let bytes = rows * width * format.blockBytes
    values = FloatMatrix(rows: 1, width: (bytes + 3) / 4)
  }

  /// `matrix` in `format`.
  convenience init(_ format: BlockFormat, copying matrix: FloatMatrix, _ kernels: KernelSet) {
    self.init(format, rows: matrix.rows, width: matrix.width)
    for index in 0..<rows { set(row: index, to: matrix[row: index], kernels) }
  }

  /// Bytes of a row.
  var rowBytes: Int { width * format.blockBytes }

  /// Sets the values of row `index`.
  func set(row index: Int, to row: [Float], _ kernels: KernelSet) {
    precondition(index >= 0 && index < rows && row.count == width, "a row of the matrix")
    let target = UnsafeMutableRawPointer(values.base) + index * rowBytes
    if format == .f16 {
      kernels.table.pointee.store_value(Int32(HYPNOS_CACHE_F16), row, width, 0, target)
    } else {
      row.withUnsafeBytes { target.copyMemory(from: $0.baseAddress!, byteCount: rowBytes) }
    }
  }

  /// The bytes of row `index` and those after it.
  func row(_ index: Int) -> UnsafePointer<UInt8> {
    precondition(index >= 0 && index < rows, "a row of the matrix")
    return UnsafePointer(
      (UnsafeMutableRawPointer(values.base) + index * rowBytes).assumingMemoryBound(to: UInt8.self))
  }
}
