// What an adapter adds to a weight: two thin matrices, and several of them stacked for the products that share
// an input, so that each input is multiplied once however many weights and adapters there are.

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

/// What is added to a group of products that share their input: for each, the sum of its terms.
public final class LowRankUpdate: Sendable {
  /// One product's share.
  struct Share {
    /// Which of the stacked rows of A are its own.
    let ranks: Range<Int>
    /// Its B, scaled and transposed, in tiles of sixteen output values: [tile, rank * 16].
    let tiles: FloatMatrix
  }

  /// The A of all terms, one below the other: [ranks, inputWidth].
  let stack: FloatMatrix
  /// For each product of the group, its share; nil for one without a term.
  let shares: [Share?]

  /// The update of products whose terms are `terms`, in the order of the products; nil when there is none at all.
  /// All terms have the products' one input width.
  public init?(_ terms: [[LowRankTerm]]) {
    let matrices = terms.joined().map(\.matrix)
    guard let width = matrices.first?.inputWidth else { return nil }
    precondition(matrices.allSatisfy { $0.inputWidth == width }, "one input")
    stack = FloatMatrix(rows: matrices.reduce(0) { $0 + $1.rank }, width: width)
    var row = 0
    for matrix in matrices {
      for index in 0..<matrix.rank {
        stack[row: row] = Array(matrix.a[index * width..<(index + 1) * width])
        row += 1
      }
    }
    var first = 0
    shares = terms.map { terms in
      guard !terms.isEmpty else { return nil }
      let rank = terms.reduce(0) { $0 + $1.matrix.rank }
      defer { first += rank }
      return Share(ranks: first..<first + rank, tiles: LowRankUpdate.tiles(of: terms, rank: rank))
    }
  }

  private static func tiles(of terms: [LowRankTerm], rank: Int) -> FloatMatrix {
    let width = terms[0].matrix.outputWidth
    let tiles = FloatMatrix(rows: (width + 15) / 16, width: rank * 16)
    var first = 0
    for term in terms {
      let (matrix, scale) = (term.matrix, term.scale)
      precondition(matrix.outputWidth == width, "the product's width")
      for output in 0..<width {
        let tile = tiles.row(output / 16) + output % 16
        for index in 0..<matrix.rank { tile[(first + index) * 16] = scale * matrix.b[output * matrix.rank + index] }
      }
      first += matrix.rank
    }
    return tiles
  }
}
