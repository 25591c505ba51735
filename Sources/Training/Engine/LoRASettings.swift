// What an adapter in training is: its rank and scale, and which weights it changes. A new one starts as PEFT's do,
// so that runs can be compared.
import Common
import Compute
import Glibc
import Model

/// The shape of a new adapter (arXiv 2106.09685).
public struct LoRASettings: Sendable, Equatable {
  /// Rows of A and columns of B.
  public var rank: Int
  /// The factor that the rank divides.
  public var alpha: Float
  /// Whether alpha is divided by the square root of the rank (rsLoRA, arXiv 2312.03732).
  public var isRankStabilized: Bool
  /// Which of a layer's weights are changed.
  public var projections: Set<Projection>
  /// In how many layers, counted from the last; nil for all.
  public var lastLayers: Int?

  /// Settings; all seven projections of all layers unless something else is asked for.
  public init(
    rank: Int = 16, alpha: Float = 32, isRankStabilized: Bool = false,
    projections: Set<Projection> = Set(Projection.allCases), lastLayers: Int? = nil
  ) {
    self.rank = rank
    self.alpha = alpha
    self.isRankStabilized = isRankStabilized
    self.projections = projections
    self.lastLayers = lastLayers
  }

  /// A new adapter for `checkpoint`, which changes nothing yet: A is drawn uniformly between plus and minus one over
  /// the square root of its width (Kaiming with a = sqrt 5, as PEFT has it), a function of `seed` and the target
  /// alone; B is zero.
  ///
  /// Throws when the settings do not fit the checkpoint.
  public func newAdapter(for checkpoint: Checkpoint, seed: UInt64) throws(GradientError) -> Adapter {
    let layers = checkpoint.parameters.layers
    guard (1...Adapter.rankLimit).contains(rank) else {
      throw .settings("rank \(rank) is not between 1 and \(Adapter.rankLimit)")
    }
    guard alpha.isFinite, alpha > 0 else { throw .settings("alpha \(alpha) is not a number above 0") }
    guard !projections.isEmpty else { throw .settings("no projection is to be changed; name at least one") }
    if let lastLayers, !(1...layers).contains(lastLayers) {
      throw .settings("the last \(lastLayers) layers cannot be changed: \(checkpoint.path) has \(layers)")
    }
    let first = layers - (lastLayers ?? layers)
    var parts: [Adapter.Part] = []
    for layer in first..<layers {
      for projection in Projection.allCases where projections.contains(projection) {
        let target = AdapterTarget(layer: layer, projection: projection)
        guard let weight = checkpoint.weights.projection(target) else { continue }
        parts.append(newPart(target, weight, seed: seed))
      }
    }
    return Adapter(
      base: Adapter.Base(checkpoint), alpha: alpha, isRankStabilized: isRankStabilized, parts: parts,
      chatTemplate: checkpoint.templateSource)
  }

  private func newPart(_ target: AdapterTarget, _ weight: WeightMatrix, seed: UInt64) -> Adapter.Part {
    let projection = Projection.allCases.firstIndex(of: target.projection) ?? 0
    var generator = SplitMix64(seed: seed, stream: UInt64(target.layer * Projection.allCases.count + projection))
    let bound = 1 / Float(weight.width).squareRoot()
    let a = (0..<rank * weight.width).map { _ in (Float(generator.next() >> 40) * 0x1p-23 - 1) * bound }
    let b = [Float](repeating: 0, count: weight.rows * rank)
    return Adapter.Part(
      target: target,
      matrix: LowRankMatrix(rank: rank, inputWidth: weight.width, outputWidth: weight.rows, a: a, b: b))
  }
}
