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
    let pieces = Piece.split(products.map(\.weight.rows), threads: pool.threads, columns: count)
    pool.run(pieces.count) { item, thread in
      let piece = pieces[item]
      let product = products[piece.product]
      multiply(product, first: piece.first, rows: piece.count, input: input, count: count, thread: thread)
      guard product.weight.isQuantized else { return }
      addResidues(product, first: piece.first, rows: piece.count, count: count, sums: sums.row(thread), thread: thread)
    }
  }

  /// Adds the products of some rows with what rounding took off the input; `sums` is working memory.
  private func addResidues(
    _ product: Product, first: Int, rows: Int, count: Int, sums: UnsafeMutablePointer<Float>, thread: Int
  ) {
    for row in stride(from: first, to: first + rows, by: Self.rowsAtOnce) {
      let height = min(Self.rowsAtOnce, first + rows - row)
      multiply(
        product.weight, first: row, rows: height, columns: residues.base, count: count, into: sums, stride: height,
        thread: thread)
      for column in 0..<count {
        kernels.table.pointee.add(product.output.row(column) + row, sums + column * height, height)
      }
    }
  }
}
