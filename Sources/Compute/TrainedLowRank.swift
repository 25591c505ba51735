// The low-rank term of one weight while it is being trained: A and B in float32, both ways round, since the forward
// pass reads them one way and the backward pass the other.

/// `scale * B A`, whose A and B change from step to step.
public final class TrainedLowRank: Sendable {
  /// Rows of A and columns of B.
  public var rank: Int { a.rows }
  /// What the product is multiplied with.
  public let scale: Float
  let a: FloatMatrix  // [rank, inputWidth]
  let aTransposed: FloatMatrix  // [inputWidth, rank]
  let b: FloatMatrix  // [outputWidth, rank]
  let bTransposed: FloatMatrix  // [rank, outputWidth]

  /// A term of zeros.
  public init(rank: Int, inputWidth: Int, outputWidth: Int, scale: Float) {
    self.scale = scale
    a = FloatMatrix(rows: rank, width: inputWidth)
    aTransposed = FloatMatrix(rows: inputWidth, width: rank)
    b = FloatMatrix(rows: outputWidth, width: rank)
    bTransposed = FloatMatrix(rows: rank, width: outputWidth)
  }

  /// Bytes that a term of this shape takes.
  public static func byteCount(rank: Int, inputWidth: Int, outputWidth: Int) -> Int {
    2 * rank * (inputWidth + outputWidth) * MemoryLayout<Float>.stride
  }

  /// Sets the values: `a` [rank, inputWidth] and `b` [outputWidth, rank], row after row.
  public func set(a values: [Float], b others: [Float]) {
    a.all = values
    b.all = others
    a.transpose(into: aTransposed)
    b.transpose(into: bTransposed)
  }
}

extension FloatMatrix {
  /// Writes the matrix with rows and columns exchanged into `other`: the first `count` rows, or all.
  func transpose(count: Int? = nil, into other: FloatMatrix) {
    let count = count ?? rows
    for first in stride(from: 0, to: count, by: 16) { transpose(first..<min(first + 16, count), into: other) }
  }

  /// Writes the rows `range` into the columns `range` of `other`. Some at a time, they stay in the first-level cache.
  func transpose(_ range: Range<Int>, into other: FloatMatrix) {
    precondition(range.upperBound <= rows && other.rows >= width && range.upperBound <= other.width, "shapes")
    for column in 0..<width {
      let target = other.base + column * other.width
      for row in range { target[row] = base[row * width + column] }
    }
  }

  /// Makes the first `count` rows zero.
  public func clear(count: Int) {
    precondition(count >= 0 && count <= rows, "rows of the matrix")
    base.update(repeating: 0, count: count * width)
  }
}
