// The working memory of a pass over one sequence, shared by all layers.
import Compute
import Model

/// Matrices of a row a token, used again by every layer.
final class PassMemory {
  /// Rows there is room for.
  let rows: Int
  let normalized: FloatMatrix  // [rows, width]
  let gatheredNormalized: FloatMatrix  // of the target rows only, [rows, width]
  let delta: FloatMatrix  // what a block adds to the residual, [rows, width]
  let gated: FloatMatrix  // activation(gate) * up, [rows, feedForwardWidth]
  let allAngles: LayerAngles
  let targetAngles: LayerAngles
  let running: FloatMatrix  // of the loss' softmax: maximum, sum, the target's logit, [rows, 3]

  // Gradients.
  let residualGradients: FloatMatrix  // [rows, width]
  let deltaGradients: FloatMatrix  // [rows, width]
  let normalizedGradients: FloatMatrix  // [rows, width]
  let gatheredGradients: FloatMatrix  // [rows, width]
  let gatedGradients: FloatMatrix  // [rows, feedForwardWidth]
  let attendedGradients: FloatMatrix  // [rows, heads * headSize]
  let queryGradients: FloatMatrix  // [rows, heads * headSize]
  let keyGradients: FloatMatrix  // [rows, keyValueHeads * headSize]
  let valueGradients: FloatMatrix  // [rows, keyValueHeads * headSize]
  private var others: [Purpose: FloatMatrix] = [:]

  /// What a matrix is for that only some adapters need, in a width of its own.
  enum Purpose: Hashable {
    case reducedGradients(Projection, width: Int)
    case dropped(width: Int)
    case droppedGradients(width: Int)
  }

  /// Cosines and sines of global and local layers.
  struct LayerAngles {
    let global: RotaryAngles
    let local: RotaryAngles
  }

  /// Room for `rows` rows.
  init(rows: Int, _ p: Hyperparameters) {
    func matrix(_ width: Int) -> FloatMatrix { FloatMatrix(rows: rows, width: width) }
    func angles() -> LayerAngles {
      LayerAngles(
        global: RotaryAngles(rows: rows, size: p.rotary.size), local: RotaryAngles(rows: rows, size: p.rotary.size))
    }
    self.rows = rows
    normalized = matrix(p.width)
    gatheredNormalized = matrix(p.width)
    delta = matrix(p.width)
    gated = matrix(p.feedForwardWidth)
    allAngles = angles()
    targetAngles = angles()
    running = matrix(3)
    residualGradients = matrix(p.width)
    deltaGradients = matrix(p.width)
    normalizedGradients = matrix(p.width)
    gatheredGradients = matrix(p.width)
    gatedGradients = matrix(p.feedForwardWidth)
    attendedGradients = matrix(p.heads * p.headSize)
    queryGradients = matrix(p.heads * p.headSize)
    keyGradients = matrix(p.keyValueHeads * p.headSize)
    valueGradients = matrix(p.keyValueHeads * p.headSize)
  }

  /// Floats a row takes, but for what `matrix` makes.
  static func floatsPerRow(_ p: Hyperparameters) -> Int {
    7 * p.width + 2 * p.feedForwardWidth + 2 * (p.heads + p.keyValueHeads) * p.headSize + 4 * p.rotary.size + 3
  }

  /// The matrix for `purpose`, made when it is first asked for.
  func matrix(_ purpose: Purpose) -> FloatMatrix {
    if let found = others[purpose] { return found }
    let width =
      switch purpose {
      case .reducedGradients(_, let width), .dropped(let width), .droppedGradients(let width): width
      }
    let made = FloatMatrix(rows: rows, width: width)
    others[purpose] = made
    return made
  }
}
