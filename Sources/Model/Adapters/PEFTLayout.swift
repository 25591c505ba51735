// How PEFT names an adapter's tensors, and how its rows of llama's queries and keys lie otherwise than in GGUF.
import Compute

/// A tensor of PEFT's adapter_model.safetensors.
struct PEFTTensorName {
  let target: AdapterTarget
  /// Whether it is A rather than B.
  let isA: Bool

  /// What stands before `layers.N`: the text model alone, and inside Gemma 3's model of text and images.
  private static let prefixes = [
    "base_model.model.model", "base_model.model.model.language_model", "base_model.model.language_model.model",
  ]

  /// The name to write.
  static func text(_ target: AdapterTarget, isA: Bool) -> String {
    "base_model.model.\(target.modulePath).lora_\(isA ? "A" : "B").weight"
  }

  /// The tensor called `name`, or nil when it is none of a layer's projections. Older files have the adapter's name,
  /// `default`, before the last part.
  init?(_ name: String) {
    var parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.popLast() == "weight" else { return nil }
    if parts.last == "default" { parts.removeLast() }
    guard let half = parts.popLast(), half == "lora_A" || half == "lora_B", parts.count > 4 else { return nil }
    let tail = parts.suffix(4)
    let start = tail.startIndex
    let prefix = parts.dropLast(4).joined(separator: ".")
    guard tail[start] == "layers", let layer = AdapterTarget.layer(tail[start + 1]),
      let projection = Projection.allCases.first(where: {
        $0.parentModule == tail[start + 2] && $0.moduleName == tail[start + 3]
      }), PEFTTensorName.prefixes.contains(prefix)
    else { return nil }
    target = AdapterTarget(layer: layer, projection: projection)
    isA = half == "lora_A"
  }
}

/// The order of a head's rows. Transformers rotates a value together with the one half a head on; llama's GGUF
/// checkpoints have the two side by side, so their rows of queries and keys, and with them those of B, are
/// reordered.
enum RotaryRows {
  /// Whether GGUF reorders the rows of `target`.
  static func areReordered(_ target: AdapterTarget, _ architecture: Architecture) -> Bool {
    architecture.rotaryPairing == .neighbours && [.query, .key].contains(target.projection)
  }

  /// B [outputs, rank] in GGUF's order, from the other.
  static func paired(_ b: [Float], rank: Int, headSize: Int) -> [Float] {
    reordered(b, rank: rank, headSize: headSize) { ($0 % 2) * (headSize / 2) + $0 / 2 }
  }

  /// B [outputs, rank] in transformers' order, from GGUF's.
  static func halved(_ b: [Float], rank: Int, headSize: Int) -> [Float] {
    reordered(b, rank: rank, headSize: headSize) { ($0 % (headSize / 2)) * 2 + $0 / (headSize / 2) }
  }

  /// Each head's rows anew: row `index` is what was row `source(index)`.
  private static func reordered(
    _ b: [Float], rank: Int, headSize: Int, source: (_ index: Int) -> Int
  ) -> [Float] {
    var result: [Float] = []
    result.reserveCapacity(b.count)
    for row in 0..<b.count / rank {
      let head = row / headSize * headSize
      let from = (head + source(row - head)) * rank
      result += b[from..<from + rank]
    }
    return result
  }
}
