// Why a checkpoint that is a well-formed file still cannot be run.
import Compute
import GGUF
import Text

/// Why a checkpoint could not be loaded or run. Every case names the file.
public enum ModelError: Error, CustomStringConvertible, Sendable {
  /// The file itself.
  case file(GGUFError)
  /// Its tokenizer.
  case tokenizer(path: String, TokenizerError)
  /// Its architecture is none of those supported.
  case unsupportedArchitecture(path: String, name: String)
  /// It is an adapter or another kind of file, not a model.
  case notAModel(path: String, kind: String)
  /// A metadata value that cannot be; `reason` says why.
  case value(path: String, key: String, offset: Int?, reason: String)
  /// A tensor the architecture needs is not there.
  case missingTensor(path: String, name: String)
  /// A tensor has another shape than the metadata ask for.
  case shape(path: String, tensor: String, offset: Int, found: [Int], expected: [Int])
  /// A feature of the checkpoint that is not supported, such as mixtures of experts.
  case unsupported(path: String, feature: String)
  /// The memory for the KV cache could not be had.
  case memory(bytes: Int)
  /// A weight that is not a number, found after a computation gave one.
  case brokenWeight(path: String, tensor: String, offset: Int)
  /// A computation gave values that are not finite though all weights are; `adapters` were in use.
  case notFinite(path: String, adapters: [String])

  /// What happened, where, and what to do.
  public var description: String {
    switch self {
    case .file(let error): return error.description
    case .tokenizer(let path, let error): return "\(path): tokenizer: \(error)"
    case .unsupportedArchitecture(let path, let name):
      let known = Architecture.allCases.map(\.rawValue).joined(separator: ", ")
      return "\(path): architecture \"\(name)\" is not supported; supported are \(known)"
    case .notAModel(let path, let kind):
      guard kind == "adapter" else { return "\(path): this file holds a \(kind), not a model; give the model with -m" }
      return
        "\(path): this file holds an adapter, not a model; `hypnos adapter show` tells of it, and --adapter uses it "
        + "beside a model"
    case .value(let path, let key, let offset, let reason):
      let place = offset.map { " byte \($0):" } ?? ""
      return "\(path):\(place) \(key): \(reason); the file is damaged or made for another program"
    case .missingTensor(let path, let name):
      return "\(path): tensor \"\(name)\" is missing; the file is incomplete, fetch it again"
    case .shape(let path, let tensor, let offset, let found, let expected):
      return "\(path): byte \(offset): tensor \"\(tensor)\" has shape \(found), but the metadata ask for \(expected)"
    case .unsupported(let path, let feature): return "\(path): \(feature) is not supported"
    case .memory(let bytes):
      let mebibytes = max(1, (bytes + (1 << 20) - 1) >> 20)
      return "no memory for a KV cache of \(mebibytes) MiB; ask for a smaller context with -c"
    case .brokenWeight(let path, let tensor, let offset):
      return "\(path): byte \(offset): tensor \"\(tensor)\" has a scale or value that is not a finite number; "
        + "the file is damaged, fetch it again"
    case .notFinite(let path, let adapters):
      guard adapters.isEmpty else {
        return "\(adapters.joined(separator: ", ")): the computation left the range of numbers though every weight of "
          + "the base is finite; use less of the adapter (=0.5 behind its name) or none"
      }
      return "\(path): the computation left the range of numbers though every weight is finite; "
        + "the checkpoint cannot be used on this input"
    }
  }
}
