// Which weights an adapter can change, by all the names they go by: in a GGUF checkpoint, and in the modules that
// PEFT wraps.

/// One of a layer's seven projections, named as in a GGUF checkpoint.
public enum Projection: String, CaseIterable, Sendable {
  /// What attention asks with.
  case query = "attn_q"
  /// What it is answered by.
  case key = "attn_k"
  /// What it takes.
  case value = "attn_v"
  /// From attention back to the residual stream.
  case output = "attn_output"
  /// The feed-forward network's gate.
  case gate = "ffn_gate"
  /// What the gate is multiplied with.
  case up = "ffn_up"
  /// From the feed-forward network back to the residual stream.
  case down = "ffn_down"

  /// The last part of the module's name in PEFT's `target_modules`, the same for every architecture.
  public var moduleName: String {
    switch self {
    case .query: "q_proj"
    case .key: "k_proj"
    case .value: "v_proj"
    case .output: "o_proj"
    case .gate: "gate_proj"
    case .up: "up_proj"
    case .down: "down_proj"
    }
  }

  /// The module that holds it.
  var parentModule: String {
    switch self {
    case .query, .key, .value, .output: "self_attn"
    case .gate, .up, .down: "mlp"
    }
  }
}

/// A projection of one layer.
public struct AdapterTarget: Hashable, Sendable {
  /// The layer, from 0.
  public let layer: Int
  /// Which of its weights.
  public let projection: Projection

  /// `projection` of layer `layer`.
  public init(layer: Int, projection: Projection) {
    self.layer = layer
    self.projection = projection
  }

  /// The target that a checkpoint's tensor is, such as `blk.3.attn_q.weight`, or nil when it is none.
  public init?(tensorName: String) {
    let parts = tensorName.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4, parts[0] == "blk", parts[3] == "weight", let layer = AdapterTarget.layer(parts[1]),
      let projection = Projection(rawValue: String(parts[2]))
    else { return nil }
    self.init(layer: layer, projection: projection)
  }

  /// The name of the tensor in a GGUF checkpoint.
  public var tensorName: String { "blk.\(layer).\(projection.rawValue).weight" }

  /// The name of the module in transformers, such as `model.layers.3.self_attn.q_proj`.
  var modulePath: String { "model.layers.\(layer).\(projection.parentModule).\(projection.moduleName)" }

  /// A layer's number as names hold it: digits without a leading zero.
  static func layer(_ text: Substring) -> Int? {
    guard let layer = Int(text), (0..<1 << 16).contains(layer), String(layer) == text else { return nil }
    return layer
  }
}

extension AdapterTarget: Comparable {
  /// Layer by layer, in the order of `Projection`.
  public static func < (left: AdapterTarget, right: AdapterTarget) -> Bool {
    (left.layer, left.projection.order) < (right.layer, right.projection.order)
  }
}

extension Projection {
  fileprivate var order: Int { Projection.allCases.firstIndex(of: self) ?? 0 }
}
