// The matrix products of training that stay in float32: the low-rank terms forward and backward, and backward products
// with weights that are floats themselves. All are sums in the order of the summed index, so that neither threads nor
// tiles change a bit.
import CKernels

/// One low-rank term at work: what it is applied to, and where A x goes, which the backward pass needs again.
public struct LowRankProduct {
  let term: TrainedLowRank
  let input: FloatMatrix
  let reduced: FloatMatrix
  let output: FloatMatrix

  /// `term` applied to `input` [columns, inputWidth], added to `output` [columns, outputWidth]; `reduced`
  /// [columns, rank] is scale * A x. Backward, `output` are the gradients of the outputs, those of the inputs are
  /// added to `input`, and `reduced` are the gradients of A x.
  public init(_ term: TrainedLowRank, input: FloatMatrix, reduced: FloatMatrix, output: FloatMatrix) {
    precondition(input.width == term.a.width && output.width == term.b.rows, "the term's shape")
    precondition(reduced.width == term.rank, "the term's rank")
    self.term = term
    self.input = input
    self.reduced = reduced
    self.output = output
  }
}

extension ComputeEngine {
  private static let rowsTogether = 48

  /// Adds each low-rank product to its output: `reduced = scale * input A^T`, `output += reduced B^T`.
  public func addLowRank(_ products: [LowRankProduct], count: Int) {
    eachPiece(of: count) { rows in
      for product in products {
        let (term, reduced) = (product.term, product.reduced)
        setProduct(product.input, term.aTransposed, rows: rows, times: term.scale, into: reduced)
        multiply(reduced, term.bTransposed, rows: rows, into: product.output, isAdding: true)
      }
    }
  }

  /// The backward twin of `addLowRank` by the inputs: `reduced = scale * output B`, `input += reduced A`, the latter
  /// only if `toInputs`. Terms may share their input.
  public func addLowRankBackward(_ products: [LowRankProduct], count: Int, toInputs: Bool) {
    eachPiece(of: count) { rows in
      for product in products {
        let (term, reduced) = (product.term, product.reduced)
        setProduct(product.output, term.b, rows: rows, times: term.scale, into: reduced)
        if toInputs { multiply(reduced, term.a, rows: rows, into: product.input, isAdding: true) }
      }
    }
  }

  /// Adds `left^T right`, summed over the first `count` rows of [rows, m] and [rows, n], to `sums` [m * n]: what the
  /// gradients of A and of B are.
  public func addTransposedProduct(_ left: FloatMatrix, _ right: FloatMatrix, count: Int, to sums: inout [Float]) {
    let (m, n) = (left.width, right.width)
    precondition(sums.count == m * n && count <= left.rows && count <= right.rows, "shapes of the product")
    // One of the two is a rank, the other a width, which is shared out and runs along the registers.
    let isTurned = m > n
    let (narrow, wide) = isTurned ? (right, left) : (left, right)
    let breadth = 128
    let scratch = scratch(rows: pool.threads, width: narrow.width * breadth)
    sums.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      pool.run((wide.width + breadth - 1) / breadth) { item, thread in
        let columns = item * breadth..<min((item + 1) * breadth, wide.width)
        let part = scratch.row(thread)
        kernels.table.pointee.multiply_add(
          narrow.width, columns.count, count, narrow.base, 1, narrow.width, wide.base + columns.lowerBound, wide.width,
          part, columns.count, 0)
        for row in 0..<narrow.width {
          for (place, column) in columns.enumerated() {
            base[isTurned ? column * n + row : row * n + column] += part[row * columns.count + place]
          }
        }
      }
    }
  }

  /// Sets the first `count` rows of `output` [columns, width] to `gradients * weight`, or adds it. The weights are
  /// decoded a panel at a time, which stays in the second-level cache while the columns pass.
  func multiplyPlainBackward(_ product: BackwardProduct, count: Int, into output: FloatMatrix, isAdding: Bool) {
    let pieces = LanePiece.split(lanes: [output.width], rows: count, threads: pool.threads)
    let scratch = scratch(rows: pool.threads, width: BackwardPanel.depth * LanePiece.lanesAtOnce)
    pool.run(pieces.count) { item, thread in
      BackwardPanel(piece: pieces[item], memory: scratch.row(thread))
        .multiply(product, into: output, isAdding: isAdding, kernels: kernels)
    }
  }

  /// Calls `body` for pieces of `count` rows on all threads.
  private func eachPiece(of count: Int, _ body: (Range<Int>) -> Void) {
    let size = Self.rowsTogether
    pool.run((count + size - 1) / size) { item, _ in body(item * size..<min((item + 1) * size, count)) }
  }

  /// `output = factor * left right` for some rows.
  private func setProduct(
    _ left: FloatMatrix, _ right: FloatMatrix, rows: Range<Int>, times factor: Float, into output: FloatMatrix
  ) {
    multiply(left, right, rows: rows, into: output, isAdding: false)
    kernels.table.pointee.scale(output.row(rows.lowerBound), factor, rows.count * output.width)
  }

  /// `output = left right` for some rows, or `+=`.
  private func multiply(
    _ left: FloatMatrix, _ right: FloatMatrix, rows: Range<Int>, into output: FloatMatrix, isAdding: Bool
  ) {
    precondition(left.width == right.rows && right.width == output.width, "shapes of the product")
    precondition(rows.upperBound <= left.rows && rows.upperBound <= output.rows, "rows of the product")
    kernels.table.pointee.multiply_add(
      rows.count, output.width, left.width, left.row(rows.lowerBound), left.width, 1, right.base, right.width,
      output.row(rows.lowerBound), output.width, isAdding ? 1 : 0)
  }
}

/// One thread's share of a backward product: some columns of the weights, for some rows of the gradients.
private struct BackwardPanel: @unchecked Sendable {
  /// Rows of weights decoded at a time.
  static let depth = 256

  let piece: LanePiece
  let memory: UnsafeMutablePointer<Float>

  func multiply(_ product: BackwardProduct, into output: FloatMatrix, isAdding: Bool, kernels: KernelSet) {
    let (columns, rows) = (piece.lanes, piece.rows)
    let (weight, gradients) = (product.weight, product.gradients)
    for first in stride(from: 0, to: weight.rows, by: Self.depth) {
      let count = min(Self.depth, weight.rows - first)
      kernels.table.pointee.decode_rows(
        Int32(weight.format.rawValue), weight.row(first), weight.rowBytes, count, columns.lowerBound, columns.count,
        memory, columns.count)
      kernels.table.pointee.multiply_add(
        rows.count, columns.count, count, gradients.row(rows.lowerBound) + first, gradients.width, 1, memory,
        columns.count, output.row(rows.lowerBound) + columns.lowerBound, output.width, isAdding || first > 0 ? 1 : 0)
    }
  }
}
