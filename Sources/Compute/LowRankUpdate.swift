// Low-rank terms made ready for the products that share an input: all A stacked into one matrix, so that the input
// is multiplied once however many weights and adapters there are, and every B in the order in which it is read.
//
// Generating a token reads them all at the speed of memory, as it reads the weights. At rank 16 they are a fifth of a small
// 4-bit model in float32, a tenth in f16, a twentieth in 8 bits.

/// In what numbers low-rank terms are kept.
public enum LowRankPrecision: Sendable {
  /// In float32.
  case exact
  /// In f16, to within 2^-11 of each value.
  case halves
  /// A in Q8_0 and multiplied as quantized weights are, with an input of 8 bits; B to within a 254th of the largest value
  /// of its column. Beside quantized weights only.
  case bytes
}

/// What is added to a group of products that share their input: for each, the sum of its terms.
public final class LowRankUpdate: Sendable {
  /// Input values.
  let width: Int
  /// The A of all terms, one below the other: [ranks, inputWidth].
  let stack: ByteRows
  /// What each row's product with the input is multiplied with: [1, ranks].
  let scales: FloatMatrix
  /// Whether the stack is multiplied with the quantized input.
  let isQuantized: Bool
  /// For each product of the group, its B; nil for one without a term. It lies in this update's memory.
  let shares: [LowRankStep.Share?]
  /// All of A and B, in the order in which they are read.
  private let memory: FloatMatrix
  /// The memory of the update that is computed after this one, if that is known.
  let nextMemory: FloatMatrix?

  /// The update of products whose terms are `terms`, in the order of the products; nil when there is none at all.
  /// All terms have the products' one input width, those of a product its output width too. `next` is the update that is
  /// computed afterwards, which threads fetch that have nothing to do.
  public init?(_ terms: [[LowRankTerm]], precision: LowRankPrecision, next: LowRankUpdate? = nil) {
    guard let width = terms.joined().first?.matrix.inputWidth else { return nil }
    let encoding = LowRankEncoding(precision)
    let layout = LowRankLayout(terms, encoding: encoding, width: width)
    let memory = FloatMatrix(rows: 1, width: layout.byteCount / MemoryLayout<Float>.stride)
    let stack = ByteRows(
      format: encoding.a.rawValue, rows: layout.ranks, rowBytes: encoding.rowBytes(width: width), in: memory, at: 0)
    let scales = FloatMatrix(rows: 1, width: layout.ranks)
    var first = 0
    shares = terms.enumerated().map { index, terms in
      guard let outputs = terms.first?.matrix.outputWidth else { return nil }
      let start = first
      var columns: [[Float]] = []
      for term in terms {
        precondition(term.matrix.inputWidth == width && term.matrix.outputWidth == outputs, "the group's shapes")
        for component in encoding.components(of: term) {
          stack.set(row: first, to: encoding.bytes(row: component.a))
          scales[0, first] = component.scale
          columns.append(component.b)
          first += 1
        }
      }
      // B is transposed, in tiles of sixteen output values: [tile, rank * 16].
      let tiles = ByteRows(
        format: encoding.tileFormat, rows: (outputs + 15) / 16, rowBytes: encoding.tileBytes(rank: columns.count),
        in: memory, at: layout.tileStarts[index])
      for tile in 0..<tiles.rows { tiles.set(row: tile, to: encoding.bytes(tile: tile, of: columns)) }
      return LowRankStep.Share(tiles, ranks: start..<first, width: outputs)
    }
    self.memory = memory
    nextMemory = next?.memory
    self.width = width
    self.stack = stack
    self.scales = scales
    isQuantized = precision == .bytes
  }
}

/// Where the parts of an update lie in its memory: A, then the B of each product, each from a cache line on.
private struct LowRankLayout {
  /// Rows of A.
  let ranks: Int
  /// Where each product's B begins.
  let tileStarts: [Int]
  let byteCount: Int

  init(_ terms: [[LowRankTerm]], encoding: LowRankEncoding, width: Int) {
    let productRanks = terms.map { $0.reduce(0) { $0 + $1.matrix.rank } }
    ranks = productRanks.reduce(0, +)
    var end = LowRankLayout.wholeLines(ranks * encoding.rowBytes(width: width))
    tileStarts = zip(terms, productRanks).map { terms, rank in
      defer {
        let tiles = ((terms.first?.matrix.outputWidth ?? 0) + 15) / 16
        end += LowRankLayout.wholeLines(tiles * encoding.tileBytes(rank: rank))
      }
      return end
    }
    byteCount = end
  }

  private static func wholeLines(_ bytes: Int) -> Int { (bytes + 63) / 64 * 64 }
}
