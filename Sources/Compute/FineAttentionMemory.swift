// What a thread works with in fine attention: one head's keys and values of a segment, and a tile of queries.
import CKernels

/// The memory of one thread, for segments of a limited length. Positions come in blocks of 64.
final class FineAttentionMemory: @unchecked Sendable {
  /// Queries of a tile, and positions summed at once.
  static let block = HYPNOS_FINE_BLOCK

  /// Keys and values, a lane a position.
  let keyPanels: FinePanels
  let valuePanels: FinePanels
  /// The keys again, for each block of positions, a lane a value.
  let sumPanels: [FinePanels]
  /// The queries of a tile, and the gradients of its outputs; a lane a value.
  let queryPanels: FinePanels
  let gradientPanels: FinePanels
  /// The scores of a tile with a block of positions, a lane a position.
  let scorePanels: FinePanels
  /// The segment's keys or values; backward, then the gradients of the keys.
  let rows: FloatMatrix
  /// The gradients of the values.
  let valueGradients: FloatMatrix
  /// [queries, positions] of a tile. A cache line more, since positions often are a power of two.
  let scores: FloatMatrix
  let slopes: FloatMatrix
  /// Rounded queries, or gradients of outputs.
  let rounded = FineRows()
  let roundedScores = FineRows()

  /// The memory for at most `keys` keys of `size` values.
  init(keys: Int, size: Int, _ kernels: KernelSet) {
    let (block, positions) = (Self.block, Self.wholeBlocks(keys))
    keyPanels = FinePanels(lanes: positions, depth: size, kernels)
    valuePanels = FinePanels(lanes: positions, depth: size, kernels)
    sumPanels = (0..<positions / block).map { _ in FinePanels(lanes: size, depth: block, kernels) }
    queryPanels = FinePanels(lanes: size, depth: block, kernels)
    gradientPanels = FinePanels(lanes: size, depth: block, kernels)
    scorePanels = FinePanels(lanes: block, depth: block, kernels)
    rows = FloatMatrix(rows: positions, width: size)
    valueGradients = FloatMatrix(rows: positions, width: size)
    scores = FloatMatrix(rows: block, width: positions + 16)
    slopes = FloatMatrix(rows: block, width: positions + 16)
    rounded.reserve(count: block, widths: [size])
    roundedScores.reserve(count: block, widths: [positions])
  }

  /// The bytes of such a memory.
  static func byteCount(keys: Int, size: Int) -> Int {
    let positions = wholeBlocks(keys)
    let panels =
      2 * FinePanels.byteCount(lanes: positions, depth: size)
      + (positions / block + 2) * FinePanels.byteCount(lanes: size, depth: block)
      + FinePanels.byteCount(lanes: block, depth: block)
    let floats = 2 * positions * size + 2 * block * (positions + 16)
    let rounded = [size, positions].reduce(0) { $0 + FineRows.byteCount(count: block, widths: [$1]) }
    return panels + floats * MemoryLayout<Float>.stride + rounded
  }

  /// `count` rounded up to whole blocks.
  static func wholeBlocks(_ count: Int) -> Int { FineRows.blocks(width: count) * block }

  /// The positions of a tile in whole blocks.
  func width(of tile: QueryTile) -> Int { Self.wholeBlocks(tile.width) }

  /// Copies the rows of a segment's keys or values: those of one head, whose first value is at `column` of `matrix`.
  func gather(_ segment: AttentionSegment, _ matrix: FloatMatrix, column: Int) {
    var position = 0
    for row in segment.keys.joined() {
      rows.row(position).update(from: matrix.row(row) + column, count: rows.width)
      position += 1
    }
  }

  /// Lays out the first `count` of what was gathered for sums over blocks of positions.
  func laySums(count: Int) {
    for (index, panels) in sumPanels.enumerated() where index * Self.block < count {
      let first = index * Self.block
      panels.layColumns(
        rows.row(first), rowWidth: rows.width, count: min(Self.block, count - first), width: rows.width)
    }
  }

  /// Sets the first rows of `products` to those of a tile's rows of `matrix`, from `column` on, with the lanes of
  /// `panels` that the tile sees.
  func multiply(
    _ matrix: FloatMatrix, _ tile: QueryTile, column: Int, with panels: FinePanels, into products: FloatMatrix,
    kernels: KernelSet
  ) {
    for (place, query) in tile.queries.enumerated() {
      rounded.round(matrix.row(query) + column, count: rows.width, row: place, kernels: kernels)
    }
    panels.multiply(
      rounded, count: tile.queries.count, lane: tile.positions.lowerBound, width: width(of: tile),
      into: products.base, outputWidth: products.width)
  }

  /// Sets a tile's rows of `output`, from `column` on, to the rounded scores times the keys.
  func sumScores(_ tile: QueryTile, into output: FloatMatrix, column: Int) {
    let first = tile.positions.lowerBound / Self.block
    for block in 0..<FineRows.blocks(width: tile.width) {
      sumPanels[first + block].multiply(
        roundedScores, block: block, count: tile.queries.count, width: rows.width,
        into: output.row(tile.queries.lowerBound) + column, outputWidth: output.width, isAdding: block > 0)
    }
  }

  /// Adds to the rows of `sums` at the positions of a tile its `scores`, [queries, positions], transposed, times
  /// `panels`.
  func addTransposed(_ scores: FloatMatrix, _ tile: QueryTile, times panels: FinePanels, to sums: FloatMatrix) {
    for first in stride(from: 0, to: tile.width, by: Self.block) {
      scorePanels.layColumns(
        scores.base + first, rowWidth: scores.width, count: tile.queries.count, width: Self.block)
      panels.multiplyAdding(
        lanesOf: scorePanels, count: Self.block, width: rows.width,
        into: sums.row(tile.positions.lowerBound + first), outputWidth: sums.width)
    }
  }
}
