// How products whose weights are decoded into panels are cut into pieces that the threads take.

/// A share of a product that a thread takes at once: lanes are rows of the weights, or backward their columns.
struct LanePiece {
  /// Lanes that are decoded together; a multiple of 128, as `decode_rows` asks.
  static let lanesAtOnce = 128

  /// Which of the products.
  let product: Int
  let lanes: Range<Int>
  /// Rows of the input, or of the gradients.
  let rows: Range<Int>

  /// Cuts products of so many lanes each. Every part of the rows lays out the panels for itself, so there are no more
  /// parts than it takes to keep the threads busy to the end.
  static func split(lanes: [Int], rows: Int, threads: Int) -> [LanePiece] {
    let blocks = lanes.reduce(0) { $0 + ($1 + lanesAtOnce - 1) / lanesAtOnce }
    let wanted = threads == 1 ? 1 : (4 * threads + blocks - 1) / blocks
    let part = max((rows + wanted - 1) / wanted, min(rows, 64))
    var pieces: [LanePiece] = []
    for (product, count) in lanes.enumerated() {
      for lane in stride(from: 0, to: count, by: lanesAtOnce) {
        for row in stride(from: 0, to: rows, by: part) {
          let lanes = lane..<min(lane + lanesAtOnce, count)
          pieces.append(LanePiece(product: product, lanes: lanes, rows: row..<min(row + part, rows)))
        }
      }
    }
    return pieces
  }
}
