// A checkpoint opened and checked: the mapped file, what its metadata say, its tensors, tokenizer and template.
import Common
import Compute
import Crypto
import GGUF
import Text

/// A model file, memory-mapped, with everything needed to run it.
public final class Checkpoint {
  /// The file.
  public let file: GGUFFile
  /// Its sizes and constants.
  public let parameters: Hyperparameters
  /// Its tokenizer.
  public let tokenizer: Tokenizer
  /// Its own chat template's source; nil for a base model.
  public let templateSource: String?
  /// The inner loops it will be run with.
  public let kernels: KernelSet
  /// Its tensors.
  package let weights: Weights

  /// Opens and checks the checkpoint at `path`.
  public init(path: String, kernels: KernelSet) throws(ModelError) {
    let file = try ParameterReader.read { () throws(GGUFError) in try GGUFFile(path: path) }
    self.file = file
    self.kernels = kernels
    parameters = try Hyperparameters(file)
    weights = try Weights(file, parameters, kernels: kernels)
    tokenizer = try Checkpoint.makeTokenizer(file)
    templateSource = try ParameterReader.read { () throws(GGUFError) in
      try file.metadata.string("tokenizer.chat_template")
    }
    guard tokenizer.vocabularySize == weights.embedding.rows else {
      throw .value(
        path: path, key: "tokenizer.ggml.tokens", offset: file.metadata.entry("tokenizer.ggml.tokens")?.offset,
        reason: "has \(tokenizer.vocabularySize) tokens, but the embedding \(weights.embedding.rows) rows")
    }
  }

  /// The path it was opened by.
  public var path: String { file.metadata.path }

  /// The paths of all files that it lies in.
  public var partPaths: [String] { file.files.map(\.path) }

  /// The name to show: what the metadata say, or the file's own.
  public var name: String {
    if let name = try? file.metadata.string("general.name"), !name.isEmpty { return name }
    return path.split(separator: "/").last.map(String.init) ?? path
  }

  /// Values in all tensors.
  public var parameterCount: Int {
    file.tensors.reduce(0) { $0 + $1.shape.reduce(1, *) }
  }

  /// Bytes of all its files.
  public var byteCount: Int { file.files.reduce(0) { $0 + $1.count } }

  /// Tokens in the vocabulary.
  public var vocabularySize: Int { weights.embedding.rows }

  /// Bytes of KV cache that `positions` positions take, the sketches of a long past included.
  public func cacheBytes(positions: Int, format: CacheFormat = .f16) -> Int {
    parameters.layers * parameters.keyValueHeads * format.bytes(headSize: parameters.headSize) * positions
      + sketchedLayers(format).count * sketchBytes(chunks: KeyValueSketch.chunks(before: positions))
  }

  /// The layers whose rows see all of their past, and may read it by its sketch in a cache of `format`.
  func sketchedLayers(_ format: CacheFormat) -> [Int] {
    format.hasSketches(headSize: parameters.headSize)
      ? (0..<parameters.layers).filter { !parameters.isLocal(layer: $0) } : []
  }

  /// Bytes of the sketches of `chunks` chunks in a layer.
  func sketchBytes(chunks: Int) -> Int {
    parameters.keyValueHeads * KeyValueSketch.headBytes(headSize: parameters.headSize) * chunks
  }

  /// SHA-256 over the header, which names every tensor and holds the vocabulary, and the size of every file, in
  /// hexadecimal digits: tells checkpoints apart without reading gigabytes of weights.
  public var fingerprint: String {
    var hash = SHA256()
    hash.update(data: file.headerBytes())
    for part in file.files { hash.update(data: Array("\(part.count);".utf8)) }
    return hash.finalize().hexadecimal
  }

  /// The first weight that is not finite. To find it all are read, once.
  private lazy var brokenWeight: ModelError? = {
    for tensor in file.tensors {
      let weight = WeightMatrix(
        name: tensor.name, format: tensor.format, rows: tensor.shape.dropFirst().reduce(1, *), width: tensor.shape[0],
        region: file.region(of: tensor))
      if let offset = weight?.firstBrokenScale(kernels) {
        return .brokenWeight(path: path, tensor: tensor.name, offset: offset)
      }
    }
    return nil
  }()

  /// Looks for the weight that made a computation with `adapters` not finite.
  package func explainNotFinite(adapters: [String]) -> ModelError {
    brokenWeight ?? .notFinite(path: path, adapters: adapters)
  }

  /// Reads every weight once and reports the first that is not finite.
  public func verifyWeights() throws(ModelError) {
    if let brokenWeight { throw brokenWeight }
  }
}
