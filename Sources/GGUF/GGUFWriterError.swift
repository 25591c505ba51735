// Why a GGUF file could not be written: a mistake in what it was given, or a refusal of the system.
import Common
import Compute
import Glibc

/// Why a GGUF file could not be written.
public enum GGUFWriterError: Error, Equatable, Sendable {
  /// A version of the format that is not written.
  case version(UInt32)
  /// A key or tensor name is empty, or longer than `atMost` bytes.
  case nameLength(name: String, atMost: Int)
  /// Two tensors have this name.
  case duplicateTensor(String)
  /// An array holds an element of another type than it says.
  case elementType(key: String, expected: ValueType, found: ValueType)
  /// Arrays are nested too deep to be read again.
  case arraysTooDeep(key: String)
  /// `general.alignment` is no `uint32` or no power of two the reader accepts.
  case alignment
  /// The shape has not 1 to 4 positive dimensions, or its rows are not whole blocks of the format.
  case shape(tensor: String, shape: [Int], format: BlockFormat)
  /// A tensor has other than the bytes its shape and format take.
  case byteCount(tensor: String, expected: Int, found: Int)
  /// The bytes of a tensor could not be made.
  case notMade(tensor: String, reason: String)
  /// Offsets of the tensors' data go beyond 64 bits.
  case tooLarge
  /// The file that bytes are copied from is shorter than it was.
  case sourceCut(path: String)
  /// The system refused to write `path`; `code` is its errno.
  case system(path: String, code: Int32)
}

extension GGUFWriterError {
  /// What `body` returns, its failure as one of these.
  package static func naming<Value>(_ body: () throws(WritingError) -> Value) throws(GGUFWriterError) -> Value {
    do { return try body() } catch { throw .system(path: error.path, code: error.code) }
  }
}

extension GGUFWriterError: CustomStringConvertible {
  /// What is wrong and what to do about it.
  public var description: String {
    switch self {
    case .version(let version): "GGUF version \(version) cannot be written; use 2 or 3."
    case .nameLength(let name, let limit):
      "The name \(name.debugDescription) has \(name.utf8.count) bytes; use 1 to \(limit)."
    case .duplicateTensor(let name): "There are two tensors named \(name.debugDescription); rename one."
    case .elementType(let key, let expected, let found):
      "The array of \(expected.name) under key \(key.debugDescription) holds a \(found.name)."
    case .arraysTooDeep(let key):
      "The arrays under key \(key.debugDescription) are nested more than \(FileLayout.deepestArray) deep."
    case .alignment:
      "\(FileLayout.alignmentKey) must be a uint32 and a power of two up to \(FileLayout.largestAlignment)."
    case .shape(let tensor, let shape, let format):
      "Tensor \(tensor.debugDescription) cannot have the shape \(shape) in format \(format.name): "
        + "1 to \(FileLayout.mostDimensions) positive dimensions are needed, the first a multiple of "
        + "\(format.blockWidth)."
    case .byteCount(let tensor, let expected, let found):
      "Tensor \(tensor.debugDescription) needs \(expected) bytes by its shape, but \(found) were given."
    case .notMade(let tensor, let reason): "Tensor \(tensor.debugDescription): \(reason)."
    case .tooLarge: "The tensors together are larger than a file can be."
    case .sourceCut(let path): "\(path): the file became shorter while it was copied; copy it again."
    case .system(let path, let code):
      "\(path): cannot be written: \(String(cString: strerror(code))). Check the folder, its permissions "
        + "and the free space."
    }
  }
}
