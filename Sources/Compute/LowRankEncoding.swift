// How the numbers of low-rank terms are kept in memory.
import CKernels

/// A row of A and the column of B that it is multiplied with, as they are to be kept, and what their product is multiplied
/// with.
struct LowRankComponent {
  let a: [Float]
  let b: [Float]
  let scale: Float
}

/// The formats of A's rows and of B's tiles, and how values come to fit them.
struct LowRankEncoding {
  /// The format of A's rows.
  let a: BlockFormat
  /// The format of B's values; nil for signed bytes.
  private let b: BlockFormat?

  init(_ precision: LowRankPrecision) {
    switch precision {
    case .exact: (a, b) = (.f32, .f32)
    case .halves: (a, b) = (.f16, .f16)
    case .bytes: (a, b) = (.q8_0, nil)
    }
  }

  /// Bytes of a row of A. In bytes its `width` is a whole number of blocks, as that of quantized weights is.
  func rowBytes(width: Int) -> Int {
    guard let bytes = a.rowBytes(width: width) else { preconditionFailure("rows of whole blocks") }
    return bytes
  }

  /// The number of the tiles' format in the kernels.
  var tileFormat: UInt32 { b?.rawValue ?? UInt32(HYPNOS_I8) }

  /// Bytes of a tile of `rank` columns.
  func tileBytes(rank: Int) -> Int { 16 * rank * (b?.blockBytes ?? 1) }

  /// The components of `term`, its scale in them.
  func components(of term: LowRankTerm) -> [LowRankComponent] {
    let matrix = term.matrix
    return (0..<matrix.rank).map { index in
      component(
        a: Array(matrix.a[index * matrix.inputWidth..<(index + 1) * matrix.inputWidth]),
        b: stride(from: index, to: matrix.b.count, by: matrix.rank).map { matrix.b[$0] * term.scale })
    }
  }

  /// A power of two, which changes no bit of their product, is moved from a to b or to their scale. In bytes b becomes
  /// codes of one scale, and a of about 1, so that the scales of its blocks fit f16. Else both become of about the same
  /// size: a young adapter's B would be lost below f16's range.
  private func component(a: [Float], b: [Float]) -> LowRankComponent {
    let (largestA, largestB) = (largest(a), largest(b))
    guard (a + b).allSatisfy(\.isFinite) else { return LowRankComponent(a: a, b: b.map { _ in 1 }, scale: .nan) }
    guard largestA.isNormal, largestB.isNormal else {
      return LowRankComponent(a: a, b: b.map { _ in 0 }, scale: 0)
    }
    let exponent = self.b == nil ? Int(largestA.exponent) : (Int(largestA.exponent) - Int(largestB.exponent)) / 2
    let factor = Float(sign: .plus, exponent: exponent, significand: 1)
    let smaller = a.map { $0 / factor }
    guard self.b == nil else { return LowRankComponent(a: smaller, b: b.map { $0 * factor }, scale: 1) }
    let step = largestB / 127
    return LowRankComponent(a: smaller, b: b.map { ($0 / step).rounded() }, scale: step * factor)
  }

  private func largest(_ values: [Float]) -> Float { values.reduce(0) { max($0, abs($1)) } }

  /// The bytes of a row of A.
  func bytes(row: [Float]) -> [UInt8] {
    guard let bytes = a.encode(row) else { preconditionFailure("rows of whole blocks") }
    return bytes
  }

  /// The bytes of tile `tile` of B's `columns`: sixteen values of each, zeros behind the last.
  func bytes(tile: Int, of columns: [[Float]]) -> [UInt8] {
    let values = columns.flatMap { column in
      let part = column[16 * tile..<min(16 * tile + 16, column.count)]
      return part + repeatElement(0, count: 16 - part.count)
    }
    if let bytes = b?.encode(values) { return bytes }
    return values.map { UInt8(bitPattern: Int8(max(-127, min(127, $0)))) }
  }
}
