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
  private var columns = QuantizedColumns(columns: 1, width: 128)
  private var columnCapacity = (count: 1, width: 128)
  private var shared = FloatMatrix(rows: 1, width: 16)
  private var reduced = FloatMatrix(rows: 1, width: 16)

  /// An engine on `threads` threads.
  public init(kernels: KernelSet, threads: Int) {
    self.kernels = kernels
    pool = WorkerPool(threads: threads)
  }

  deinit { for panel in panels { free(panel) } }

  /// Multiplies the first `count` rows of `input` with every weight of the group, and adds what adapters make of
  /// the same input: `update` has the terms of each product in the group's order.
  public func multiply(
    _ products: [Product], input: FloatMatrix, count: Int, adding update: LowRankUpdate? = nil
  ) {
    precondition(count > 0 && count <= input.rows, "columns of the input")
    for product in products {
      precondition(product.weight.width == input.width && count <= product.output.rows, "shapes of the product")
    }
    if products.contains(where: \.weight.isQuantized) { quantize(input, count: count) }
    reservePanels(width: input.width)
    let rows = products.reduce(0) { $0 + $1.weight.rows }
    let share = max(32, (rows / (pool.threads * 6) + 31) / 32 * 32)
    var pieces: [(product: Int, first: Int, count: Int)] = []
    for (index, product) in products.enumerated() {
      for first in stride(from: 0, to: product.weight.rows, by: share) {
        pieces.append((index, first, min(share, product.weight.rows - first)))
      }
    }
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

  private func lowRankStep(_ update: LowRankUpdate, input: FloatMatrix, count: Int) -> LowRankStep {
    let ranks = update.stack.rows
    if reduced.rows < count || reduced.width < ranks {
      reduced = FloatMatrix(rows: max(count, reduced.rows), width: max(ranks, reduced.width))
    }
    return LowRankStep(update, input: input, count: count, reduced: reduced, kernels: kernels)
  }

  private func multiply(
    _ product: Product, first: Int, rows: Int, input: FloatMatrix, count: Int, thread: Int
  ) {
    let weight = product.weight
    let format = Int32(weight.format.rawValue)
    let output = product.output.base + first
    if weight.isQuantized {
      kernels.table.pointee.multiply(
        format, weight.row(first), weight.rowBytes, rows, weight.width, columns.base, count, output,
        product.output.width, panels[thread])
    } else {
      kernels.table.pointee.multiply_floats(
        format, weight.row(first), weight.rowBytes, rows, weight.width, input.base, input.width, count, output,
        product.output.width)
    }
  }

  private func quantize(_ input: FloatMatrix, count: Int) {
    if count > columnCapacity.count || input.width > columnCapacity.width {
      columnCapacity = (max(count, columnCapacity.count), max(input.width, columnCapacity.width))
      columns = QuantizedColumns(columns: columnCapacity.count, width: columnCapacity.width)
    }
    let target = columns
    eachRow(count) { row in
      kernels.table.pointee.quantize(input.row(row), input.width, target.column(row, width: input.width))
    }
  }

  private func reservePanels(width: Int) {
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

  /// Runs over rows: one alone stays on this thread, where waking another would cost more than it saves.
  func eachRow(_ count: Int, _ body: (Int) -> Void) {
    if count < 4 {
      for row in 0..<count { body(row) }
    } else {
      pool.run(count) { row, _ in body(row) }
    }
  }

  /// Decodes row `index` of `weight` into row `target` of `output`.
  public func decode(_ weight: WeightMatrix, row index: Int, into output: FloatMatrix, row target: Int) {
    precondition(output.width == weight.width, "the output's width")
    kernels.table.pointee.decode(
      Int32(weight.format.rawValue), weight.row(index), weight.width, output.row(target))
  }

  /// Root-mean-square norm of each row: `output = input / rms(input) * weights`.
  public func normalize(
    _ input: FloatMatrix, weights: FloatMatrix, epsilon: Float, count: Int, into output: FloatMatrix
  ) {
    precondition(input.width == output.width && weights.width == input.width, "widths")
    eachRow(count) { row in
      kernels.table.pointee.rms_norm(input.row(row), weights.base, epsilon, input.width, output.row(row))
    }
  }

  /// Root-mean-square norm of each head of each row, in place: heads of `weights.width` values.
  public func normalizeHeads(_ matrix: FloatMatrix, weights: FloatMatrix, epsilon: Float, count: Int) {
    precondition(matrix.width % weights.width == 0, "whole heads")
    let size = weights.width
    eachRow(count) { row in
      for head in 0..<matrix.width / size {
        let values = matrix.row(row) + head * size
        kernels.table.pointee.rms_norm(values, weights.base, epsilon, size, values)
      }
    }
  }

  /// `matrix += addend`, row by row.
  public func add(_ addend: FloatMatrix, to matrix: FloatMatrix, count: Int) {
    precondition(addend.width == matrix.width, "widths")
    eachRow(count) { row in kernels.table.pointee.add(matrix.row(row), addend.row(row), matrix.width) }
  }

  /// Adds the one row of `bias` to every row.
  public func addBias(_ bias: FloatMatrix, to matrix: FloatMatrix, count: Int) {
    precondition(bias.width == matrix.width, "widths")
    eachRow(count) { row in kernels.table.pointee.add(matrix.row(row), bias.base, matrix.width) }
  }

  /// `matrix *= factor`.
  public func scale(_ matrix: FloatMatrix, by factor: Float, count: Int) {
    eachRow(count) { row in kernels.table.pointee.scale(matrix.row(row), factor, matrix.width) }
  }

  /// `gate = activation(gate) * up`.
  public func gate(_ gate: FloatMatrix, with up: FloatMatrix, activation: GatedActivation, count: Int) {
    precondition(gate.width == up.width, "widths")
    let function =
      activation == .silu ? kernels.table.pointee.silu_multiply! : kernels.table.pointee.gelu_multiply!
    eachRow(count) { row in function(gate.row(row), up.row(row), gate.width) }
  }
}
