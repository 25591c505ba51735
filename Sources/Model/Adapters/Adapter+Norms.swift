// How large an adapter's change is, without ever making the product of its two matrices.
extension Adapter {
  /// The Frobenius norm of what `part` adds to its weight: |scale * B A|.
  ///
  /// |B A|^2 is the sum of the elementwise product of B^T B and A A^T, which are only [rank, rank].
  public func norm(of part: Part) -> Double {
    let matrix = part.matrix
    var sum = 0.0
    for i in 0..<matrix.rank {
      for j in 0...i {
        let both =
          Adapter.innerOfRows(matrix.a, i, j, width: matrix.inputWidth)
          * Adapter.innerOfColumns(matrix.b, i, j, width: matrix.rank)
        sum += i == j ? both : 2 * both
      }
    }
    return Double(abs(scale(of: part))) * max(0, sum).squareRoot()
  }

  private static func innerOfRows(_ values: [Float], _ i: Int, _ j: Int, width: Int) -> Double {
    (0..<width).reduce(0.0) { $0 + Double(values[i * width + $1]) * Double(values[j * width + $1]) }
  }

  private static func innerOfColumns(_ values: [Float], _ i: Int, _ j: Int, width: Int) -> Double {
    stride(from: 0, to: values.count, by: width).reduce(0.0) {
      $0 + Double(values[$1 + i]) * Double(values[$1 + j])
    }
  }
}
