// The backward twins of what a forward pass does to single rows: norms, rotary embedding, gated activations, softmax
// over the vocabulary; and dropout, which is its own twin. Each takes the gradients of a result and leaves those of
// the operand in their place.
import CKernels
import Glibc

extension ComputeEngine {
  /// The backward twin of `normalize`: `gradients` of the output become those of `input`.
  public func normalizeBackward(
    _ gradients: FloatMatrix, input: FloatMatrix, weights: FloatMatrix, epsilon: Float, row: Int
  ) {
    precondition(input.width == gradients.width && weights.width == input.width, "widths")
    kernels.table.pointee.rms_norm_backward(
      input.row(row), weights.base, epsilon, input.width, gradients.row(row))
  }

  /// The backward twin of `normalizeHeads`; `input` are the values before it.
  public func normalizeHeadsBackward(
    _ gradients: FloatMatrix, input: FloatMatrix, weights: FloatMatrix, epsilon: Float, row: Int
  ) {
    precondition(input.width == gradients.width && input.width % weights.width == 0, "whole heads")
    let size = weights.width
    for head in 0..<input.width / size {
      kernels.table.pointee.rms_norm_backward(
        input.row(row) + head * size, weights.base, epsilon, size, gradients.row(row) + head * size)
    }
  }

  /// The backward twin of `rotate`, which turns back: the angles' sines change their sign.
  public func rotateBackward(
    _ gradients: FloatMatrix, headSize: Int, angles: RotaryAngles, pairing: RotaryPairing, row: Int
  ) {
    precondition(gradients.width % headSize == 0 && angles.cosines.width * 2 <= headSize, "whole heads")
    let pairs = angles.cosines.width
    withUnsafeTemporaryAllocation(of: Float.self, capacity: pairs) { sines in
      for pair in 0..<pairs { sines[pair] = -angles.sines.row(row)[pair] }
      for head in 0..<gradients.width / headSize {
        kernels.table.pointee.rotate(
          gradients.row(row) + head * headSize, angles.cosines.row(row), sines.baseAddress, pairs * 2,
          pairing == .halves ? 1 : 0)
      }
    }
  }

  /// The backward twin of `gate`: takes `gradients` of its result, and `gate` and `up` become their own gradients.
  public func gateBackward(
    _ gradients: FloatMatrix, gate: FloatMatrix, up: FloatMatrix, activation: GatedActivation, row: Int
  ) {
    precondition(gate.width == up.width && gradients.width == gate.width, "widths")
    let table = kernels.table.pointee
    let function = activation == .silu ? table.silu_multiply_backward! : table.gelu_multiply_backward!
    function(gradients.row(row), gate.row(row), up.row(row), gate.width)
  }

  /// Adds row `row` of `addend` to row `target` of `matrix`.
  public func add(_ addend: FloatMatrix, row: Int, to matrix: FloatMatrix, row target: Int) {
    precondition(addend.width == matrix.width, "widths")
    kernels.table.pointee.add(matrix.row(target), addend.row(row), matrix.width)
  }

  /// Makes each value of a row 0 with a probability, and divides the others by that of their staying. Which are
  /// dropped follows from `key` alone.
  public func drop(_ matrix: FloatMatrix, probability: Float, key: UInt64, row: Int) {
    precondition(probability >= 0 && probability < 1, "a probability")
    let threshold = UInt32(probability * 0x1p24) << 8
    kernels.table.pointee.drop(matrix.row(row), key, threshold, 1 / (1 - probability), matrix.width)
  }

  /// Turns a row of logits, the next slice of a vocabulary that is gone through slice by slice, into
  /// `exp(logit - maximum)`. `running` [rows, 2] holds each row's largest logit and sum of exponentials so far, at
  /// first -infinity and 0, and is brought up to date; what was summed up before is to be multiplied with the result.
  public func exponentiate(_ logits: FloatMatrix, row: Int, running: FloatMatrix) -> Float {
    let table = kernels.table.pointee
    let (before, sum) = (running[row, 0], running[row, 1])
    let maximum = max(before, table.largest(logits.row(row), logits.width))
    let factor = sum == 0 ? 1 : exp(before - maximum)
    running[row, 1] = sum * factor + table.exponentials(logits.row(row), 1, maximum, logits.width)
    running[row, 0] = maximum
    return factor
  }
}
