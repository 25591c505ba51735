// The first half of a layer: norm, queries, keys and values, attention, output projection; and its backward twin.
import Compute
import Model

extension SequencePass {
  /// From the residual `input` to `activations.attentionDelta`, what attention adds to it, and from there to
  /// `activations.residual`.
  func attentionForward(
    _ layer: AdaptedLayer, _ selection: RowSelection, input: FloatMatrix, _ activations: LayerActivations
  ) {
    let (m, a) = (memory, activations)
    let query = a.product(layer[.query], a.queries)
    let others = [a.product(layer[.key], a.keys), a.product(layer[.value], a.values)]
    products.forward(
      selection.isPart ? others : [query] + others, input: m.normalized, count: rows.count
    ) { row in
      normalize(input, layer.weights.attentionNorm, into: m.normalized, row: row)
    }
    if selection.isPart {
      products.forward([query], input: m.gatheredNormalized, count: selection.count) { row in
        m.normalized.copyRow(selection.layout.places[row], to: row, of: m.gatheredNormalized)
      }
    }
    positionHeads(layer, selection, a)
    attention.forward(
      engine, selection.layout, queries: a.queries, keys: a.keys, values: a.values, into: a.attended,
      logSums: a.logSums)
    products.forward(
      [a.product(layer[.output], a.attentionDelta)], input: a.attended, count: selection.count)
    engine.eachRow(selection.count) { row in
      if let bias = layer.weights.outputBias { engine.addBias(bias, to: a.attentionDelta, row: row) }
      input.copyRow(selection.layout.places[row], to: row, of: a.residual)
      addDelta(a.attentionDelta, norm: layer.weights.attentionOutputNorm, to: a.residual, row: row)
    }
  }

  /// Biases, norms and rotation of queries and keys.
  private func positionHeads(_ layer: AdaptedLayer, _ selection: RowSelection, _ a: LayerActivations) {
    let weights = layer.weights
    engine.eachRow(rows.count) { row in
      if let bias = weights.valueBias { engine.addBias(bias, to: a.values, row: row) }
      position(
        a.keys, plain: a.plainKeys, bias: weights.keyBias, norm: weights.keyNorm, selection.keyAngles, row: row)
      guard row < selection.count else { return }
      position(
        a.queries, plain: a.plainQueries, bias: weights.queryBias, norm: weights.queryNorm,
        selection.queryAngles, row: row)
    }
  }

  private func position(
    _ matrix: FloatMatrix, plain: FloatMatrix?, bias: FloatMatrix?, norm: FloatMatrix?, _ angles: RotaryAngles,
    row: Int
  ) {
    if let bias { engine.addBias(bias, to: matrix, row: row) }
    if let norm, let plain {
      matrix.copyRow(row, to: row, of: plain)
      engine.normalizeHeads(matrix, weights: norm, epsilon: parameters.epsilon, row: row)
    }
    engine.rotate(
      matrix, headSize: parameters.headSize, angles: angles, pairing: parameters.architecture.rotaryPairing,
      row: row)
  }

  /// The backward twin of `positionHeads` for a row; a bias changes no gradient.
  private func positionBackward(
    _ gradients: FloatMatrix, plain: FloatMatrix?, norm: FloatMatrix?, _ angles: RotaryAngles, row: Int
  ) {
    engine.rotateBackward(
      gradients, headSize: parameters.headSize, angles: angles, pairing: parameters.architecture.rotaryPairing,
      row: row)
    if let norm, let plain {
      engine.normalizeHeadsBackward(
        gradients, input: plain, weights: norm, epsilon: parameters.epsilon, row: row)
    }
  }

  /// The backward twin of `attentionForward`: `memory.residualGradients` go from those of `activations.residual` to
  /// those of `input`.
  func attentionBackward(
    _ layer: AdaptedLayer, _ selection: RowSelection, input: FloatMatrix, _ activations: LayerActivations,
    isLowest: Bool, into gradients: inout AdapterParameters
  ) {
    let (m, a) = (memory, activations)
    let delta = deltaGradients(
      a.attentionDelta, norm: layer.weights.attentionOutputNorm, count: selection.count)
    products.backward(
      [a.product(layer[.output], delta)], input: a.attended, count: selection.count,
      inputGradients: m.attendedGradients, into: &gradients)
    attention.backward(
      engine, selection.layout, gradients: m.attendedGradients, queries: (m.queryGradients, a.queries),
      keys: (m.keyGradients, a.keys), values: (m.valueGradients, a.values), logSums: a.logSums)
    engine.eachRow(rows.count) { row in
      positionBackward(
        m.keyGradients, plain: a.plainKeys, norm: layer.weights.keyNorm, selection.keyAngles, row: row)
      normalize(input, layer.weights.attentionNorm, into: m.normalized, row: row)
      guard row < selection.count else { return }
      positionBackward(
        m.queryGradients, plain: a.plainQueries, norm: layer.weights.queryNorm, selection.queryAngles, row: row)
    }
    projectionsBackward(layer, selection, a, isLowest: isLowest, into: &gradients)
    guard !isLowest else { return }
    addBelow(layer, selection, input: input)
  }

  /// From the gradients of queries, keys and values to those of the norm's output.
  private func projectionsBackward(
    _ layer: AdaptedLayer, _ selection: RowSelection, _ a: LayerActivations, isLowest: Bool,
    into gradients: inout AdapterParameters
  ) {
    let m = memory
    let query = a.product(layer[.query], m.queryGradients)
    let others = [a.product(layer[.key], m.keyGradients), a.product(layer[.value], m.valueGradients)]
    products.backward(
      selection.isPart ? others : [query] + others, input: m.normalized, count: rows.count,
      inputGradients: isLowest ? nil : m.normalizedGradients, into: &gradients)
    guard selection.isPart else { return }
    for (row, place) in selection.layout.places.enumerated() {
      m.normalized.copyRow(place, to: row, of: m.gatheredNormalized)
    }
    products.backward(
      [query], input: m.gatheredNormalized, count: selection.count,
      inputGradients: isLowest ? nil : m.gatheredGradients, into: &gradients)
    for (row, place) in selection.layout.places.enumerated() {
      engine.add(m.gatheredGradients, row: row, to: m.normalizedGradients, row: place)
    }
  }

  /// Adds what comes through the norm to the residual's gradients.
  private func addBelow(_ layer: AdaptedLayer, _ selection: RowSelection, input: FloatMatrix) {
    let m = memory
    engine.eachRow(rows.count) { row in
      normalizeBackward(m.normalizedGradients, input: input, layer.weights.attentionNorm, row: row)
      if !selection.isPart { engine.add(m.normalizedGradients, to: m.residualGradients, row: row) }
    }
    guard selection.isPart else { return }
    for (row, place) in selection.layout.places.enumerated() {
      engine.add(m.residualGradients, row: row, to: m.normalizedGradients, row: place)
    }
    engine.eachRow(rows.count) { row in
      m.normalizedGradients.copyRow(row, to: row, of: m.residualGradients)
    }
  }

  /// Adds a block's result to the residual, through the norm behind it if there is one.
  func addDelta(_ delta: FloatMatrix, norm: FloatMatrix?, to residual: FloatMatrix, row: Int) {
    guard let norm else { return engine.add(delta, to: residual, row: row) }
    normalize(delta, norm, into: memory.normalized, row: row)
    engine.add(memory.normalized, to: residual, row: row)
  }

  /// The backward twin of `addDelta`: the gradients of `delta`, which without a norm are the residual's own.
  func deltaGradients(_ delta: FloatMatrix, norm: FloatMatrix?, count: Int) -> FloatMatrix {
    guard let norm else { return memory.residualGradients }
    engine.eachRow(count) { row in
      memory.residualGradients.copyRow(row, to: row, of: memory.deltaGradients)
      normalizeBackward(memory.deltaGradients, input: delta, norm, row: row)
    }
    return memory.deltaGradients
  }
}
