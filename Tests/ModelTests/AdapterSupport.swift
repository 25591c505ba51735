// What the adapter tests share: the fixtures that PEFT wrote, small checkpoints, and adapters made for them.
import Compute
import Foundation
import Model
import Testing

/// A folder of its own that goes away with the test.
final class ScratchFolder {
  let path: String

  init() throws {
    let url = FileManager.default.temporaryDirectory.appending(path: "hypnos-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func callAsFunction(_ name: String) -> String { path + "/" + name }
}

/// The path of a fixture in `folder`.
func fixturePath(_ folder: String, _ name: String) throws -> String {
  try #require(Bundle.module.resourceURL).appending(path: "Fixtures/\(folder)/\(name)").path
}

func openCheckpoint(_ path: String) throws -> Checkpoint {
  try Checkpoint(path: path, kernels: KernelSet.available[0])
}

/// An adapter of `rank` for every projection of `checkpoint`, or for those in `layers`, of numbers that look random.
func makeAdapter(
  for checkpoint: Checkpoint, rank: Int = 3, alpha: Float = 6, isRankStabilized: Bool = false, seed: UInt64 = 1,
  layers: [Int]? = nil, size: Float = 0.05
) -> Adapter {
  var state = seed
  func number() -> Float {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return (Float(state >> 40) / Float(1 << 23) - 1) * size
  }
  let p = checkpoint.parameters
  var parts: [Adapter.Part] = []
  for layer in layers ?? Array(0..<p.layers) {
    for projection in Projection.allCases {
      let (outputs, inputs) =
        switch projection {
        case .query: (p.heads * p.headSize, p.width)
        case .key, .value: (p.keyValueHeads * p.headSize, p.width)
        case .output: (p.width, p.heads * p.headSize)
        case .gate, .up: (p.feedForwardWidth, p.width)
        case .down: (p.width, p.feedForwardWidth)
        }
      let matrix = LowRankMatrix(
        rank: rank, inputWidth: inputs, outputWidth: outputs, a: (0..<rank * inputs).map { _ in number() },
        b: (0..<outputs * rank).map { _ in number() })
      parts.append(Adapter.Part(target: AdapterTarget(layer: layer, projection: projection), matrix: matrix))
    }
  }
  return Adapter(
    base: Adapter.Base(checkpoint), alpha: alpha, isRankStabilized: isRankStabilized, parts: parts,
    chatTemplate: "{{ messages }}", trainingRecord: #"{"loss":[2.5,1.25],"note":"naïve"}"#)
}

/// The logits of all positions of `tokens`, computed in batches cut before each of `pieces`.
func logits(_ model: Transformer, _ tokens: [Int32], pieces: [Int] = []) throws -> [[Float]] {
  let store = model.makeStore(capacity: tokens.count)
  var logits: [[Float]] = []
  for (start, end) in zip([0] + pieces, pieces + [tokens.count]) {
    let batch = (start..<end).map { BatchRow(token: tokens[$0], store: store, position: $0) }
    let found = try model.forward(batch, logitRows: Array(batch.indices))
    logits += batch.indices.map { found[row: $0] }
  }
  return logits
}

/// The largest difference of any two values.
func deviation(_ left: [[Float]], _ right: [[Float]]) -> Float {
  zip(left, right).map { row, other in zip(row, other).map { abs($0 - $1) }.max() ?? 0 }.max() ?? .infinity
}

extension Adapter {
  /// The same without its parts for `ffn_down`, whose rows are often no whole blocks in tiny checkpoints.
  var withoutDown: Adapter {
    Adapter(
      base: base, alpha: alpha, isRankStabilized: isRankStabilized,
      parts: parts.filter { $0.target.projection != .down }, chatTemplate: chatTemplate,
      trainingRecord: trainingRecord)
  }
}
