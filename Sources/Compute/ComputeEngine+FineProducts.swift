// Products for training, forward and backward. The rounding of activations to 8 bits adds up over the layers and spoils
// the gradients, so both operands are rounded to 16 bits here: inputs or gradients once a product, weights whenever a
// panel of them is laid out, which stays in the second-level cache while the rows pass. Every sum is taken in the
// order of the summed index, so that neither threads nor panels change a bit.
import CKernels

/// The backward side of a `Product`: its weight, and the gradients of its outputs.
public struct BackwardProduct {
  let weight: WeightMatrix
  let gradients: FloatMatrix

  /// The product with `weight` [rows, width] whose outputs have `gradients` [columns, rows].
  public init(_ weight: WeightMatrix, gradients: FloatMatrix) {
    precondition(gradients.width == weight.rows, "the gradients' width")
    self.weight = weight
    self.gradients = gradients
  }
}

extension ComputeEngine {
  /// The bytes that `rows` rows take as the input of fine products, or of backward ones the gradients of `widths`
  /// outputs at once.
  public static func fineBytes(rows: Int, widths: [Int]) -> Int { FineRows.byteCount(count: rows, widths: widths) }

  /// The same as `multiply` with the input to about 16 bits.
  public func multiplyFinely(
    _ products: [Product], input: FloatMatrix, count: Int, preparing prepare: (_ row: Int) -> Void = { _ in }
  ) {
    let (fine, plain) = (products.filter(\.weight.isQuantized), products.filter { !$0.weight.isQuantized })
    guard !fine.isEmpty else { return multiply(plain, input: input, count: count, preparing: prepare) }
    checkShapes(fine, input: input, count: count)
    fineRows.reserve(count: count, widths: [input.width])
    eachRow(count) { row in
      prepare(row)
      fineRows.round(input, row: row, part: 0, kernels: kernels)
    }
    let calls = fine.map { [FineCall($0.weight, fineRows, part: 0, output: $0.output, isBackward: false, kernels)] }
    run(calls, count: count, isAdding: false)
    if !plain.isEmpty { multiply(plain, input: input, count: count) }
  }

  /// The backward twin of `multiply`: sets the first `count` rows of `output` [columns, width] to the sum over the
  /// products of `gradients * weight`, or adds it with `isAdding`.
  public func multiplyBackward(
    _ products: [BackwardProduct], count: Int, into output: FloatMatrix, isAdding: Bool = false
  ) {
    precondition(count > 0 && count <= output.rows, "columns of the output")
    for product in products {
      precondition(
        product.weight.width == output.width && count <= product.gradients.rows, "shapes of the product")
    }
    let (fine, plain) = (products.filter(\.weight.isQuantized), products.filter { !$0.weight.isQuantized })
    if !fine.isEmpty {
      fineRows.reserve(count: count, widths: fine.map(\.gradients.width))
      eachRow(count) { row in
        for (part, product) in fine.enumerated() {
          fineRows.round(product.gradients, row: row, part: part, kernels: kernels)
        }
      }
      let sum = fine.enumerated().map { part, product in
        FineCall(product.weight, fineRows, part: part, output: output, isBackward: true, kernels)
      }
      run([sum], count: count, isAdding: isAdding)
    }
    for (index, product) in plain.enumerated() {
      multiplyPlainBackward(product, count: count, into: output, isAdding: isAdding || !fine.isEmpty || index > 0)
    }
  }

  /// Computes the sum of each group of `calls`, which have their output in common, some lanes and rows at a time on
  /// each thread.
  private func run(_ calls: [[FineCall]], count: Int, isAdding: Bool) {
    let pieces = LanePiece.split(lanes: calls.map { $0[0].laneCount }, rows: count, threads: pool.threads)
    reservePanels(bytes: FineCall.panelBytes)
    pool.run(pieces.count) { item, thread in
      let sum = calls[pieces[item].product]
      for index in sum.indices {
        sum[index].compute(pieces[item], panels: panel(thread: thread), isAdding: isAdding || index > 0)
      }
    }
  }
}

/// One product, or its backward twin, as the kernels are called for it: numbers and addresses only, as in `ProductCall`.
private struct FineCall: @unchecked Sendable {
  /// Values summed before the next ones are laid out; a multiple of 128 too.
  private static let depthAtOnce = 640
  /// What a piece's panels take.
  static var panelBytes: Int {
    LanePiece.lanesAtOnce / HYPNOS_FINE_LANES * hypnos_fine_panel_bytes(depthAtOnce)
  }

  let laneCount: Int
  private let depth: Int
  private let isBackward: Bool
  private let table: UnsafePointer<hypnos_kernels>
  private let format: Int32
  private let weights: UnsafePointer<UInt8>
  private let rowBytes: Int
  private let codes: UnsafePointer<Int16>
  private let scales: UnsafePointer<Float>
  private let codeRow: Int
  private let scaleRow: Int
  private let output: UnsafeMutablePointer<Float>
  private let outputWidth: Int

  /// Part `part` of rounded `rows` times `weight`, or its transpose, into `output`.
  init(
    _ weight: WeightMatrix, _ rows: FineRows, part: Int, output: FloatMatrix, isBackward: Bool, _ kernels: KernelSet
  ) {
    laneCount = isBackward ? weight.width : weight.rows
    depth = isBackward ? weight.rows : weight.width
    let (width, block) = rows.parts[part]
    precondition(width == depth, "the width of the rounded part")
    self.isBackward = isBackward
    table = kernels.table
    format = Int32(weight.format.rawValue)
    weights = weight.row(0)
    rowBytes = weight.rowBytes
    codes = UnsafePointer(rows.codes) + block * HYPNOS_FINE_BLOCK
    scales = UnsafePointer(rows.scales) + block
    codeRow = rows.codeRow
    scaleRow = rows.scaleRow
    self.output = output.base
    outputWidth = output.width
  }

  func compute(_ piece: LanePiece, panels: UnsafeMutableRawPointer, isAdding: Bool) {
    let (lanes, rows) = (piece.lanes, piece.rows)
    for first in stride(from: 0, to: depth, by: Self.depthAtOnce) {
      let summed = first..<min(first + Self.depthAtOnce, depth)
      let (weightRows, values) = isBackward ? (summed, lanes) : (lanes, summed)
      table.pointee.lay_finely(
        format, weights + weightRows.lowerBound * rowBytes, rowBytes, weightRows.count, values.lowerBound,
        values.count, isBackward ? 1 : 0, panels)
      table.pointee.multiply_finely(
        rows.count, lanes.count, summed.count, codes + rows.lowerBound * codeRow + first, codeRow,
        scales + rows.lowerBound * scaleRow + first / HYPNOS_FINE_BLOCK, scaleRow, panels,
        output + rows.lowerBound * outputWidth + lanes.lowerBound, outputWidth, isAdding || first > 0 ? 1 : 0)
    }
  }
}
