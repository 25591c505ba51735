// Products for training, where the rounding of activations to 8 bits adds up over the layers and spoils the gradients:
// the input is two columns of 8 bits, the second holding what rounding took off the first, which is about 16 bits at
// twice the work of one and still in integers.
import CKernels

extension ComputeEngine {
  /// Rows of a piece whose second products are added to the first while both are in the cache.
  private static let rowsAtOnce = 32

  /// The same as `multiply` with the input to about 16 bits.
  public func multiplyFinely(
    _ products: [Product], input: FloatMatrix, count: Int, preparing prepare: (_ row: Int) -> Void = { _ in }
  ) {
    guard products.contains(where: \.weight.isQuantized) else {
      return multiply(products, input: input, count: count, preparing: prepare)
    }
    checkShapes(products, input: input, count: count)
    columns.reserve(count: count, width: input.width)
    residues.reserve(count: count, width: input.width)
    eachRow(count) { row in
      prepare(row)
      kernels.table.pointee.quantize_finely(
        input.row(row), input.width, columns.column(row, width: input.width), residues.column(row, width: input.width))
    }
    reservePanels(width: input.width)
    let sums = scratch(rows: pool.threads, width: count * Self.rowsAtOnce)
    let pieces = ProductPiece.split(products, threads: pool.threads, columns: count)
    let calls = products.map { product in
      [columns, residues].map {
        ProductCall(product, input: input, columns: $0.base, count: count, kernels: kernels)
      }
    }
    pool.run(pieces.count) { item, thread in
      let (piece, panel) = (pieces[item], panel(thread: thread))
      let call = calls[piece.product]
      call[0].compute(piece, panel: panel, next: nil)
      guard call[1].isQuantized else { return }
      call[1].add(piece, height: Self.rowsAtOnce, sums: sums.row(thread), panel: panel)
    }
  }
}
