// The rotary position embedding's frequencies and how they are stretched for contexts longer than trained:
// linearly, by YaRN (arXiv 2309.00071), or by a factor for each frequency that the checkpoint brings (Llama 3).
import Glibc

/// The frequencies of the rotary embedding and their scaling.
package struct RotaryParameters: Sendable {
  /// How many values of each head are rotated.
  package let size: Int
  /// The base of the geometric series of frequencies.
  let base: Double
  /// The base in layers with a sliding window, where nothing is stretched.
  let localBase: Double
  /// How the frequencies are stretched.
  let scaling: Scaling

  enum Scaling: Sendable {
    case none
    case linear(factor: Double)
    case yarn(factor: Double, originalContext: Double, attention: Double, fast: Double, slow: Double)
  }

  init(_ reader: ParameterReader, headSize: Int, trainedContext: Int) throws(ModelError) {
    size = try reader.positive("rope.dimension_count", atMost: headSize, default: headSize)
    guard size % 2 == 0 else { throw reader.wrong("rope.dimension_count", "\(size) is odd") }
    base = try reader.number("rope.freq_base", in: 1...1e12, default: 10_000)
    localBase = try reader.number(
      "rope.freq_base_swa", in: 1...1e12, default: reader.architecture.localRotaryBase)
    let legacy = try reader.number("rope.scale_linear", in: 1e-3...1e6, default: 1)
    let factor = try reader.number("rope.scaling.factor", in: 0...1e6, default: legacy)
    let kind = try reader.string("rope.scaling.type") ?? (factor == 1 ? "none" : "linear")
    switch kind {
    case "none": scaling = .none
    case "linear": scaling = factor > 0 ? .linear(factor: factor) : .none
    case "yarn":
      guard factor > 0 else { throw reader.wrong("rope.scaling.factor", "YaRN needs one above 0") }
      let context = try reader.positive(
        "rope.scaling.original_context_length", atMost: 1 << 30, default: trainedContext)
      scaling = .yarn(
        factor: factor, originalContext: Double(context),
        attention: try reader.number("rope.scaling.attn_factor", in: 1e-3...1e3, default: 1),
        fast: try reader.number("rope.scaling.yarn_beta_fast", in: 1e-3...1e6, default: 32),
        slow: try reader.number("rope.scaling.yarn_beta_slow", in: 1e-3...1e6, default: 1))
    default: throw reader.wrong("rope.scaling.type", "\"\(kind)\" is not supported")
    }
  }

  /// The angle a position adds for each rotated pair, [size / 2], and the magnitude of cosines and sines.
  ///
  /// - Parameters:
  ///   - factors: the checkpoint's own divisor of each frequency, if it has any.
  ///   - isLocal: whether for layers with a sliding window.
  package func frequencies(factors: [Float]?, isLocal: Bool) -> (frequencies: [Double], magnitude: Double) {
    var frequencies = (0..<size / 2).map { pow(isLocal ? localBase : base, -2 * Double($0) / Double(size)) }
    if let factors { for index in frequencies.indices { frequencies[index] /= Double(factors[index]) } }
    guard !isLocal else { return (frequencies, 1) }
    switch scaling {
    case .none: return (frequencies, 1)
    case .linear(let factor): return (frequencies.map { $0 / factor }, 1)
    case .yarn(let factor, let context, let attention, let fast, let slow):
      let low = max(0, floor(correctedDimension(rotations: fast, context: context)))
      let high = min(Double(size - 1), ceil(correctedDimension(rotations: slow, context: context)))
      for index in frequencies.indices {
        let position = (Double(index) - low) / max(0.001, high - low)
        let extrapolated = 1 - min(1, max(0, position))
        frequencies[index] *= (1 - extrapolated) / factor + extrapolated
      }
      return (frequencies, attention * (1 + 0.1 * log(factor)))
    }
  }

  /// The pair whose wave makes `rotations` turns over the original context.
  private func correctedDimension(rotations: Double, context: Double) -> Double {
    Double(size) * log(context / (rotations * 2 * Double.pi)) / (2 * log(base))
  }
}
