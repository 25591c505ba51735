// What a forward pass takes, counted from the shapes: the multiply-accumulates of its matrix products, the bytes of
// weights and of KV cache it reads. Divided by the machine's limits it gives the most that is possible.
import Compute

/// Counts of the work in a model's forward passes.
public struct ModelCosts: Sendable {
  /// Multiply-accumulates for each row of a batch: the values in all matrices of the layers.
  public let layerMultiplyAccumulates: Double
  /// Multiply-accumulates for each row whose logits are wanted: the values in the head.
  public let headMultiplyAccumulates: Double
  /// Bytes of the layers' matrices, read once by each forward pass. Norms and biases, which are decoded on opening,
  /// and the rows of the embedding table that a batch takes do not count.
  public let layerBytes: Double
  /// Bytes of the head, read once by each forward pass that gives logits.
  public let headBytes: Double
  /// Bytes of one position's keys and values in one layer.
  public let positionBytes: Double
  /// For each layer, how many positions it sees at most; nil for all.
  public let windows: [Int?]

  /// Bytes of the sketch of one position's keys and values in one layer; nil where there are no sketches.
  public let sketchBytes: Double?

  /// Bytes of KV cache that a row reads which sees `positions` positions, its own included: all of them in a prompt;
  /// where the row `isGenerated`, the sketches of a long past in their place. Of those it may read less: values that
  /// hardly weigh are left out, which only the weights tell.
  public func cacheBytes(seeing positions: Int, isGenerated: Bool = false) -> Double {
    let chunks = isGenerated && sketchBytes != nil ? KeyValueSketch.chunks(before: positions - 1) : 0
    let sketched = Double(chunks * KeyValueStore.chunkLength)
    return windows.reduce(0) { sum, window in
      if let window { return sum + positionBytes * Double(min(positions, window)) }
      return sum + positionBytes * (Double(positions) - sketched) + (sketchBytes ?? 0) * sketched
    }
  }
}

extension Checkpoint {
  /// What forward passes of this checkpoint take with caches in `cacheFormat`.
  public func costs(cacheFormat: CacheFormat = .f16) -> ModelCosts {
    let (matrices, head) = (layerMatrices, weights.head)
    return ModelCosts(
      layerMultiplyAccumulates: matrices.reduce(0) { $0 + Double($1.rows) * Double($1.width) },
      headMultiplyAccumulates: Double(head.rows) * Double(head.width),
      layerBytes: matrices.reduce(0) { $0 + Double($1.region.count) }, headBytes: Double(head.region.count),
      positionBytes: Double(cacheBytes(positions: 1, format: cacheFormat)) / Double(parameters.layers),
      windows: (0..<parameters.layers).map { parameters.isLocal(layer: $0) ? parameters.slidingWindow : nil },
      sketchBytes: sketchedLayers(cacheFormat).isEmpty
        ? nil : Double(sketchBytes(chunks: 1)) / Double(KeyValueStore.chunkLength))
  }

  /// Where in the mapped files the matrices lie that a step of generation reads.
  public var matrixRegions: [MappedRegion] { (layerMatrices + [weights.head]).map(\.region) }

  private var layerMatrices: [WeightMatrix] {
    weights.layers.flatMap { [$0.query, $0.key, $0.value, $0.output, $0.gate, $0.up, $0.down] }
  }
}
