// What a layer's backward pass needs of its forward pass and cannot make again in no time: norms and gated products
// are computed once more, everything else is kept here.
import Compute
import Model

/// What is kept of one layer; a row a token.
final class LayerActivations {
  let queries: FloatMatrix  // rotated, [rows, heads * headSize]
  let keys: FloatMatrix  // rotated, [rows, keyValueHeads * headSize]
  let values: FloatMatrix  // [rows, keyValueHeads * headSize]
  let plainQueries: FloatMatrix?  // before norm and rotation, where heads are normalized
  let plainKeys: FloatMatrix?
  let attended: FloatMatrix  // [rows, heads * headSize]
  let logSums: FloatMatrix  // of the attention's softmax, [rows, heads]
  let attentionDelta: FloatMatrix  // what attention adds to the residual, before the norm behind it
  let residual: FloatMatrix  // between attention and feed-forward, [rows, width]
  let gate: FloatMatrix  // before the activation, [rows, feedForwardWidth]
  let up: FloatMatrix  // [rows, feedForwardWidth]
  let feedForwardDelta: FloatMatrix  // as attentionDelta
  private let rows: Int
  private var reduced: [Reduced: FloatMatrix] = [:]

  /// Which scale * A x, [rows, rank].
  private struct Reduced: Hashable {
    let projection: Projection
    let rank: Int
  }

  /// Room for `rows` rows of `layer`. What is added to the residual is kept only where a norm stands behind it, and
  /// goes to `shared` elsewhere.
  init(rows: Int, _ p: Hyperparameters, _ layer: AdaptedLayer, shared: FloatMatrix) {
    func matrix(_ width: Int) -> FloatMatrix { FloatMatrix(rows: rows, width: width) }
    let (queryWidth, keyWidth) = (p.heads * p.headSize, p.keyValueHeads * p.headSize)
    queries = matrix(queryWidth)
    keys = matrix(keyWidth)
    values = matrix(keyWidth)
    plainQueries = layer.weights.queryNorm.map { _ in matrix(queryWidth) }
    plainKeys = layer.weights.keyNorm.map { _ in matrix(keyWidth) }
    attended = matrix(queryWidth)
    logSums = matrix(p.heads)
    attentionDelta = layer.weights.attentionOutputNorm == nil ? shared : matrix(p.width)
    residual = matrix(p.width)
    gate = matrix(p.feedForwardWidth)
    up = matrix(p.feedForwardWidth)
    feedForwardDelta = layer.weights.feedForwardOutputNorm == nil ? shared : matrix(p.width)
    self.rows = rows
  }

  /// Floats a row takes in `layer`.
  static func floatsPerRow(_ p: Hyperparameters, _ layer: AdaptedLayer) -> Int {
    let (queryWidth, keyWidth) = (p.heads * p.headSize, p.keyValueHeads * p.headSize)
    let headNorms = (layer.weights.queryNorm == nil ? 0 : queryWidth) + (layer.weights.keyNorm == nil ? 0 : keyWidth)
    let deltas = [layer.weights.attentionOutputNorm, layer.weights.feedForwardOutputNorm].count { $0 != nil }
    let ranks = Projection.allCases.reduce(0) { $0 + (layer[$1].term?.rank ?? 0) }
    return 2 * queryWidth + 2 * keyWidth + headNorms + p.heads + (1 + deltas) * p.width + 2 * p.feedForwardWidth + ranks
  }

  /// A projection and where its results and its reduced inputs are.
  func product(_ weight: AdaptedWeight, _ output: FloatMatrix) -> AdaptedProduct {
    AdaptedProduct(weight: weight, output: output, reduced: weight.term.map { reduced(weight, rank: $0.rank) })
  }

  /// Made when it is first asked for: layers that share these activations may differ in rank.
  private func reduced(_ weight: AdaptedWeight, rank: Int) -> FloatMatrix {
    let key = Reduced(projection: weight.target.projection, rank: rank)
    if let found = reduced[key] { return found }
    let made = FloatMatrix(rows: rows, width: rank)
    reduced[key] = made
    return made
  }
}
