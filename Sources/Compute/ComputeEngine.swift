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
  /// The threads' panels of unpacked rows, `panelBytes` apart.
  private var panels = allocateAligned(bytes: 1)
  private var panelBytes = 0
  /// Copies of weights that are multiplied with a few columns again and again.
  private var packed: PackedWeights?
  private var hasTriedPacking = false
  let columns = QuantizedColumns()
  /// The input of a fine product.
  let fineRows = FineRows()
  private var shared = FloatMatrix(rows: 1, width: 16)
  private var partials = FloatMatrix(rows: 1, width: 16)
  private var reduced = FloatMatrix(rows: 1, width: 16)
  private let lowRankProgress = LowRankProgress()

  /// An engine on `threads` threads.
  public init(kernels: KernelSet, threads: Int) {
    self.kernels = kernels
    pool = WorkerPool(threads: threads)
  }

  deinit { free(panels) }

  /// From now on takes products of `weights` with few columns, `packedColumns`, from copies in memory, unless these would
  /// take more than `limit` bytes or the kernels have no use for them. Results are the same to the bit. What is decided
  /// the first time stays.
  public func pack(_ weights: @autoclosure () -> [WeightMatrix], within limit: Int) {
    guard !hasTriedPacking else { return }
    hasTriedPacking = true
    packed = PackedWeights(weights(), within: limit, engine: self)
  }

  /// For how many columns copies are used.
  public static var packedColumns: ClosedRange<Int> { PackedWeights.columns }

  /// The copies that products with `count` columns are taken from, if there are any.
  func copies(count: Int) -> PackedWeights? { PackedWeights.columns.contains(count) ? packed : nil }

  /// Multiplies the first `count` rows of `input` with every weight of the group, and adds what adapters make of
  /// the same input: `update` has the terms of each product in the group's order. `prepare` makes a row of the input
  /// first, while it is being read for the first time anyway.
  public func multiply(
    _ products: [Product], input: FloatMatrix, count: Int, adding update: LowRankUpdate? = nil,
    preparing prepare: (_ row: Int) -> Void = { _ in }
  ) {
    checkShapes(products, input: input, count: count)
    let isQuantized = products.contains(where: \.weight.isQuantized)
    quantize(input, count: count, isNeeded: isQuantized, preparing: prepare)
    reservePanels(bytes: hypnos_scratch_bytes(input.width))
    let pieces = ProductPiece.split(products, threads: pool.threads, columns: count)
    let copies = copies(count: count)
    if let update { precondition(update.shares.count == products.count, "the update's products") }
    precondition(isQuantized || update?.isQuantized != true, "an update beside quantized weights")
    let calls = products.indices.map {
      ProductCall(
        products[$0], packed: copies?.start(of: products[$0].weight), input: input, columns: columns.base, count: count,
        share: update?.shares[$0], kernels: kernels)
    }
    let lowRank = update.map { lowRankStep($0, input: input, count: count) }
    let before = lowRank?.itemCount ?? 0
    let memory = update?.nextMemory
    pool.fetch(memory?.base, byteCount: memory?.byteCount ?? 0)
    pieces.withUnsafeBufferPointer { pieces in
      calls.withUnsafeBufferPointer { calls in
        pool.runAhead(before + pieces.count) { item, next, thread in
          if item < before {
            lowRank?.reduce(item: item, panel: panel(thread: thread))
            return
          }
          let piece = pieces[item - before]
          let weights = next.map { calls[pieces[$0 - before].product].start(pieces[$0 - before].first) }
          calls[piece.product].compute(piece, panel: panel(thread: thread), next: weights)
          if let share = calls[piece.product].share { lowRank?.add(share, to: piece, of: calls[piece.product].output) }
        }
      }
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
    return LowRankStep(
      update, input: input, columns: columns.base, count: count, reduced: reduced, progress: lowRankProgress,
      kernels: kernels)
  }

  private func quantize(_ input: FloatMatrix, count: Int, isNeeded: Bool, preparing prepare: (Int) -> Void) {
    if isNeeded { columns.reserve(count: count, width: input.width) }
    let forPanels: Int32 = count > ProductPiece.mostStreamed ? 1 : 0
    eachRow(count) { row in
      prepare(row)
      guard isNeeded else { return }
      kernels.table.pointee.quantize(input.row(row), input.width, forPanels, columns.column(row, width: input.width))
    }
  }

  func reservePanels(bytes: Int) {
    guard bytes > panelBytes else { return }
    free(panels)
    panels = allocateAligned(bytes: bytes * pool.threads)
    panelBytes = bytes
  }

  /// Where `thread` unpacks rows.
  func panel(thread: Int) -> UnsafeMutableRawPointer {
    precondition(thread >= 0 && thread < pool.threads, "a thread of the pool")
    return panels + thread * panelBytes
  }

  /// Working memory of at least `rows` rows of `width` floats, one row a thread.
  func scratch(rows: Int, width: Int) -> FloatMatrix { ComputeEngine.grown(&shared, rows: rows, width: width) }

  /// Working memory of at least `rows` rows of `width` floats, one row a partial result.
  func partials(rows: Int, width: Int) -> FloatMatrix { ComputeEngine.grown(&partials, rows: rows, width: width) }

  private static func grown(_ matrix: inout FloatMatrix, rows: Int, width: Int) -> FloatMatrix {
    if matrix.rows < rows || matrix.width < width { matrix = FloatMatrix(rows: rows, width: width) }
    return matrix
  }

  /// Calls `body` for every row; a few stay on this thread, where waking another would cost more than it saves. Up to
  /// sixteen rows go to each thread at once, and to the same each time, which reads what it wrote of a row before.
  public func eachRow(_ count: Int, _ body: (_ row: Int) -> Void) {
    guard count >= 4 else {
      for row in 0..<count { body(row) }
      return
    }
    let rounds = (count + 16 * pool.threads - 1) / (16 * pool.threads)
    let share = (count + rounds * pool.threads - 1) / (rounds * pool.threads)
    pool.runInParts((count + share - 1) / share) { item in
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
