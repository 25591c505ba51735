// A model's sizes and constants, read from the metadata and checked before anything is built from them.
import GGUF

/// The sizes and constants of a transformer.
public struct Hyperparameters: Sendable {
  /// The model family.
  public let architecture: Architecture
  /// Layers.
  public let layers: Int
  /// Width of the residual stream.
  public let width: Int
  /// Width of the feed-forward network.
  public let feedForwardWidth: Int
  /// Query heads.
  public let heads: Int
  /// Key/value heads; a whole number of query heads shares each.
  public let keyValueHeads: Int
  /// Values in a head.
  public let headSize: Int
  /// Positions the model was trained on.
  public let trainedContext: Int
  /// The most positions of a context.
  public static let longestContext = 1 << 24
  /// The norms' epsilon.
  public let epsilon: Float
  /// Positions a layer with a sliding window sees.
  public let slidingWindow: Int?
  /// With sliding windows, every how many layers one sees everything.
  let globalLayerPeriod: Int?
  /// What products of queries and keys are multiplied with.
  public let attentionScale: Float
  /// The rotary embedding.
  package let rotary: RotaryParameters

  /// Whether layer `index` sees only the sliding window.
  public func isLocal(layer index: Int) -> Bool {
    guard slidingWindow != nil, let period = globalLayerPeriod else { return false }
    return index % period != period - 1
  }

  /// The widest a layer can be: more than twice the largest llama's, and little enough that a damaged or hostile
  /// file cannot make a batch's working memory grow without bound.
  static let widthLimit = 1 << 17

  /// Reads and checks the metadata of `file`.
  init(_ file: GGUFFile) throws(ModelError) {
    let reader = try ParameterReader(file)
    architecture = reader.architecture
    if let experts = try reader.integer("expert_count"), experts > 0 {
      throw .unsupported(path: reader.path, feature: "a mixture of experts")
    }
    layers = try reader.positive("block_count", atMost: 4096)
    width = try reader.positive("embedding_length", atMost: Hyperparameters.widthLimit)
    feedForwardWidth = try reader.positive("feed_forward_length", atMost: Hyperparameters.widthLimit)
    heads = try reader.positive("attention.head_count", atMost: 1 << 14)
    keyValueHeads = try reader.positive("attention.head_count_kv", atMost: heads, default: heads)
    guard heads % keyValueHeads == 0 else {
      throw reader.wrong("attention.head_count_kv", "\(heads) query heads cannot share \(keyValueHeads)")
    }
    guard width % heads == 0 || file.metadata.entry(reader.key("attention.key_length")) != nil else {
      throw reader.wrong("attention.head_count", "a width of \(width) does not divide into \(heads) heads")
    }
    headSize = try reader.positive("attention.key_length", atMost: 1 << 12, default: width / heads)
    let valueSize = try reader.positive("attention.value_length", atMost: 1 << 12, default: headSize)
    guard valueSize == headSize, headSize % 2 == 0 else {
      throw reader.wrong("attention.value_length", "heads of \(headSize) and \(valueSize) values are not supported")
    }
    guard heads * headSize <= Hyperparameters.widthLimit else {
      throw reader.wrong("attention.head_count", "\(heads) heads of \(headSize) values are too wide")
    }
    trainedContext = try reader.positive("context_length", atMost: Hyperparameters.longestContext)
    guard trainedContext > 1 else { throw reader.wrong("context_length", "leaves no room for an answer") }
    epsilon = Float(try reader.number("attention.layer_norm_rms_epsilon", in: 0...1, default: 1e-5))
    if let period = architecture.globalLayerPeriod {
      slidingWindow = try reader.positive("attention.sliding_window", atMost: 1 << 30)
      globalLayerPeriod = try reader.positive(
        "attention.sliding_window_pattern", atMost: 4096, default: period)
    } else {
      slidingWindow = nil
      globalLayerPeriod = nil
    }
    attentionScale = architecture.attentionScale(
      layers: layers, headShare: Double(width) / Double(heads), headSize: headSize)
    rotary = try RotaryParameters(reader, headSize: headSize, trainedContext: trainedContext)
  }
}

/// Typed, range-checked reading of one architecture's keys.
struct ParameterReader {
  let path: String
  let architecture: Architecture
  private let metadata: Metadata

  init(_ file: GGUFFile) throws(ModelError) {
    metadata = file.metadata
    path = file.metadata.path
    if let kind = try ParameterReader.read({ () throws(GGUFError) in try file.metadata.string("general.type") }),
      kind != "model"
    {
      throw .notAModel(path: path, kind: kind)
    }
    let name = try ParameterReader.read { () throws(GGUFError) in
      try file.metadata.string("general.architecture")
    }
    guard let name else {
      throw .value(path: path, key: "general.architecture", offset: nil, reason: "is missing")
    }
    guard let known = Architecture(rawValue: name) else {
      throw .unsupportedArchitecture(path: path, name: name)
    }
    architecture = known
  }

  static func read<Value>(_ body: () throws(GGUFError) -> Value) throws(ModelError) -> Value {
    do { return try body() } catch { throw .file(error) }
  }

  func key(_ name: String) -> String { architecture.rawValue + "." + name }

  func wrong(_ name: String, _ reason: String) -> ModelError {
    .value(path: path, key: key(name), offset: metadata.entry(key(name))?.offset, reason: reason)
  }

  /// An integer, or an array with the same integer for every layer.
  func integer(_ name: String) throws(ModelError) -> Int? {
    guard let entry = metadata.entry(key(name)) else { return nil }
    guard entry.elementType != nil else {
      return try ParameterReader.read { () throws(GGUFError) in try metadata.integer(key(name)) }
    }
    let values = try ParameterReader.read { () throws(GGUFError) in try metadata.integers(key(name)) } ?? []
    guard let first = values.first, values.allSatisfy({ $0 == first }) else {
      throw wrong(name, "differs from layer to layer, which is not supported")
    }
    return first
  }

  func positive(_ name: String, atMost limit: Int, default fallback: Int? = nil) throws(ModelError) -> Int {
    guard let value = try integer(name) ?? fallback else { throw wrong(name, "is missing") }
    guard value > 0, value <= limit else { throw wrong(name, "\(value) is not between 1 and \(limit)") }
    return value
  }

  func number(_ name: String, in range: ClosedRange<Double>, default fallback: Double) throws(ModelError) -> Double {
    let found = try ParameterReader.read { () throws(GGUFError) in try metadata.float(key(name)) }
    let value = found ?? fallback
    guard range.contains(value) else { throw wrong(name, "\(value) is not a number in \(range)") }
    return value
  }

  func string(_ name: String) throws(ModelError) -> String? {
    try ParameterReader.read { () throws(GGUFError) in try metadata.string(key(name)) }
  }
}
