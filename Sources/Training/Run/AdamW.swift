// AdamW: Adam with the weight decay beside the gradient's step and not inside it (arXiv 1711.05101), in PyTorch's form
// and with its constants, so that rates and decays found there mean the same here. Everything runs in one fixed order.
import Glibc

/// The optimizer's state: two moments of every parameter's gradient.
public struct AdamW: Sendable, Equatable {
  /// How much of the first moment a step keeps.
  static let firstDecay = 0.9
  /// How much of the second moment a step keeps.
  static let secondDecay = 0.999
  /// What is added to the root of the second moment.
  static let epsilon: Float = 1e-8

  /// Running means of the gradients, shaped as the parameters.
  var firstMoments: [[Float]]
  /// Running means of their squares.
  var secondMoments: [[Float]]
  /// Steps taken.
  var steps = 0

  /// An optimizer that has not taken a step, for parameters shaped as `parameters`.
  public init(for parameters: [[Float]]) {
    firstMoments = parameters.map { [Float](repeating: 0, count: $0.count) }
    secondMoments = firstMoments
  }

  init(firstMoments: [[Float]], secondMoments: [[Float]], steps: Int) {
    self.firstMoments = firstMoments
    self.secondMoments = secondMoments
    self.steps = steps
  }

  /// Moves `parameters` by one step at the learning rate `rate`, along `gradients` times `gradientScale`.
  public mutating func step(
    _ parameters: inout [[Float]], gradients: [[Float]], gradientScale: Float = 1, rate: Double, weightDecay: Double
  ) {
    steps += 1
    let firstCorrection = 1 - pow(AdamW.firstDecay, Double(steps))
    let secondCorrection = 1 - pow(AdamW.secondDecay, Double(steps))
    let update = Update(
      gradientScale: gradientScale, kept: Float(1 - rate * weightDecay), length: Float(rate / firstCorrection),
      rootCorrection: Float(secondCorrection.squareRoot()))
    for index in parameters.indices {
      update.apply(
        to: &parameters[index], gradients[index], first: &firstMoments[index], second: &secondMoments[index])
    }
  }

  /// One step's factors, the same for all parameters.
  private struct Update {
    let gradientScale: Float
    /// What the weight decay leaves of a parameter.
    let kept: Float
    /// The rate over the first moment's correction for its beginning at 0.
    let length: Float
    /// The root of the second moment's correction.
    let rootCorrection: Float

    func apply(to values: inout [Float], _ gradients: [Float], first: inout [Float], second: inout [Float]) {
      let firstShare = Float(1 - AdamW.firstDecay)
      let (secondKept, secondShare) = (Float(AdamW.secondDecay), Float(1 - AdamW.secondDecay))
      for index in values.indices {
        let gradient = gradients[index] * gradientScale
        let mean = first[index] + firstShare * (gradient - first[index])
        let square = second[index] * secondKept + secondShare * gradient * gradient
        first[index] = mean
        second[index] = square
        let root = square.squareRoot() / rootCorrection + AdamW.epsilon
        values[index] = values[index] * kept - length * (mean / root)
      }
    }
  }
}

/// Gradients cut back by their norm over all parameters together, as `torch.nn.utils.clip_grad_norm_` does.
enum GradientClipping {
  /// The root of the sum of all squares, summed in order.
  static func norm(of gradients: [[Float]]) -> Double {
    gradients.reduce(0.0) { $1.reduce($0) { $0 + Double($1) * Double($1) } }.squareRoot()
  }

  /// What gradients of `norm` are multiplied with so that they do not exceed `limit`; 1 without a limit.
  static func scale(norm: Double, limit: Double?) -> Float {
    guard let limit else { return 1 }
    return Float(min(1, limit / (norm + 1e-6)))
  }
}
