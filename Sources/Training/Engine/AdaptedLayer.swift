// A layer as training sees it: its weights, and beside each the low-rank term that is trained, if there is one.
import Compute
import Model

/// One projection of a layer.
struct AdaptedWeight {
  /// Which it is.
  let target: AdapterTarget
  /// The base's weight.
  let weight: WeightMatrix
  /// What is trained beside it.
  let term: TrainedLowRank?
  /// Where its A stands among the adapter's matrices; B is the next.
  let index: Int
}

/// One layer.
struct AdaptedLayer {
  let index: Int
  let weights: LayerWeights
  let isLocal: Bool
  private let projections: [AdaptedWeight]

  /// Layer `index` of `checkpoint`, with those parts of `adapter` that change it.
  init(_ index: Int, of checkpoint: Checkpoint, _ adapter: Adapter) {
    self.index = index
    let layer = checkpoint.weights.layers[index]
    weights = layer
    isLocal = checkpoint.parameters.isLocal(layer: index)
    projections = Projection.allCases.map { projection in
      let target = AdapterTarget(layer: index, projection: projection)
      let place = adapter.parts.firstIndex { $0.target == target }
      let term = place.map { place in
        let matrix = adapter.parts[place].matrix
        return TrainedLowRank(
          rank: matrix.rank, inputWidth: matrix.inputWidth, outputWidth: matrix.outputWidth,
          scale: adapter.scale(of: adapter.parts[place]))
      }
      return AdaptedWeight(
        target: target, weight: layer[projection], term: term, index: 2 * (place ?? 0))
    }
  }

  /// One of its projections.
  subscript(_ projection: Projection) -> AdaptedWeight {
    projections.first { $0.target.projection == projection } ?? projections[0]
  }

  /// Takes on the values of `parameters`.
  func set(_ parameters: AdapterParameters) {
    for projection in projections {
      projection.term?.set(a: parameters.values[projection.index], b: parameters.values[projection.index + 1])
    }
  }
}
