// The arithmetic of a forward pass: each function takes whole matrices, checks their shapes and shares the
// work out over the pool. Results do not depend on the number of threads.
import CKernels
import Glibc

/// One product of a group that shares its input: `output = input * weight^T`.
public struct Product {
  let weight: WeightMatrix
  let output: FloatMatrix

  /// The product with `weight` [rows, width] into `output` [columns, rows].
  public init(_ weight: WeightMatrix, into output: FloatMatrix) {
    precondition(output.width == weight.rows, "the output's width")
    self.weight = weight
    self.output = output
  }
}

/// Which of a gated feed-forward network's activations is used.
public enum GatedActivation: Sendable {
  /// x * sigmoid(x).
  case silu
  /// The tanh approximation of the Gaussian error linear unit.
  case gelu
}

/// Kernels and threads together.
public final class ComputeEngine {
  /// The inner loops in use.
  public let kernels: KernelSet
  /// The threads in use.
  public let pool: WorkerPool
  private var panels: [UnsafeMutableRawPointer] = []
  private var panelBytes = 0
  let columns = QuantizedColumns()
  /// What rounding took off `columns`, where a product is to be fine.
  let residues = QuantizedColumns()
  private var shared = FloatMatrix(rows: 1, width: 16)
  private var reduced = FloatMatrix(rows: 1, width: 16)

  /// An engine on `threads` threads.
  public init(kernels: KernelSet, threads: Int) {
    self.kernels = kernels
    pool = WorkerPool(threads: threads)
  }

  deinit { for panel in panels { free(panel) } }

  /// Multiplies the first `count` rows of `input` with every weight of the group, and adds what adapters make of
  /// the same input: `update` has the terms of each product in the group's order. `prepare` makes a row of the input
  /// first, while it is being read for the first time anyway.
  public func multiply(
    _ products: [Product], input: FloatMatrix, count: Int, adding update: LowRankUpdate? = nil,
    preparing prepare: (_ row: Int) -> Void = { _ in }
  ) {
    checkShapes(products, input: input, count: count)
    quantize(input, count: count, isNeeded: products.contains(where: \.weight.isQuantized), preparing: prepare)
    reservePanels(width: input.width)
    let pieces = Piece.split(products.map(\.weight.rows), threads: pool.threads, columns: count)
    let lowRank = update.map { lowRankStep($0, input: input, count: count) }
    let before = lowRank?.itemCount ?? 0
    pool.run(before + pieces.count) { item, thread in
      if item < before {
        lowRank?.reduce(item: item)
        return
      }
      let piece = pieces[item - before]
      let product = products[piece.product]
      multiply(product, first: piece.first, rows: piece.count, input: input, count: count, thread: thread)
      lowRank?.add(toProduct: piece.product, first: piece.first, width: piece.count, of: product.output)
    }
  }

  func checkShapes(_ products: [Product], input: FloatMatrix, count: Int) {
    precondition(count > 0 && count <= input.rows, "columns of the input")
    for product in products {
      precondition(product.weight.width == input.width && count <= product.output.rows, "shapes of the product")
    }
  }

  private func lowRankStep(_ update: LowRankUpdate, input: FloatMatrix, count: Int) -> LowRankStep {
    let ranks = update.stack.rows
    if reduced.rows < count || reduced.width < ranks {
      reduced = FloatMatrix(rows: max(count, reduced.rows), width: max(ranks, reduced.width))
    }
    return LowRankStep(update, input: input, count: count, reduced: reduced, kernels: kernels)
  }

  func multiply(
    _ product: Product, first: Int, rows: Int, input: FloatMatrix, count: Int, thread: Int
  ) {
    let weight = product.weight
    let output = product.output.base + first
    if weight.isQuantized {
      multiply(
        weight, first: first, rows: rows, columns: columns.base, count: count, into: output,
        stride: product.output.width, thread: thread)
    } else {
      let format = Int32(weight.format.rawValue)
      kernels.table.pointee.multiply_floats(
        format, weight.row(first), weight.rowBytes, rows, weight.width, input.base, input.width, count, output,
        product.output.width)
    }
  }

  /// Some rows of a quantized weight times quantized columns, to `output`, whose rows are `stride` floats apart.
  func multiply(
    _ weight: WeightMatrix, first: Int, rows: Int, columns: UnsafeRawPointer, count: Int,
    into output: UnsafeMutablePointer<Float>, stride: Int, thread: Int
  ) {
    kernels.table.pointee.multiply(
      Int32(weight.format.rawValue), weight.row(first), weight.rowBytes, rows, weight.width, columns, count, output,
      stride, panels[thread])
  }

  private func quantize(_ input: FloatMatrix, count: Int, isNeeded: Bool, preparing prepare: (Int) -> Void) {
    if isNeeded { columns.reserve(count: count, width: input.width) }
    eachRow(count) { row in
      prepare(row)
      guard isNeeded else { return }
      kernels.table.pointee.quantize(input.row(row), input.width, columns.column(row, width: input.width))
    }
  }

  func reservePanels(width: Int) {
    let bytes = hypnos_scratch_bytes(width)
    guard bytes > panelBytes else { return }
    for panel in panels { free(panel) }
    panels = (0..<pool.threads).map { _ in allocateAligned(bytes: bytes) }
    panelBytes = bytes
  }

  /// Working memory of at least `rows` rows of `width` floats, one row a thread.
  func scratch(rows: Int, width: Int) -> FloatMatrix {
    if shared.rows < rows || shared.width < width { shared = FloatMatrix(rows: rows, width: width) }
    return shared
  }

  /// Calls `body` for every row, some rows at a time on each thread; a few stay on this one, where waking another
  /// would cost more than it saves.
  public func eachRow(_ count: Int, _ body: (_ row: Int) -> Void) {
    guard count >= 4 else {
      for row in 0..<count { body(row) }
      return
    }
    let share = min(max(count / (4 * pool.threads), 1), 16)
    pool.run((count + share - 1) / share) { item, _ in
      for row in item * share..<min((item + 1) * share, count) { body(row) }
    }
  }

  /// Decodes row `index` of `weight` into row `target` of `output`.
  public func decode(_ weight: WeightMatrix, row index: Int, into output: FloatMatrix, row target: Int) {
    precondition(output.width == weight.width, "the output's width")
    kernels.table.pointee.decode(
      Int32(weight.format.rawValue), weight.row(index), weight.width, output.row(target))
  }

  /// Root-mean-square norm of a row: `output = input / rms(input) * weights`.
  public func normalize(_ input: FloatMatrix, weights: FloatMatrix, epsilon: Float, into output: FloatMatrix, row: Int)
  {
    precondition(input.width == output.width && weights.width == input.width, "widths")
    kernels.table.pointee.rms_norm(input.row(row), weights.base, epsilon, input.width, output.row(row))
  }

  /// Root-mean-square norm of each head of a row, in place: heads of `weights.width` values.
  public func normalizeHeads(_ matrix: FloatMatrix, weights: FloatMatrix, epsilon: Float, row: Int) {
    precondition(matrix.width % weights.width == 0, "whole heads")
    let size = weights.width
    for head in 0..<matrix.width / size {
      let values = matrix.row(row) + head * size
      kernels.table.pointee.rms_norm(values, weights.base, epsilon, size, values)
    }
  }

  /// Adds a row of `addend` to the same row of `matrix`.
  public func add(_ addend: FloatMatrix, to matrix: FloatMatrix, row: Int) {
    precondition(addend.width == matrix.width, "widths")
    kernels.table.pointee.add(matrix.row(row), addend.row(row), matrix.width)
  }

  /// Adds the one row of `bias` to a row.
  public func addBias(_ bias: FloatMatrix, to matrix: FloatMatrix, row: Int) {
    precondition(bias.width == matrix.width, "widths")
    kernels.table.pointee.add(matrix.row(row), bias.base, matrix.width)
  }

  /// Multiplies a row by `factor`.
  public func scale(_ matrix: FloatMatrix, by factor: Float, row: Int) {
    kernels.table.pointee.scale(matrix.row(row), factor, matrix.width)
  }

  /// `gate = activation(gate) * up` for a row.
  public func gate(_ gate: FloatMatrix, with up: FloatMatrix, activation: GatedActivation, row: Int) {
    precondition(gate.width == up.width, "widths")
    let function =
      activation == .silu ? kernels.table.pointee.silu_multiply! : kernels.table.pointee.gelu_multiply!
    function(gate.row(row), up.row(row), gate.width)
  }
}

/// Rows of one product of a group, the share of work a thread takes at once.
struct Piece {
  let product: Int
  let first: Int
  let count: Int

  /// Splits products of so many rows: large pieces first and ever smaller ones, so that the threads end together.
  static func split(_ rows: [Int], threads: Int, columns: Int) -> [Piece] {
    // Many columns go through panels of 32 rows, few through tiles of four.
    let unit = columns > 4 ? 32 : 16
    var left = rows.reduce(0, +)
    var pieces: [Piece] = []
    for (product, count) in rows.enumerated() {
      var first = 0
      while first < count {
        let share = (left / (3 * threads) + unit - 1) / unit * unit
        let size = min(max(share, unit), count - first)
        pieces.append(Piece(product: product, first: first, count: size))
        first += size
        left -= size
      }
    }
    return pieces
  }
}
