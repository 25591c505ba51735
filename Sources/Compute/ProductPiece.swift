// How a group of products is cut into pieces that the threads take, and what a thread needs to compute one: numbers and
// addresses only. Counting references to shared objects from several threads costs more than a small piece's arithmetic.
import CKernels

/// Rows of one product of a group, the share of work a thread takes at once.
struct ProductPiece {
  /// Which of the group's products.
  let product: Int
  /// The first of its rows.
  let first: Int
  /// How many rows.
  let count: Int
  /// Its rows.
  var rows: Range<Int> { first..<first + count }

  /// Columns that kernels multiply with rows as they read them; more go through panels.
  static let mostStreamed = Int(HYPNOS_STREAMED_COLUMNS)
  /// Rows of a panel, or of two.
  static let panelRows = 32
  /// The fewest bytes of weights that are worth the taking of a piece.
  private static let leastBytes = 16 << 10

  /// Cuts `products` into pieces: large ones first and ever smaller ones, so that the threads end together.
  static func split(_ products: [Product], threads: Int, columns: Int) -> [ProductPiece] {
    // Few columns go through tiles of four rows.
    let panel = columns > mostStreamed ? panelRows : 16
    var left = 0
    for index in products.indices { left += products[index].weight.rows }
    var pieces: [ProductPiece] = []
    pieces.reserveCapacity(16 * threads)
    for index in products.indices {
      let (rows, rowBytes) = (products[index].weight.rows, products[index].weight.rowBytes)
      let least = columns > mostStreamed ? panel : leastBytes / rowBytes
      let unit = max(least / panel * panel, panel)
      var first = 0
      while first < rows {
        let share = (nextShare(of: left, threads: threads) + unit - 1) / unit * unit
        let size = min(max(share, unit), rows - first)
        pieces.append(ProductPiece(product: index, first: first, count: size))
        first += size
        left -= size
      }
    }
    return pieces
  }

  /// How many of `rows` rows that are in no piece yet the next one has, before it is rounded to whole units.
  fileprivate static func nextShare(of rows: Int, threads: Int) -> Int { rows / (3 * threads) }
}

extension WorkerPool {
  /// What threads that wait fetch of a weight: as much as they have time for between two steps of attention.
  private static let mostOfWeight = 128 << 10

  /// Lets threads that wait for work fetch rows of `weight`, which is multiplied next: those that others than the caller
  /// begin with. They lie behind the two pieces that it takes before anyone knows of the work.
  func fetchRows(of weight: WeightMatrix) {
    var taken = 0
    for _ in 0..<2 { taken += ProductPiece.nextShare(of: weight.rows - taken, threads: threads) }
    fetch(weight.row(taken), byteCount: min((weight.rows - taken) * weight.rowBytes, WorkerPool.mostOfWeight))
  }
}

/// One product as the kernels are called for it.
struct ProductCall {
  private let table: UnsafePointer<hypnos_kernels>
  private let format: Int32
  /// Whether the product takes the quantized columns, not the input.
  let isQuantized: Bool
  private let rows: UnsafePointer<UInt8>
  /// The rows in the layout of panels, if there is a copy.
  private let packed: UnsafePointer<UInt8>?
  private let rowBytes: Int
  private let rowCount: Int
  private let width: Int
  private let input: UnsafePointer<Float>
  private let columns: UnsafeRawPointer
  private let count: Int
  /// Where the product goes, rows of `outputWidth` values.
  let output: UnsafeMutablePointer<Float>
  private let outputWidth: Int
  /// What is added to it, if anything.
  let share: LowRankStep.Share?

  /// The product of `product.weight`, or its `packed` copy, with the first `count` rows of `input`, which `columns` holds
  /// quantized. `share` is to be added to it.
  init(
    _ product: Product, packed: UnsafePointer<UInt8>?, input: FloatMatrix, columns: UnsafeRawPointer, count: Int,
    share: LowRankStep.Share?, kernels: KernelSet
  ) {
    let weight = product.weight
    table = kernels.table
    format = Int32(weight.format.rawValue)
    isQuantized = weight.isQuantized
    rows = weight.row(0)
    self.packed = packed
    rowBytes = weight.rowBytes
    rowCount = weight.rows
    width = weight.width
    self.input = UnsafePointer(input.base)
    self.columns = columns
    self.count = count
    output = product.output.base
    outputWidth = product.output.width
    if let share { precondition(share.width == product.output.width, "the share's width") }
    self.share = share
  }

  /// Where the weights of row `first` begin.
  func start(_ first: Int) -> UnsafePointer<UInt8> {
    precondition(first >= 0 && first < rowCount, "a row of the product")
    guard let packed, let bytes = table.pointee.packed_bytes else { return rows + first * rowBytes }
    precondition(first % ProductPiece.panelRows == 0, "the first row of a panel")
    return packed + bytes(format, first, width)
  }

  /// Computes the rows of `piece`, which is one of this product's. `next` is where the weights begin that this thread
  /// takes afterwards.
  func compute(_ piece: ProductPiece, panel: UnsafeMutableRawPointer, next: UnsafePointer<UInt8>?) {
    compute(piece.rows, into: output + piece.first, stride: outputWidth, panel: panel, next: next)
  }

  private func compute(
    _ range: Range<Int>, into target: UnsafeMutablePointer<Float>, stride: Int, panel: UnsafeMutableRawPointer,
    next: UnsafePointer<UInt8>?
  ) {
    precondition(range.lowerBound >= 0 && range.upperBound <= rowCount, "rows of the product")
    if packed != nil {
      table.pointee.multiply_packed(
        format, start(range.lowerBound), range.count, width, columns, count, target, stride, next)
    } else if isQuantized {
      table.pointee.multiply(
        format, start(range.lowerBound), rowBytes, range.count, width, columns, count, target, stride, panel, next)
    } else {
      table.pointee.multiply_floats(
        format, start(range.lowerBound), rowBytes, range.count, width, input, width, count, target, stride)
    }
  }
}
