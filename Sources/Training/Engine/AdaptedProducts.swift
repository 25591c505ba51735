// Products with adapted weights, forward and backward: y = W x + scale * B (A drop(x)). Everything that is trained is
// trained here.
import Common
import Compute
import Model

/// One of the products that share an input. Forward, `output` are the results; backward, their gradients.
struct AdaptedProduct {
  let weight: AdaptedWeight
  let output: FloatMatrix
  /// scale * A x, kept from forward to backward; nil without a term.
  let reduced: FloatMatrix?
}

/// What the adapters' inputs lose while gradients are computed.
struct Dropout {
  /// The share of values that are dropped; 0 for none.
  let probability: Float
  /// What the choice follows from.
  let seed: UInt64

  /// The key of the choice in row `row` of the input of `target`. A row that several examples share has one choice for
  /// all of them.
  func key(_ target: AdapterTarget, row: Int) -> UInt64 {
    let place = Projection.allCases.firstIndex(of: target.projection) ?? 0
    let stream = SplitMix64.mixed(seed &+ UInt64(target.layer * Projection.allCases.count + place + 1))
    return SplitMix64.mixed(stream &+ UInt64(row) &* 0x9e37_79b9_7f4a_7c15)
  }
}

/// Products with adapted weights on one engine.
struct AdaptedProducts {
  let engine: ComputeEngine
  let memory: PassMemory
  let dropout: Dropout

  /// Sets the output of each product from the first `count` rows of `input`; `prepare` makes a row of the input first.
  func forward(
    _ products: [AdaptedProduct], input: FloatMatrix, count: Int, preparing prepare: (_ row: Int) -> Void = { _ in }
  ) {
    engine.multiplyFinely(
      products.map { Product($0.weight.weight, into: $0.output) }, input: input, count: count, preparing: prepare)
    guard dropout.probability > 0 else {
      engine.addLowRank(products.compactMap { term($0, input: input) }, count: count)
      return
    }
    for product in products where product.weight.term != nil {
      let dropped = dropped(input, count: count, for: product.weight.target)
      engine.addLowRank([product].compactMap { term($0, input: dropped) }, count: count)
    }
  }

  /// The backward twin: from the gradients of the outputs adds those of A and B to `gradients`, and sets
  /// `inputGradients`, unless that is nil, to those of the input.
  func backward(
    _ products: [AdaptedProduct], input: FloatMatrix, count: Int, inputGradients: FloatMatrix?,
    into gradients: inout AdapterParameters
  ) {
    if let inputGradients {
      engine.multiplyBackward(
        products.map { BackwardProduct($0.weight.weight, gradients: $0.output) }, count: count, into: inputGradients)
    }
    guard dropout.probability == 0 else {
      for product in products {
        termBackwardWithDropout(product, input, count: count, inputGradients: inputGradients, into: &gradients)
      }
      return
    }
    let terms = products.compactMap { termBackward($0, inputGradients: inputGradients ?? input) }
    engine.addLowRankBackward(terms, count: count, toInputs: inputGradients != nil)
    for product in products { add(product, input: input, count: count, to: &gradients) }
  }

  private func termBackwardWithDropout(
    _ product: AdaptedProduct, _ input: FloatMatrix, count: Int, inputGradients: FloatMatrix?,
    into gradients: inout AdapterParameters
  ) {
    let droppedGradients = memory.matrix(.droppedGradients(width: input.width))
    guard let term = termBackward(product, inputGradients: droppedGradients) else { return }
    let target = product.weight.target
    droppedGradients.clear(count: count)
    engine.addLowRankBackward([term], count: count, toInputs: inputGradients != nil)
    add(product, input: dropped(input, count: count, for: target), count: count, to: &gradients)
    guard let inputGradients else { return }
    engine.eachRow(count) { row in
      engine.drop(
        droppedGradients, probability: dropout.probability, key: dropout.key(target, row: row), row: row)
      engine.add(droppedGradients, to: inputGradients, row: row)
    }
  }

  /// Adds the gradients of a term's A and B, whose gradients of A x have been computed.
  private func add(
    _ product: AdaptedProduct, input: FloatMatrix, count: Int, to gradients: inout AdapterParameters
  ) {
    guard let reduced = product.reduced else { return }
    let index = product.weight.index
    engine.addTransposedProduct(
      reducedGradients(product, reduced), input, count: count, to: &gradients.values[index])
    engine.addTransposedProduct(product.output, reduced, count: count, to: &gradients.values[index + 1])
  }

  private func term(_ product: AdaptedProduct, input: FloatMatrix) -> LowRankProduct? {
    guard let term = product.weight.term, let reduced = product.reduced else { return nil }
    return LowRankProduct(term, input: input, reduced: reduced, output: product.output)
  }

  private func termBackward(_ product: AdaptedProduct, inputGradients: FloatMatrix) -> LowRankProduct? {
    guard let term = product.weight.term, let reduced = product.reduced else { return nil }
    return LowRankProduct(
      term, input: inputGradients, reduced: reducedGradients(product, reduced), output: product.output)
  }

  private func reducedGradients(_ product: AdaptedProduct, _ reduced: FloatMatrix) -> FloatMatrix {
    memory.matrix(.reducedGradients(product.weight.target.projection, width: reduced.width))
  }

  private func dropped(_ input: FloatMatrix, count: Int, for target: AdapterTarget) -> FloatMatrix {
    let dropped = memory.matrix(.dropped(width: input.width))
    engine.eachRow(count) { row in
      input.copyRow(row, to: row, of: dropped)
      engine.drop(dropped, probability: dropout.probability, key: dropout.key(target, row: row), row: row)
    }
    return dropped
  }
}
