// Why an adapter could not be read, written or used with a base.
import Compute
import GGUF
import Text

/// Why an adapter was refused. Every case names the file or folder.
public enum AdapterError: Error, CustomStringConvertible, Sendable {
  /// A GGUF file that is not well-formed.
  case file(GGUFError)
  /// A safetensors file that is not well-formed.
  case safetensors(SafetensorsError)
  /// A file that could not be opened.
  case mapping(MappedFileError)
  /// A file that could not be written.
  case writing(GGUFWriterError)
  /// It is another kind of file.
  case notAnAdapter(path: String, reason: String)
  /// PEFT's configuration is no JSON.
  case configuration(path: String, JSONError)
  /// A value that cannot be; `reason` says why.
  case value(path: String, key: String, offset: Int?, reason: String)
  /// Something beyond LoRA on a layer's projections.
  case unsupported(path: String, feature: String)
  /// A tensor that is no part of an adapter, or of which there is no other half.
  case tensor(path: String, name: String, offset: Int?, reason: String)
  /// A value that is not a finite number.
  case notFinite(path: String, tensor: String, offset: Int?)
  /// The layout of its queries and keys depends on its base, which nobody has named.
  case needsBase(path: String)
  /// It was made for another kind of model.
  case otherArchitecture(path: String, found: String, base: String, expected: String)
  /// It was made for another base; the text names both.
  case otherBase(path: String, theirs: String, base: String, ours: String)
  /// A tensor the base does not have.
  case noSuchTensor(path: String, tensor: String, base: String)
  /// A tensor of another shape than the base's; shapes are [outputs, inputs].
  case shape(path: String, tensor: String, found: [Int], base: String, expected: [Int])

  /// What happened, where, and what to do.
  public var description: String {
    switch self {
    case .file(let error): return error.description
    case .safetensors(let error): return error.description
    case .mapping(let error): return error.sentence
    case .writing(let error): return error.description
    case .notAnAdapter(let path, let reason):
      return "\(path): is not an adapter: \(reason); name a GGUF adapter or a folder with adapter_config.json"
    case .configuration(let path, let error): return "\(path): \(error); the file is damaged, fetch it again"
    case .value(let path, let key, let offset, let reason):
      return "\(path):\(place(offset)) \(key): \(reason); the adapter is damaged or made by another program"
    case .unsupported(let path, let feature):
      return "\(path): \(feature) is not supported; only plain LoRA on the seven projections of a layer is"
    case .tensor(let path, let name, let offset, let reason):
      return "\(path):\(place(offset)) tensor \(name.debugDescription) \(reason)"
    case .notFinite(let path, let tensor, let offset):
      return "\(path):\(place(offset)) tensor \(tensor.debugDescription) has a value that is not a finite number; "
        + "the adapter is damaged, or its training failed"
    case .needsBase(let path):
      return "\(path): does not say which base it is for, and its layout depends on that; name the base with -m"
    case .otherArchitecture(let path, let found, let base, let expected):
      return "\(path): is an adapter for \(found.debugDescription), but \(base) is \(expected.debugDescription); "
        + "load the model it was made for"
    case .otherBase(let path, let theirs, let base, let ours):
      return "\(path): was made for the base \(theirs), but \(base) is \(ours). Load that base; or, where it is the "
        + "same model in another number format, use it all the same: --adapter-any-base on the command line, "
        + "--anyway after /adapter FILE"
    case .noSuchTensor(let path, let tensor, let base):
      return "\(path): changes tensor \(tensor.debugDescription), which \(base) does not have; it was made for "
        + "another model"
    case .shape(let path, let tensor, let found, let base, let expected):
      return "\(path): changes tensor \(tensor.debugDescription) in shape \(found), but in \(base) it has shape "
        + "\(expected); it was made for another model"
    }
  }

  private func place(_ offset: Int?) -> String { offset.map { " byte \($0):" } ?? "" }
}
