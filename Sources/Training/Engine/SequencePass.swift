// One pass over one sequence: what all its parts share. AttentionBlock.swift, FeedForwardBlock.swift and LossHead.swift
// each hold a part's forward side and its backward twin.
import Compute
import Model

/// A pass over the rows of one sequence.
struct SequencePass {
  let engine: ComputeEngine
  let checkpoint: Checkpoint
  let memory: PassMemory
  let attention: any TrainingAttention
  let rows: SequenceRows
  let products: AdaptedProducts

  var parameters: Hyperparameters { checkpoint.parameters }

  /// A row of a norm.
  func normalize(_ input: FloatMatrix, _ weights: FloatMatrix, into output: FloatMatrix, row: Int) {
    engine.normalize(input, weights: weights, epsilon: parameters.epsilon, into: output, row: row)
  }

  /// A row of a norm's backward twin: `gradients` of its output become those of `input`.
  func normalizeBackward(_ gradients: FloatMatrix, input: FloatMatrix, _ weights: FloatMatrix, row: Int) {
    engine.normalizeBackward(
      gradients, input: input, weights: weights, epsilon: parameters.epsilon, row: row)
  }

  /// Decodes the rows' embeddings into `residual` and sets the angles of their positions.
  func embed(into residual: FloatMatrix) {
    let scale = parameters.architecture.scalesEmbeddings ? Float(parameters.width).squareRoot() : nil
    engine.eachRow(rows.count) { row in
      engine.decode(checkpoint.weights.embedding, row: Int(rows.tokens[row]), into: residual, row: row)
      if let scale { engine.scale(residual, by: scale, row: row) }
    }
    set(memory.allAngles, positions: rows.positions)
    set(memory.targetAngles, positions: rows.targetRows.map { rows.positions[$0] })
  }

  private func set(_ angles: PassMemory.LayerAngles, positions: [Int]) {
    let rotary = parameters.rotary
    let global = Angles(rotary.frequencies(factors: checkpoint.weights.rotaryFactors, isLocal: false))
    let local =
      parameters.slidingWindow == nil ? nil : Angles(rotary.frequencies(factors: nil, isLocal: true))
    engine.eachRow(positions.count) { row in
      global.set(positions[row], row: row, of: angles.global)
      local?.set(positions[row], row: row, of: angles.local)
    }
  }

  /// A layer over all rows, from `input` to `output`, which may be the same; in the last layer only the target rows
  /// come out.
  func forward(
    _ layer: AdaptedLayer, input: FloatMatrix, keeping activations: LayerActivations, output: FloatMatrix
  ) {
    let selection = selection(layer)
    attentionForward(layer, selection, input: input, activations)
    feedForwardForward(layer, count: selection.count, activations, output: output)
  }

  /// The backward twin of `forward`: `memory.residualGradients` are at first those of the output, then those of the
  /// input. With `isLowest` nobody needs the latter.
  func backward(
    _ layer: AdaptedLayer, input: FloatMatrix, _ activations: LayerActivations, isLowest: Bool,
    into gradients: inout AdapterParameters
  ) {
    let selection = selection(layer)
    feedForwardBackward(layer, count: selection.count, activations, into: &gradients)
    attentionBackward(layer, selection, input: input, activations, isLowest: isLowest, into: &gradients)
  }

  /// Whose queries a layer computes: in the last one nobody looks at any but the target rows.
  private func selection(_ layer: AdaptedLayer) -> RowSelection {
    let window = layer.isLocal ? parameters.slidingWindow : nil
    let isPart = layer.index == parameters.layers - 1 && rows.targetRows.count < rows.count
    let angles = isPart ? memory.targetAngles : memory.allAngles
    return RowSelection(
      isPart: isPart, layout: isPart ? rows.targetLayout(window: window) : rows.layout(window: window),
      queryAngles: layer.isLocal ? angles.local : angles.global,
      keyAngles: layer.isLocal ? memory.allAngles.local : memory.allAngles.global)
  }
}

/// The rows of a layer that have queries, and come out of it.
struct RowSelection {
  /// Whether they are only some.
  let isPart: Bool
  /// What they attend to.
  let layout: AttentionLayout
  let queryAngles: RotaryAngles
  let keyAngles: RotaryAngles

  /// How many.
  var count: Int { layout.places.count }
}
