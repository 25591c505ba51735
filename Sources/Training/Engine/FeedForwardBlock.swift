// The second half of a layer: norm, gate and up, activation, down; and its backward twin.
import Compute
import Model

extension SequencePass {
  /// From `activations.residual` to `activations.feedForwardDelta`, what the feed-forward network adds to it, and from
  /// there to `output`.
  func feedForwardForward(
    _ layer: AdaptedLayer, count: Int, _ activations: LayerActivations, output: FloatMatrix
  ) {
    let (m, a) = (memory, activations)
    products.forward(
      [a.product(layer[.gate], a.gate), a.product(layer[.up], a.up)], input: m.normalized, count: count
    ) { row in
      normalize(a.residual, layer.weights.feedForwardNorm, into: m.normalized, row: row)
    }
    products.forward([a.product(layer[.down], a.feedForwardDelta)], input: m.gated, count: count) { row in
      setGated(a, row: row)
    }
    engine.eachRow(count) { row in
      a.residual.copyRow(row, to: row, of: output)
      addDelta(a.feedForwardDelta, norm: layer.weights.feedForwardOutputNorm, to: output, row: row)
    }
  }

  /// `memory.gated = activation(gate) * up` for a row.
  private func setGated(_ a: LayerActivations, row: Int) {
    a.gate.copyRow(row, to: row, of: memory.gated)
    engine.gate(memory.gated, with: a.up, activation: parameters.architecture.activation, row: row)
  }

  /// The backward twin of `feedForwardForward`: `memory.residualGradients` go from those of the output to those of
  /// `activations.residual`. Gate and up become their own gradients.
  func feedForwardBackward(
    _ layer: AdaptedLayer, count: Int, _ activations: LayerActivations, into gradients: inout AdapterParameters
  ) {
    let (m, a) = (memory, activations)
    let delta = deltaGradients(
      a.feedForwardDelta, norm: layer.weights.feedForwardOutputNorm, count: count)
    engine.eachRow(count) { row in setGated(a, row: row) }
    products.backward(
      [a.product(layer[.down], delta)], input: m.gated, count: count, inputGradients: m.gatedGradients,
      into: &gradients)
    engine.eachRow(count) { row in
      engine.gateBackward(
        m.gatedGradients, gate: a.gate, up: a.up, activation: parameters.architecture.activation, row: row)
      normalize(a.residual, layer.weights.feedForwardNorm, into: m.normalized, row: row)
    }
    products.backward(
      [a.product(layer[.gate], a.gate), a.product(layer[.up], a.up)], input: m.normalized, count: count,
      inputGradients: m.normalizedGradients, into: &gradients)
    engine.eachRow(count) { row in
      normalizeBackward(m.normalizedGradients, input: a.residual, layer.weights.feedForwardNorm, row: row)
      engine.add(m.normalizedGradients, to: m.residualGradients, row: row)
    }
  }
}
