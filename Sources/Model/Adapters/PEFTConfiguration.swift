// PEFT's adapter_config.json: the few settings that decide what an adapter computes, and the refusal of those that
// would make it compute something else than LoRA does.
import Compute
import Text

/// What adapter_config.json says.
struct PEFTConfiguration {
  private static let sizeLimit = 1 << 20

  let rank: Int
  let alpha: Float
  let isRankStabilized: Bool
  /// Whether some targets have a rank of their own.
  let hasRankPattern: Bool
  let baseName: String?

  /// Reads and checks the file at `path`.
  init(path: String) throws(AdapterError) {
    let document = try PEFTConfiguration.document(path)
    func wrong(_ key: String, _ reason: String) -> AdapterError {
      .value(path: path, key: key, offset: nil, reason: reason)
    }
    func flag(_ key: String) throws(AdapterError) -> Bool {
      switch document[key] {
      case nil, .null: return false
      case .boolean(let value): return value
      default: throw wrong(key, "is neither true nor false")
      }
    }
    guard document.object != nil else { throw .notAnAdapter(path: path, reason: "it is not a JSON object") }
    guard let type = document["peft_type"]?.string else { throw wrong("peft_type", "is missing") }
    guard type == "LORA" else { throw .unsupported(path: path, feature: "an adapter of type \(type.debugDescription)") }
    try PEFTConfiguration.refuseVariants(document, path: path)
    guard let rank = document["r"]?.integer, (1...Adapter.rankLimit).contains(rank) else {
      throw wrong("r", "is not a rank between 1 and \(Adapter.rankLimit)")
    }
    guard let alpha = document["lora_alpha"]?.number, Float(alpha) > 0, Float(alpha).isFinite else {
      throw wrong("lora_alpha", "is not a positive number")
    }
    self.rank = rank
    self.alpha = Float(alpha)
    isRankStabilized = try flag("use_rslora")
    hasRankPattern = !(document["rank_pattern"]?.object ?? [:]).isEmpty
    baseName = document["base_model_name_or_path"]?.string
  }

  private static func document(_ path: String) throws(AdapterError) -> JSONValue {
    let file: MappedFile
    do { file = try MappedFile(path: path) } catch { throw .mapping(error) }
    guard file.count <= sizeLimit, let bytes = file.bytes(at: 0, length: file.count) else {
      throw .notAnAdapter(path: path, reason: "it has \(file.count) bytes, more than a configuration takes")
    }
    do { return try JSONValue(parsing: bytes) } catch { throw .configuration(path: path, error) }
  }

  /// Settings that change what is computed; everything else is about training and does not matter here.
  private static func refuseVariants(_ document: JSONValue, path: String) throws(AdapterError) {
    let variants = [
      "use_dora", "use_qalora", "use_bdlora", "lora_bias", "alora_invocation_tokens", "alpha_pattern",
      "layer_replication", "modules_to_save", "trainable_token_indices", "target_parameters", "arrow_config",
      "kasa_config", "monteclora_config", "velora_config",
    ]
    for name in variants {
      switch document[name] {
      case nil, .null, .boolean(false): continue
      case .array(let values) where values.isEmpty: continue
      case .object(let fields) where fields.isEmpty: continue
      default: throw .unsupported(path: path, feature: "PEFT's \(name)")
      }
    }
    // These begin with parts of the base's weights and take them from the base, which is then another one.
    if let start = document["init_lora_weights"]?.string?.lowercased(),
      ["pissa", "olora", "corda", "loftq", "lora_ga"].contains(where: start.hasPrefix)
    {
      throw .unsupported(path: path, feature: "PEFT's init_lora_weights \(start.debugDescription)")
    }
    if let bias = document["bias"]?.string, bias != "none" {
      throw .unsupported(path: path, feature: "PEFT's bias \(bias.debugDescription)")
    }
  }

  /// The file's content for `adapter`.
  static func json(_ adapter: Adapter) -> JSONValue {
    let whole = Int(exactly: adapter.alpha)
    var fields = OrderedFields<JSONValue>([
      ("peft_type", "LORA"), ("task_type", "CAUSAL_LM"),
      ("base_model_name_or_path", adapter.base.name.map { .string($0) } ?? .null),
      ("r", .integer(adapter.rank)),
      ("lora_alpha", whole.map { .integer($0) } ?? .number(Double(adapter.alpha))),
      ("use_rslora", .boolean(adapter.isRankStabilized)), ("lora_dropout", 0.0), ("bias", "none"),
      ("fan_in_fan_out", false), ("use_dora", false), ("inference_mode", true), ("modules_to_save", .null),
    ])
    let targets = adapter.parts.map(\.target)
    let layers = Set(targets.map(\.layer)).sorted()
    let projections = Projection.allCases.filter { projection in targets.contains { $0.projection == projection } }
    if targets.count == layers.count * projections.count {
      fields.set("target_modules", to: .array(projections.map { .string($0.moduleName) }))
      fields.set("layers_to_transform", to: .array(layers.map { .integer($0) }))
    } else {
      fields.set("target_modules", to: .array(targets.map { .string($0.modulePath) }))
    }
    let others = adapter.parts.filter { $0.matrix.rank != adapter.rank }
    fields.set(
      "rank_pattern",
      to: .object(OrderedFields(others.map { ($0.target.modulePath, .integer($0.matrix.rank)) })))
    return .object(fields)
  }
}
