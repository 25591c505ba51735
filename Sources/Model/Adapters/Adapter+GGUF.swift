// The adapter as a GGUF file, in the form llama.cpp loads: tensors NAME.lora_a and NAME.lora_b beside the base
// tensor's NAME, and the scale as alpha over the rank. What llama.cpp does not know of is kept under hypnos.adapter.
import Compute
import GGUF

/// The metadata's keys.
private enum Key {
  static let kind = "general.type"
  static let architecture = "general.architecture"
  static let method = "adapter.type"
  static let alpha = "adapter.lora.alpha"
  static let activation = "adapter.alora.invocation_tokens"
  /// The alpha that the square root of the rank divides; only rsLoRA adapters have it.
  static let stabilizedAlpha = "hypnos.adapter.rslora.alpha"
  static let fingerprint = "hypnos.adapter.base.fingerprint"
  static let baseName = "hypnos.adapter.base.name"
  static let headSize = "hypnos.adapter.base.head_size"
  static let template = "hypnos.adapter.chat_template"
  static let training = "hypnos.adapter.training"
}

extension Adapter {
  /// Reads the GGUF adapter at `path`; its tensors can be in any number format.
  public init(gguf path: String) throws(AdapterError) {
    let file = try AdapterReader.read { () throws(GGUFError) in try GGUFFile(path: path) }
    self = try AdapterReader(file: file).adapter()
  }

  /// The file of `write(gguf:)`, to be written or looked at.
  public func ggufWriter() throws(AdapterError) -> GGUFWriter {
    var writer = GGUFWriter()
    writer.set(Key.kind, .string("adapter"))
    writer.set(Key.architecture, .string(base.architecture.rawValue))
    writer.set(Key.method, .string("lora"))
    if isRankStabilized {
      guard hasOneRank else {
        throw .unsupported(path: "the adapter", feature: "rsLoRA with several ranks in a GGUF file")
      }
      writer.set(Key.alpha, .float32(Adapter.plainAlpha(alpha, rank: rank)))
      writer.set(Key.stabilizedAlpha, .float32(alpha))
    } else {
      writer.set(Key.alpha, .float32(alpha))
    }
    let texts = [
      (Key.fingerprint, base.fingerprint), (Key.baseName, base.name), (Key.template, chatTemplate),
      (Key.training, trainingRecord),
    ]
    for (key, text) in texts { if let text { writer.set(key, .string(text)) } }
    if let headSize = base.headSize { writer.set(Key.headSize, .uint32(UInt32(clamping: headSize))) }
    for part in parts {
      let (name, matrix) = (part.target.tensorName, part.matrix)
      writer.add(tensor: name + ".lora_a", shape: [matrix.inputWidth, matrix.rank], floats: matrix.a)
      writer.add(tensor: name + ".lora_b", shape: [matrix.rank, matrix.outputWidth], floats: matrix.b)
    }
    return writer
  }

  /// Writes the GGUF adapter to `path`, all or nothing, readable by its owner alone.
  public func write(gguf path: String) throws(AdapterError) {
    let writer = try ggufWriter()
    do { try writer.write(to: path) } catch { throw .writing(error) }
  }

  /// The alpha that, divided by the rank, gives the scale of an rsLoRA adapter.
  fileprivate static func plainAlpha(_ alpha: Float, rank: Int) -> Float { alpha * Float(rank).squareRoot() }
}

/// Takes an adapter out of a well-formed GGUF file.
private struct AdapterReader {
  let file: GGUFFile
  var path: String { file.metadata.path }

  static func read<Value>(_ body: () throws(GGUFError) -> Value) throws(AdapterError) -> Value {
    do { return try body() } catch { throw .file(error) }
  }

  func adapter() throws(AdapterError) -> Adapter {
    try checkKind()
    let name = try string(Key.architecture) ?? ""
    guard let architecture = Architecture(rawValue: name) else {
      throw .unsupported(path: path, feature: "an adapter for architecture \(name.debugDescription)")
    }
    let parts = try parts()
    let (alpha, isRankStabilized) = try alpha(of: parts)
    let headSize = try Self.read { () throws(GGUFError) in try file.metadata.integer(Key.headSize) }
    if let headSize, headSize <= 0 || headSize % 2 != 0 { throw wrong(Key.headSize, "\(headSize) is no head's size") }
    return Adapter(
      base: Adapter.Base(
        architecture: architecture, headSize: headSize, fingerprint: try string(Key.fingerprint),
        name: try string(Key.baseName)),
      alpha: alpha, isRankStabilized: isRankStabilized, parts: parts, chatTemplate: try string(Key.template),
      trainingRecord: try string(Key.training))
  }

  private func checkKind() throws(AdapterError) {
    let kind = try string(Key.kind) ?? "model"
    guard kind == "adapter" else {
      throw .notAnAdapter(path: path, reason: "the file holds a \(kind.debugDescription)")
    }
    let method = try string(Key.method) ?? "none"
    guard method == "lora" else { throw .unsupported(path: path, feature: "adapter type \(method.debugDescription)") }
    guard file.metadata.entry(Key.activation) == nil else {
      throw .unsupported(path: path, feature: "an adapter that certain tokens turn on (aLoRA)")
    }
  }

  private func alpha(of parts: [Adapter.Part]) throws(AdapterError) -> (alpha: Float, isRankStabilized: Bool) {
    func number(_ key: String) throws(AdapterError) -> Float? {
      guard let value = try Self.read({ () throws(GGUFError) in try file.metadata.float(key) }) else { return nil }
      guard Float(value).isFinite, Float(value) > 0 else { throw wrong(key, "\(value) is not a positive number") }
      return Float(value)
    }
    guard let plain = try number(Key.alpha) else { throw wrong(Key.alpha, "is missing") }
    guard let stabilized = try number(Key.stabilizedAlpha) else { return (plain, false) }
    let rank = parts[0].matrix.rank
    guard parts.allSatisfy({ $0.matrix.rank == rank }), Adapter.plainAlpha(stabilized, rank: rank) == plain else {
      throw wrong(Key.stabilizedAlpha, "\(stabilized) does not go with \(Key.alpha) \(plain) at rank \(rank)")
    }
    return (stabilized, true)
  }

  private func parts() throws(AdapterError) -> [Adapter.Part] {
    var parts: [Adapter.Part] = []
    for tensor in file.tensors {
      guard tensor.name.hasSuffix(".lora_a") else {
        let base = tensor.name.hasSuffix(".lora_b") ? String(tensor.name.dropLast(7)) : nil
        guard let base, file.tensor(named: base + ".lora_a") != nil else {
          throw bad(tensor, base == nil ? "is neither a .lora_a nor a .lora_b" : "has no .lora_a beside it")
        }
        continue
      }
      parts.append(try part(String(tensor.name.dropLast(7)), a: tensor))
    }
    guard !parts.isEmpty else { throw .notAnAdapter(path: path, reason: "it has no tensors") }
    return parts
  }

  private func part(_ name: String, a: TensorInfo) throws(AdapterError) -> Adapter.Part {
    guard let target = AdapterTarget(tensorName: name) else {
      throw .unsupported(path: path, feature: "changing tensor \(name.debugDescription)")
    }
    guard let b = file.tensor(named: name + ".lora_b") else { throw bad(a, "has no .lora_b beside it") }
    let (shapeA, shapeB) = (try flat(a), try flat(b))
    guard shapeA.rows == shapeB.width else {
      throw bad(a, "has shape \(a.shape), which does not go with \(b.shape) of its .lora_b")
    }
    if let reason = Adapter.objection(rank: shapeA.rows, inputWidth: shapeA.width, outputWidth: shapeB.rows) {
      throw bad(a, reason)
    }
    let matrix = LowRankMatrix(
      rank: shapeA.rows, inputWidth: shapeA.width, outputWidth: shapeB.rows, a: try values(a, shapeA),
      b: try values(b, shapeB))
    return Adapter.Part(target: target, matrix: matrix)
  }

  private func flat(_ tensor: TensorInfo) throws(AdapterError) -> (width: Int, rows: Int) {
    guard tensor.shape.dropFirst(2).allSatisfy({ $0 == 1 }) else { throw bad(tensor, "is no matrix: \(tensor.shape)") }
    return (tensor.shape[0], tensor.shape.count > 1 ? tensor.shape[1] : 1)
  }

  private func values(_ tensor: TensorInfo, _ shape: (width: Int, rows: Int)) throws(AdapterError) -> [Float] {
    let weight = WeightMatrix(
      name: tensor.name, format: tensor.format, rows: shape.rows, width: shape.width, region: file.region(of: tensor))
    guard let weight else { throw bad(tensor, "has another size than its shape \(tensor.shape) asks for") }
    return try Adapter.values(of: weight, path: path)
  }

  private func string(_ key: String) throws(AdapterError) -> String? {
    try Self.read { () throws(GGUFError) in try file.metadata.string(key) }
  }

  private func wrong(_ key: String, _ reason: String) -> AdapterError {
    .value(path: path, key: key, offset: file.metadata.entry(key)?.offset, reason: reason)
  }

  private func bad(_ tensor: TensorInfo, _ reason: String) -> AdapterError {
    .tensor(path: path, name: tensor.name, offset: tensor.entryOffset, reason: reason)
  }
}
