// The loss: final norm, logits of the target rows, cross-entropy; and its backward twin. A vocabulary is long, so it
// is gone through once, slice by slice: a running maximum and sum stand for the softmax' denominator, and what the
// slices so far give to the gradients is scaled down whenever the maximum rises, as attention does with long contexts
// (arXiv 1805.02867). No logit is computed twice, and none outlives its slice.
import Compute
import Glibc
import Model

/// The head, cut into slices of the vocabulary.
final class LossHead {
  /// Rows of the head in a slice: their logits for a sequence of 512 take 4 MiB.
  static let sliceHeight = 2048

  private struct Slice {
    let first: Int
    let weight: WeightMatrix
    let logits: FloatMatrix  // [rows, slice]
  }
  private let slices: [Slice]

  /// The head of `checkpoint`, with room for the logits of `rows` rows.
  init(_ checkpoint: Checkpoint, rows: Int) {
    let head = checkpoint.weights.head
    let height = min(LossHead.sliceHeight, head.rows)
    let logits = FloatMatrix(rows: rows, width: height)
    let rest = head.rows % height
    let last = rest == 0 ? logits : FloatMatrix(rows: rows, width: rest)
    slices = stride(from: 0, to: head.rows, by: height).map { first in
      let end = min(first + height, head.rows)
      return Slice(
        first: first, weight: head.rows(first..<end), logits: end - first == height ? logits : last)
    }
  }

  /// Floats a row takes, for a vocabulary of so many tokens.
  static func floatsPerRow(vocabulary: Int) -> Int {
    min(sliceHeight, vocabulary) + vocabulary % min(sliceHeight, vocabulary)
  }

  /// The cross-entropy summed over the targets, from the residuals of the target rows. With a `weight`, sets
  /// `memory.residualGradients` to that times the gradients by those residuals.
  func loss(_ pass: SequencePass, residual: FloatMatrix, gradientWeight weight: Float?) -> Double {
    let (m, targets) = (pass.memory, pass.rows.targets)
    pass.engine.eachRow(targets.count) { row in
      pass.normalize(residual, pass.checkpoint.weights.outputNorm, into: m.normalized, row: row)
      m.running[row: row] = [-.infinity, 0, 0]
    }
    for slice in slices { add(slice, pass, needsGradients: weight != nil) }
    if let weight { finishGradients(pass, residual: residual, weight: weight) }
    return targets.indices.reduce(0) { sum, row in
      sum + Double(m.running[row, 0]) + log(Double(m.running[row, 1])) - Double(m.running[row, 2])
    }
  }

  /// Takes one slice into account: `residualGradients` become the sum of `exp(logit - maximum)` times the head's rows,
  /// the targets' own left out. Those nearly cancel against what is taken off for the targets once they are likely,
  /// and would leave the rounding of the products behind.
  private func add(_ slice: Slice, _ pass: SequencePass, needsGradients: Bool) {
    let (m, targets) = (pass.memory, pass.rows.targets)
    pass.engine.multiplyFinely(
      [Product(slice.weight, into: slice.logits)], input: m.normalized, count: targets.count)
    pass.engine.eachRow(targets.count) { row in
      let place = Int(targets[row]) - slice.first
      let hasTarget = (0..<slice.weight.rows).contains(place)
      if hasTarget { m.running[row, 2] = slice.logits[row, place] }
      let factor = pass.engine.exponentiate(slice.logits, row: row, running: m.running)
      if hasTarget { slice.logits[row, place] = 0 }
      if needsGradients, factor != 1 { pass.engine.scale(m.residualGradients, by: factor, row: row) }
    }
    guard needsGradients else { return }
    pass.engine.multiplyBackward(
      [BackwardProduct(slice.weight, gradients: slice.logits)], count: targets.count, into: m.residualGradients,
      isAdding: slice.first > 0)
  }

  /// Divides by the softmax' denominators, adds the targets' rows of the head times their probability less 1, and goes
  /// back through the norm.
  private func finishGradients(_ pass: SequencePass, residual: FloatMatrix, weight: Float) {
    let (m, weights) = (pass.memory, pass.checkpoint.weights)
    pass.engine.eachRow(pass.rows.targets.count) { row in
      let (maximum, sum, logit) = (m.running[row, 0], m.running[row, 1], m.running[row, 2])
      pass.engine.scale(m.residualGradients, by: weight / sum, row: row)
      pass.engine.decode(weights.head, row: Int(pass.rows.targets[row]), into: m.delta, row: row)
      pass.engine.scale(m.delta, by: weight * (exp(logit - maximum) / sum - 1), row: row)
      pass.engine.add(m.delta, to: m.residualGradients, row: row)
      pass.normalizeBackward(m.residualGradients, input: residual, weights.outputNorm, row: row)
    }
  }
}
