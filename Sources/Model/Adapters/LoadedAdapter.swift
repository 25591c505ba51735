// Adapters in use: each with the scale it was given, and what they add to the products of every layer.
import Common
import Compute
import Crypto

/// An adapter in use.
public struct LoadedAdapter: Sendable {
  /// The adapter.
  public let adapter: Adapter
  /// Where it was read from.
  public let path: String
  /// What its contribution is multiplied with beyond its own scale: 1 uses it as it was trained, 0 not at all.
  public var scale: Float

  /// `adapter`, read from `path`, at `scale`.
  public init(_ adapter: Adapter, path: String, scale: Float = 1) {
    self.adapter = adapter
    self.path = path
    self.scale = scale
  }

  /// The adapter at `path`, a GGUF file or a folder of PEFT's, read for `checkpoint` and checked to fit it.
  public init(path: String, for checkpoint: Checkpoint, scale: Float, anyBase: Bool) throws(AdapterError) {
    let adapter = try Adapter(path: path, base: Adapter.Base(checkpoint))
    try adapter.check(fits: checkpoint, path: path, anyBase: anyBase)
    self.init(adapter, path: path, scale: scale)
  }

  /// The last part of its path, without the extension.
  public var name: String {
    let file = path.split(separator: "/").last.map(String.init) ?? path
    return file.hasSuffix(".gguf") ? String(file.dropLast(5)) : file
  }

  /// SHA-256 over all it changes in the base's results, in hexadecimal digits.
  public var fingerprint: String {
    var hash = SHA256()
    for part in adapter.parts {
      hash.update(data: Array("\(part.target) \(adapter.scale(of: part) * scale);".utf8))
      for values in [part.matrix.a, part.matrix.b] {
        hash.update(data: values[...].littleEndianBytes)
      }
    }
    return hash.finalize().hexadecimal
  }

  /// What it adds to the weight `target`, if anything.
  func term(_ target: AdapterTarget) -> LowRankTerm? {
    adapter.part(target).map { LowRankTerm($0.matrix, scale: adapter.scale(of: $0) * scale) }
  }
}

extension Adapter {
  /// The part for `target`, if it has one.
  public func part(_ target: AdapterTarget) -> Part? {
    var (low, high) = (0, parts.count)
    while low < high {
      let middle = (low + high) / 2
      if parts[middle].target < target { low = middle + 1 } else { high = middle }
    }
    return low < parts.count && parts[low].target == target ? parts[low] : nil
  }
}

/// What adapters add to the products of one layer, by the products' inputs; nil where they add nothing.
final class LayerUpdates: Sendable {
  /// To queries, keys and values.
  let attention: LowRankUpdate?
  /// To the attention's output.
  let output: LowRankUpdate?
  /// To gate and up.
  let feedForward: LowRankUpdate?
  /// To down.
  let down: LowRankUpdate?

  /// The updates of every layer of `checkpoint`, each made with the one that comes after it.
  static func all(of checkpoint: Checkpoint, _ adapters: [LoadedAdapter]) -> [LayerUpdates] {
    var next: LowRankUpdate?
    return checkpoint.weights.layers.indices.reversed().map { index in
      LayerUpdates(layer: index, of: checkpoint, adapters, before: &next)
    }.reversed()
  }

  /// The updates of layer `index` of `checkpoint`. `next` is the one that comes after them, and then their first.
  private init(
    layer index: Int, of checkpoint: Checkpoint, _ adapters: [LoadedAdapter], before next: inout LowRankUpdate?
  ) {
    func update(_ projections: Projection...) -> LowRankUpdate? {
      let targets = projections.map { AdapterTarget(layer: index, projection: $0) }
      let update = LowRankUpdate(
        targets.map { target in adapters.compactMap { $0.term(target) } },
        precision: precision(beside: targets.compactMap { checkpoint.weights.projection($0) }), next: next)
      next = update ?? next
      return update
    }
    /// As fine as the least coarse of the weights.
    func precision(beside weights: [WeightMatrix]) -> LowRankPrecision {
      if weights.contains(where: { $0.format == .f32 }) { return .exact }
      return weights.allSatisfy(\.isQuantized) ? .bytes : .halves
    }
    down = update(.down)
    feedForward = update(.gate, .up)
    output = update(.output)
    attention = update(.query, .key, .value)
  }
}
