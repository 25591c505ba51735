// What an adapter adds to a weight: the product of two thin matrices, kept as the two.

/// The product B A of two thin matrices, as in LoRA (arXiv 2106.09685): what an adapter adds to one weight.
public struct LowRankMatrix: Sendable, Equatable {
  /// Rows of A and columns of B.
  public let rank: Int
  /// Input values.
  public let inputWidth: Int
  /// Output values.
  public let outputWidth: Int
  /// A, [rank, inputWidth], row after row.
  public var a: [Float]
  /// B, [outputWidth, rank], row after row.
  public var b: [Float]

  /// The product of `b` [outputWidth, rank] and `a` [rank, inputWidth].
  public init(rank: Int, inputWidth: Int, outputWidth: Int, a: [Float], b: [Float]) {
    precondition(rank > 0 && inputWidth > 0 && outputWidth > 0, "a matrix has rows and columns")
    precondition(a.count == rank * inputWidth && b.count == outputWidth * rank, "the matrices' sizes")
    self.rank = rank
    self.inputWidth = inputWidth
    self.outputWidth = outputWidth
    self.a = a
    self.b = b
  }
}

/// One of the terms that are added to a weight: `scale * B A`.
public struct LowRankTerm: Sendable {
  /// B and A.
  public let matrix: LowRankMatrix
  /// What their product is multiplied with.
  public let scale: Float

  /// `scale` times `matrix`.
  public init(_ matrix: LowRankMatrix, scale: Float) {
    self.matrix = matrix
    self.scale = scale
  }
}
