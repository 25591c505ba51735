// The adapter as a folder of PEFT's: adapter_config.json and adapter_model.safetensors, which transformers, vLLM
// and others load. What PEFT does not know of travels as texts of the safetensors header.
import Common
import Compute
import GGUF
import Glibc
import Text

private let configurationName = "adapter_config.json"
private let tensorsName = "adapter_model.safetensors"

/// The header's texts, named as the GGUF adapter's keys.
private enum Key {
  static let architecture = "hypnos.adapter.base.architecture"
  static let headSize = "hypnos.adapter.base.head_size"
  static let fingerprint = "hypnos.adapter.base.fingerprint"
  static let template = "hypnos.adapter.chat_template"
  static let training = "hypnos.adapter.training"
}

extension Adapter {
  /// All that an adapter at `path` is read from: the path itself, and, if that is PEFT's folder, the files in it.
  public static func paths(at path: String) -> [String] {
    [path, "\(path)/\(configurationName)", "\(path)/\(tensorsName)"]
  }

  /// Reads PEFT's adapter in the folder at `path`.
  ///
  /// - Parameter base: what its base is taken to be where the files do not say, as only those written here do.
  public init(peft path: String, base: Base? = nil) throws(AdapterError) {
    let configuration = try PEFTConfiguration(path: "\(path)/\(configurationName)")
    let tensors: SafetensorsFile
    do { tensors = try SafetensorsFile(path: "\(path)/\(tensorsName)") } catch {
      try Adapter.refuseOtherFiles(in: path)
      throw .safetensors(error)
    }
    self = try PEFTReader(configuration: configuration, file: tensors).adapter(base)
  }

  /// Says so where the tensors are there in a form that is not read.
  private static func refuseOtherFiles(in folder: String) throws(AdapterError) {
    guard access("\(folder)/\(tensorsName)", F_OK) != 0 else { return }
    for name in ["adapter_model.bin", "\(tensorsName).index.json"] where access("\(folder)/\(name)", F_OK) == 0 {
      throw .notAnAdapter(
        path: folder,
        reason: "it holds \(name), but only one \(tensorsName) is read; save it so with PEFT's save_pretrained")
    }
  }

  /// Writes PEFT's adapter to the folder at `path`, which is made where it is not there. Both files are complete
  /// before either takes its place, and without its configuration a folder is no adapter, so that there is never a
  /// mixture of two.
  public func write(peft path: String) throws(AdapterError) {
    let configurationPath = "\(path)/\(configurationName)"
    let writer = try safetensors()
    let isNew = mkdir(path, 0o700) == 0
    if !isNew, errno != EEXIST { throw .writing(.system(path: path, code: errno)) }
    do throws(WritingError) {
      let tensors = try TemporaryFile(beside: "\(path)/\(tensorsName)", permissions: 0o600)
      try writer.write(to: tensors)
      let configuration = try TemporaryFile(beside: configurationPath, permissions: 0o600)
      try configuration.write(Array((PEFTConfiguration.json(self).encoded + "\n").utf8))
      unlink(configurationPath)
      try tensors.rename()
      try configuration.rename()
    } catch {
      if isNew { rmdir(path) }
      throw .writing(.system(path: error.path, code: error.code))
    }
  }

  private func safetensors() throws(AdapterError) -> SafetensorsWriter {
    var writer = SafetensorsWriter()
    writer.metadata = [("format", "pt"), (Key.architecture, base.architecture.rawValue)]
    let texts = [
      (Key.headSize, base.headSize.map(String.init)), (Key.fingerprint, base.fingerprint),
      (Key.template, chatTemplate), (Key.training, trainingRecord),
    ]
    for (key, text) in texts { if let text { writer.metadata.append((key, text)) } }
    for part in parts {
      let matrix = part.matrix
      var b = matrix.b
      if RotaryRows.areReordered(part.target, base.architecture) {
        guard let headSize = base.headSize, matrix.outputWidth % headSize == 0 else {
          throw .needsBase(path: "the adapter")
        }
        b = RotaryRows.halved(b, rank: matrix.rank, headSize: headSize)
      }
      writer.tensors += [
        .init(
          name: PEFTTensorName.text(part.target, isA: true), shape: [matrix.rank, matrix.inputWidth],
          values: matrix.a),
        .init(
          name: PEFTTensorName.text(part.target, isA: false), shape: [matrix.outputWidth, matrix.rank], values: b),
      ]
    }
    return writer
  }
}

/// Puts configuration and tensors together.
private struct PEFTReader {
  let configuration: PEFTConfiguration
  let file: SafetensorsFile

  func adapter(_ given: Adapter.Base?) throws(AdapterError) -> Adapter {
    let base = try base(given)
    var halves: [AdapterTarget: (a: SafetensorsFile.Tensor?, b: SafetensorsFile.Tensor?)] = [:]
    for tensor in file.tensors {
      guard let name = PEFTTensorName(tensor.name) else {
        throw .unsupported(path: file.path, feature: "changing tensor \(tensor.name.debugDescription)")
      }
      var pair = halves[name.target] ?? (nil, nil)
      guard (name.isA ? pair.a : pair.b) == nil else { throw bad(tensor, "is there twice") }
      if name.isA { pair.a = tensor } else { pair.b = tensor }
      halves[name.target] = pair
    }
    guard !halves.isEmpty else { throw .notAnAdapter(path: file.path, reason: "it has no tensors") }
    var parts: [Adapter.Part] = []
    for (target, pair) in halves.sorted(by: { $0.key < $1.key }) {
      guard let a = pair.a, let b = pair.b else {
        throw .tensor(
          path: file.path, name: (pair.a ?? pair.b)?.name ?? "", offset: nil, reason: "has no other half beside it")
      }
      parts.append(Adapter.Part(target: target, matrix: try matrix(target, a, b, base)))
    }
    return Adapter(
      base: base, alpha: configuration.alpha, isRankStabilized: configuration.isRankStabilized, parts: parts,
      chatTemplate: file.metadata[Key.template], trainingRecord: file.metadata[Key.training])
  }

  private func base(_ given: Adapter.Base?) throws(AdapterError) -> Adapter.Base {
    guard let name = file.metadata[Key.architecture] else {
      guard var base = given else { throw .needsBase(path: file.path) }
      base.fingerprint = nil
      base.name = configuration.baseName
      return base
    }
    guard let architecture = Architecture(rawValue: name) else {
      throw .unsupported(path: file.path, feature: "an adapter for architecture \(name.debugDescription)")
    }
    let headSize = file.metadata[Key.headSize].flatMap { Int($0) }
    guard file.metadata[Key.headSize] == nil || headSize.map({ $0 > 0 && $0 % 2 == 0 }) == true else {
      throw .value(path: file.path, key: Key.headSize, offset: nil, reason: "is no head's size")
    }
    return Adapter.Base(
      architecture: architecture, headSize: headSize, fingerprint: file.metadata[Key.fingerprint],
      name: configuration.baseName)
  }

  private func matrix(
    _ target: AdapterTarget, _ a: SafetensorsFile.Tensor, _ b: SafetensorsFile.Tensor, _ base: Adapter.Base
  ) throws(AdapterError) -> LowRankMatrix {
    for tensor in [a, b] where tensor.shape.count != 2 { throw bad(tensor, "is no matrix: \(tensor.shape)") }
    let rank = a.shape[0]
    guard b.shape[1] == rank else { throw bad(a, "has shape \(a.shape), which does not go with \(b.shape) of its B") }
    guard rank == configuration.rank || configuration.hasRankPattern else {
      throw bad(a, "has a rank of \(rank), but \(configurationName) says \(configuration.rank)")
    }
    if let reason = Adapter.objection(rank: rank, inputWidth: a.shape[1], outputWidth: b.shape[0]) {
      throw bad(a, reason)
    }
    var values = try values(b)
    if RotaryRows.areReordered(target, base.architecture) {
      guard let headSize = base.headSize else { throw .needsBase(path: file.path) }
      guard b.shape[0] % headSize == 0 else { throw bad(b, "has \(b.shape[0]) rows, no whole heads of \(headSize)") }
      values = RotaryRows.paired(values, rank: rank, headSize: headSize)
    }
    return LowRankMatrix(
      rank: rank, inputWidth: a.shape[1], outputWidth: b.shape[0], a: try self.values(a), b: values)
  }

  private func values(_ tensor: SafetensorsFile.Tensor) throws(AdapterError) -> [Float] {
    let weight = WeightMatrix(
      name: tensor.name, format: tensor.format, rows: tensor.shape[0], width: tensor.shape[1], region: tensor.region)
    guard let weight else { throw bad(tensor, "has another size than its shape asks for") }
    return try Adapter.values(of: weight, path: file.path)
  }

  private func bad(_ tensor: SafetensorsFile.Tensor, _ reason: String) -> AdapterError {
    .tensor(path: file.path, name: tensor.name, offset: tensor.region.offset, reason: reason)
  }
}
