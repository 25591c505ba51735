// A weight with low-rank terms added to it, row by row: what merging an adapter into a checkpoint writes.
import CKernels

/// A weight and what is added to it.
public struct MergedWeight: Sendable {
  /// The weight as it lies in its file.
  public let weight: WeightMatrix
  private let terms: [LowRankTerm]
  /// The A of all terms in tiles of sixteen input values: [tile, rank * 16].
  private let tiles: FloatMatrix
  private let rank: Int
  private let kernels: KernelSet

  /// `weight` and `terms` of its shape, at least one.
  public init(_ weight: WeightMatrix, adding terms: [LowRankTerm], kernels: KernelSet) {
    let matrices = terms.map(\.matrix)
    precondition(!matrices.isEmpty, "a term")
    precondition(
      matrices.allSatisfy { $0.inputWidth == weight.width && $0.outputWidth == weight.rows }, "the weight's shape")
    self.weight = weight
    self.terms = terms
    self.kernels = kernels
    rank = matrices.reduce(0) { $0 + $1.rank }
    let tiles = FloatMatrix(rows: (weight.width + 15) / 16, width: rank * 16)
    var first = 0
    for matrix in matrices {
      for input in 0..<weight.width {
        let tile = tiles.row(input / 16) + input % 16
        for index in 0..<matrix.rank { tile[(first + index) * 16] = matrix.a[index * weight.width + input] }
      }
      first += matrix.rank
    }
    self.tiles = tiles
  }

  /// Row `index` of the weight, and of what is added to it; [width] each.
  public func row(_ index: Int) -> (base: [Float], change: [Float]) {
    let base = FloatMatrix(rows: 1, width: weight.width)
    let change = FloatMatrix(rows: 1, width: weight.width)
    kernels.table.pointee.decode(Int32(weight.format.rawValue), weight.row(index), weight.width, base.base)
    let factors = terms.flatMap { term in
      term.matrix.b[index * term.matrix.rank..<(index + 1) * term.matrix.rank].map { $0 * term.scale }
    }
    kernels.table.pointee.add_low_rank(
      Int32(HYPNOS_F32), UnsafeRawPointer(tiles.base).assumingMemoryBound(to: UInt8.self), rank, weight.width, factors,
      rank, 1, change.base, weight.width)
    return (base[row: 0], change[row: 0])
  }

  /// The values that `bytes`, one row in `format`, stand for.
  public func decode(_ bytes: [UInt8], format: BlockFormat) -> [Float] {
    precondition(bytes.count == format.rowBytes(width: weight.width), "a row of the weight's width")
    let row = FloatMatrix(rows: 1, width: weight.width)
    kernels.table.pointee.decode(Int32(format.rawValue), bytes, weight.width, row.base)
    return row[row: 0]
  }
}

extension WeightMatrix {
  /// All values in float32, [rows * width], row after row.
  public func decoded(_ kernels: KernelSet) -> [Float] {
    let values = FloatMatrix(rows: rows, width: width)
    for index in 0..<rows {
      kernels.table.pointee.decode(Int32(format.rawValue), row(index), width, values.row(index))
    }
    return values.all
  }
}
