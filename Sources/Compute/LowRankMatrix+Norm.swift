// The norm of a low-rank product.
import CKernels

extension LowRankMatrix {
  /// Rows of what is summed up that are made at a time.
  private static let blockRows = 64

  /// The sum of the squares of all values of B A.
  public func squaredNorm(_ kernels: KernelSet) -> Double {
    let (a, aScale) = Self.scaled(a), (b, bScale) = Self.scaled(b)
    let matrix = LowRankMatrix(rank: rank, inputWidth: inputWidth, outputWidth: outputWidth, a: a, b: b)
    // It is the sum of the elementwise product of B^T B and A A^T, which are only [rank, rank].
    let isThin = rank * (inputWidth + outputWidth) <= 2 * inputWidth * outputWidth
    let sum = isThin ? matrix.sumOfGramProducts(kernels) : matrix.sumOfSquares(kernels)
    return max(0, sum) * (aScale * bScale) * (aScale * bScale)
  }

  /// `values` divided by the power of two next to the largest of them, which keeps sums of their products within float32,
  /// and that power.
  private static func scaled(_ values: [Float]) -> (values: [Float], by: Double) {
    let peak = values.reduce(0) { max($0, $1.magnitude) }
    guard peak > 0, peak.isFinite else { return (values, 1) }
    let power = Float(sign: .plus, exponent: peak.exponent, significand: 1)
    return (values.map { $0 / power }, Double(power))
  }

  private func sumOfGramProducts(_ kernels: KernelSet) -> Double {
    var transposed = [Float](repeating: 0, count: a.count)
    for row in 0..<rank {
      for column in 0..<inputWidth { transposed[column * rank + row] = a[row * inputWidth + column] }
    }
    let left = FloatMatrix(rows: Self.blockRows, width: rank), right = FloatMatrix(rows: Self.blockRows, width: rank)
    return sum(ofRows: rank) { first, count in
      for (values, depth, gram) in [(b, outputWidth, left), (transposed, inputWidth, right)] {
        values.withUnsafeBufferPointer { values in
          guard let start = values.baseAddress else { return }
          kernels.table.pointee.multiply_add(
            count, rank, depth, start + first, 1, rank, start, rank, gram.base, gram.width, 0)
        }
      }
      return (0..<count).reduce(0) { sum, row in
        zip(left[row: row], right[row: row]).reduce(sum) { $0 + Double($1.0) * Double($1.1) }
      }
    }
  }

  private func sumOfSquares(_ kernels: KernelSet) -> Double {
    let product = FloatMatrix(rows: Self.blockRows, width: inputWidth)
    return sum(ofRows: outputWidth) { first, count in
      b.withUnsafeBufferPointer { b in
        guard let start = b.baseAddress else { return }
        kernels.table.pointee.multiply_add(
          count, inputWidth, rank, start + first * rank, rank, 1, a, inputWidth, product.base, product.width, 0)
      }
      return (0..<count).reduce(0) { sum, row in product[row: row].reduce(sum) { $0 + Double($1) * Double($1) } }
    }
  }

  private func sum(ofRows rows: Int, _ body: (_ first: Int, _ count: Int) -> Double) -> Double {
    stride(from: 0, to: rows, by: Self.blockRows).reduce(0) { $0 + body($1, min(Self.blockRows, rows - $1)) }
  }
}
