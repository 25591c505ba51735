// The safetensors format, read: eight bytes with the length of a JSON header that gives each tensor's type, shape
// and place, then the tensors' bytes without gaps. The file is untrusted: lengths, shapes and places are checked
// before anything is made of them.
import Compute
import Glibc
import Text

/// Why a safetensors file was refused.
public enum SafetensorsError: Error, Equatable, CustomStringConvertible, Sendable {
  /// It could not be opened.
  case file(MappedFileError)
  /// The header's length, `length` bytes, is more than the file or the limit holds.
  case headerLength(path: String, length: UInt64, atMost: Int)
  /// The header is no JSON; `error` counts its lines and columns from the header's beginning.
  case header(path: String, error: JSONError)
  /// The header's entry for `name` is not what it must be.
  case entry(path: String, name: String, reason: String)
  /// The tensors leave a gap, overlap, or end before or beyond the end of the file; `name` is the first such.
  case place(path: String, name: String, found: Range<Int>, expectedStart: Int, dataLength: Int)
  /// Bytes follow the last tensor.
  case trailingBytes(path: String, count: Int)

  /// What is wrong, where, and what to do.
  public var description: String {
    switch self {
    case .file(let error): return error.sentence
    case .headerLength(let path, let length, let limit):
      return "\(path): byte 0: a header of \(length) bytes, but there can be at most \(limit) here. "
        + "The file is damaged or cut, or no safetensors file; fetch it again."
    case .header(let path, let error): return "\(path): byte \(8 + error.offset): the header is no JSON: \(error)"
    case .entry(let path, let name, let reason): return "\(path): header entry \(name.debugDescription): \(reason)"
    case .place(let path, let name, let found, let start, let length):
      return "\(path): tensor \(name.debugDescription): bytes \(found) of \(length), but byte \(start) is due next. "
        + "The file is damaged or cut; fetch it again."
    case .trailingBytes(let path, let count):
      return "\(path): \(count) bytes behind the last tensor. The file is damaged; fetch it again."
    }
  }
}

/// An opened safetensors file: memory-mapped, its header checked.
struct SafetensorsFile {
  /// A tensor's type, shape and bytes.
  struct Tensor {
    let name: String
    let format: BlockFormat
    /// Outermost first.
    let shape: [Int]
    let region: MappedRegion
  }

  /// The longest header: an adapter's tensors take about a hundred bytes each.
  static let headerLimit = 16 << 20

  let path: String
  /// In the order of their bytes.
  let tensors: [Tensor]
  /// The texts of `__metadata__`.
  let metadata: [String: String]

  /// Opens the file at `path` and checks its header.
  init(path: String) throws(SafetensorsError) {
    self.path = path
    let file: MappedFile
    do { file = try MappedFile(path: path) } catch { throw .file(error) }
    let fields = try SafetensorsFile.header(of: file)
    var metadata: [String: String] = [:]
    var entries: [SafetensorsEntry] = []
    for field in fields {
      guard field.key == "__metadata__" else {
        entries.append(try SafetensorsEntry(field.key, field.value, path: path))
        continue
      }
      for text in field.value.object ?? [:] {
        guard let value = text.value.string else {
          throw .entry(path: path, name: "__metadata__", reason: "\(text.key.debugDescription) is no string")
        }
        metadata[text.key] = value
      }
    }
    self.metadata = metadata
    let dataStart = 8 + SafetensorsFile.headerLength(of: file)
    tensors = try SafetensorsFile.place(entries, in: file, dataStart: dataStart)
  }

  private static func headerLength(of file: MappedFile) -> Int {
    Int(clamping: file.integer(UInt64.self, at: 0) ?? .max)
  }

  private static func header(of file: MappedFile) throws(SafetensorsError) -> OrderedFields<JSONValue> {
    let length = headerLength(of: file)
    let most = min(headerLimit, max(0, file.count - 8))
    guard length <= most, let bytes = file.bytes(at: 8, length: length) else {
      throw .headerLength(path: file.path, length: UInt64(length), atMost: most)
    }
    let header: JSONValue
    do { header = try JSONValue(parsing: bytes) } catch { throw .header(path: file.path, error: error) }
    guard let fields = header.object else {
      throw .entry(path: file.path, name: "", reason: "the header is not an object")
    }
    return fields
  }

  /// Gives each entry its bytes: they follow one another without gap or overlap and fill the file.
  private static func place(
    _ entries: [SafetensorsEntry], in file: MappedFile, dataStart: Int
  ) throws(SafetensorsError) -> [Tensor] {
    let length = file.count - dataStart
    var tensors: [Tensor] = []
    var next = 0
    for entry in entries.sorted(by: { $0.place.lowerBound < $1.place.lowerBound }) {
      guard entry.place.lowerBound == next, entry.place.upperBound <= length,
        let region = file.region(at: dataStart + next, length: entry.place.count)
      else {
        throw .place(
          path: file.path, name: entry.name, found: entry.place, expectedStart: next, dataLength: length)
      }
      tensors.append(Tensor(name: entry.name, format: entry.format, shape: entry.shape, region: region))
      next = entry.place.upperBound
    }
    guard next == length else { throw .trailingBytes(path: file.path, count: length - next) }
    return tensors
  }
}

/// One tensor of the header, its size held against its type and shape.
private struct SafetensorsEntry {
  let name: String
  let format: BlockFormat
  let shape: [Int]
  let place: Range<Int>

  init(_ name: String, _ value: JSONValue, path: String) throws(SafetensorsError) {
    func wrong(_ reason: String) -> SafetensorsError { .entry(path: path, name: name, reason: reason) }
    let formats: [String: BlockFormat] = ["F32": .f32, "F16": .f16, "BF16": .bf16]
    guard let type = value["dtype"]?.string else { throw wrong("has no \"dtype\"") }
    guard let format = formats[type] else {
      throw wrong("type \(type.debugDescription) is not supported; F32, F16 and BF16 are")
    }
    let shape = value["shape"]?.array?.compactMap(\.integer) ?? []
    guard shape.count == value["shape"]?.array?.count, (1...8).contains(shape.count), shape.allSatisfy({ $0 > 0 })
    else { throw wrong("\"shape\" is not a list of 1 to 8 positive sizes") }
    let offsets = value["data_offsets"]?.array?.compactMap(\.integer) ?? []
    guard offsets.count == 2, offsets[0] >= 0, offsets[0] <= offsets[1] else {
      throw wrong("\"data_offsets\" is not a first and a last byte")
    }
    var bytes = format.blockBytes
    for size in shape {
      let (product, overflow) = bytes.multipliedReportingOverflow(by: size)
      guard !overflow else { throw wrong("its shape \(shape) is more than 64 bits can count") }
      bytes = product
    }
    guard bytes == offsets[1] - offsets[0] else {
      throw wrong("its shape \(shape) takes \(bytes) bytes, but it has \(offsets[1] - offsets[0])")
    }
    self.name = name
    self.format = format
    self.shape = shape
    place = offsets[0]..<offsets[1]
  }
}

extension MappedFileError {
  /// The refusal in a sentence, with the path.
  var sentence: String {
    switch self {
    case .system(let path, let code): "\(path): cannot be opened: \(String(cString: strerror(code)))"
    case .notARegularFile(let path): "\(path): is not a regular file"
    case .empty(let path): "\(path): is empty"
    }
  }
}
