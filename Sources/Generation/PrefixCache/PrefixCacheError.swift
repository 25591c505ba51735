// Why a kept beginning of a prompt is not used, or could not be kept. Neither keeps an answer from being given.
import Common
import Glibc

/// What is wrong with a file or folder of the prefix cache.
public enum PrefixCacheError: Error, Sendable, CustomStringConvertible {
  /// The system refused `action` ("read", "created"); `code` is its errno.
  case system(path: String, action: String, code: Int32)
  /// The file is no cache of this version, or damaged where it says so.
  case notACache(path: String)
  /// A link, a folder or something else stands in the file's place.
  case notAFile(path: String)
  /// It was made with another model, adapter or format of the KV cache.
  case otherModel(path: String)
  /// Its list of tokens was altered.
  case alteredHeader(path: String)
  /// It is longer or shorter than its header says.
  case wrongSize(path: String, found: Int, expected: Int)
  /// The data from byte `offset` on were altered.
  case alteredData(path: String, offset: Int)
  /// There is no memory for what it holds.
  case noMemory(path: String)
  /// A new file could not be written.
  case notWritten(WritingError)
  /// A prompt's cache is larger than the folder may become.
  case tooLarge(folder: String, bytes: Int, limit: Int)

  /// What happened, where, and what follows.
  public var description: String {
    switch self {
    case .system(let path, let action, let code):
      return "prefix cache: \(path): cannot be \(action): \(String(cString: strerror(code)))"
    case .notACache(let path): return refused(path, "it is no prefix cache of this version")
    case .notAFile(let path): return refused(path, "it is not a plain file, as those written here are")
    case .otherModel(let path): return refused(path, "it was made with another model, adapter or cache format")
    case .alteredHeader(let path): return refused(path, "its header was altered")
    case .wrongSize(let path, let found, let expected):
      return refused(path, "it has \(found) bytes where its header tells of \(expected)")
    case .alteredData(let path, let offset): return refused(path, "its data were altered behind byte \(offset)")
    case .noMemory(let path): return "prefix cache: \(path): there is no memory for it"
    case .notWritten(let error): return "prefix cache: \(error)"
    case .tooLarge(let folder, let bytes, let limit):
      return "prefix cache: \(folder): the beginning of the prompt takes \(megabytes(bytes)), and the folder may have "
        + "\(megabytes(limit)); --prefix-cache-limit allows more"
    }
  }

  private func refused(_ path: String, _ reason: String) -> String {
    "prefix cache: \(path): refused: \(reason). The prompt is computed anew."
  }

  private func megabytes(_ bytes: Int) -> String { "\((bytes + (1 << 20) - 1) >> 20) MiB" }
}
