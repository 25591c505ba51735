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

  /// Cuts products of so many lanes each. Every piece lays out its panels, so all rows are one piece, except for the
  /// last lanes, as many as there are threads: those are shared out by rows, so that the threads end together.
  static func split(lanes: [Int], rows: Int, threads: Int) -> [LanePiece] {
    var left = lanes.reduce(0) { $0 + ($1 + lanesAtOnce - 1) / lanesAtOnce }
    let part = max((rows + threads - 1) / threads, min(rows, 64))
    var pieces: [LanePiece] = []
    for (product, count) in lanes.enumerated() {
      for lane in stride(from: 0, to: count, by: lanesAtOnce) {
        let lanes = lane..<min(lane + lanesAtOnce, count)
        let height = left > threads ? rows : part
        for row in stride(from: 0, to: rows, by: height) {
          pieces.append(LanePiece(product: product, lanes: lanes, rows: row..<min(row + height, rows)))
        }
        left -= 1
      }
    }
    return pieces
  }
}
