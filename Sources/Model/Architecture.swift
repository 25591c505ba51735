// What sets the supported model families apart from one another. They share one forward pass; everything a
// family does differently is a property here.
import Compute

/// A family of transformer, by the name its checkpoints carry in `general.architecture`.
public enum Architecture: String, CaseIterable, Sendable {
  /// Llama 1 to 3 and their relatives.
  case llama
  /// Qwen 2 and 2.5: biases on queries, keys and values.
  case qwen2
  /// Qwen 3: norms on each head's queries and keys.
  case qwen3
  /// Gemma 3: sliding windows, norms behind attention and feed-forward, scaled embeddings.
  case gemma3

  /// Which values of a head are rotated together. Llama checkpoints are stored with their rows permuted so that
  /// neighbours belong together.
  package var rotaryPairing: RotaryPairing { self == .llama ? .neighbours : .halves }

  /// The feed-forward network's activation.
  package var activation: GatedActivation { self == .gemma3 ? .gelu : .silu }

  /// Whether embeddings are multiplied by the square root of their width.
  package var scalesEmbeddings: Bool { self == .gemma3 }

  /// Whether each head's queries and keys have a norm.
  var normalizesHeads: Bool { self == .qwen3 || self == .gemma3 }

  /// Whether attention and feed-forward are followed by a norm of their own.
  var normalizesOutputs: Bool { self == .gemma3 }

  /// With sliding windows, every how many layers one sees everything, unless the metadata say otherwise; nil
  /// without windows.
  var globalLayerPeriod: Int? { self == .gemma3 ? 6 : nil }

  /// The rotary base of layers with a sliding window, unless the metadata say otherwise.
  var localRotaryBase: Double { 10_000 }

  /// What products of queries and keys are multiplied with: one over the root of the head size. Gemma 3's
  /// largest model, which only its 62 layers tell from the others, takes a head's share of the width instead.
  func attentionScale(layers: Int, headShare: Double, headSize: Int) -> Float {
    let divisor = self == .gemma3 && layers == 62 ? headShare : Double(headSize)
    return Float(1 / divisor.squareRoot())
  }
}
