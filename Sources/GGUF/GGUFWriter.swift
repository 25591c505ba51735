// Makes GGUF files: metadata and tensors are collected in order, checked against the limits the reader
// holds files to, and written through a temporary file, so that a file in use is never cut short.
import Common
import Compute

/// Collects metadata and tensors and writes them as one GGUF file.
///
///     var writer = GGUFWriter()
///     writer.set("general.architecture", .string("llama"))
///     writer.add(tensor: "output.weight", shape: [64, 32], floats: weights)
///     try writer.write(to: path)
///
/// Mistakes, such as a name used twice, are reported when the file is encoded or written.
public struct GGUFWriter: Sendable {
  /// Makes the bytes of a range of a tensor's rows.
  public typealias RowMaker = @Sendable (Range<Int>) throws(GGUFWriterError) -> [UInt8]

  /// A tensor's bytes, or where they come from.
  enum TensorData {
    case bytes([UInt8])
    case floats([Float])
    case region(MappedRegion)
    case made(byteCount: Int, rows: Int, RowMaker)

    var byteCount: Int {
      switch self {
      case .bytes(let bytes): bytes.count
      case .floats(let values): values.count * MemoryLayout<Float>.size
      case .region(let region): region.count
      case .made(let byteCount, _, _): byteCount
      }
    }
  }

  /// A tensor to be written.
  struct Tensor {
    let name: String
    let format: BlockFormat
    let shape: [Int]
    let data: TensorData
  }

  /// The value of a key to be written.
  enum Value {
    case given(MetadataValue)
    /// Taken byte for byte from another file.
    case copied(Metadata.Entry, from: Metadata)
  }

  let version: UInt32
  private(set) var keys: [String] = []
  private(set) var values: [String: Value] = [:]
  private(set) var tensors: [Tensor] = []

  /// An empty file of this version: 3, or 2.
  public init(version: Int = 3) {
    self.version = UInt32(clamping: version)
  }

  /// Sets the value of `key`, in place of an earlier one. `general.alignment`, a `uint32`, sets the
  /// alignment of the tensors' data, which is 32 otherwise.
  public mutating func set(_ key: String, _ value: MetadataValue) {
    set(key, .given(value))
  }

  /// Sets `key` to the value it has in `metadata`, byte for byte; does nothing when it has none.
  public mutating func set(_ key: String, copying metadata: Metadata) {
    guard let entry = metadata.entry(key) else { return }
    set(key, .copied(entry, from: metadata))
  }

  /// Adds a tensor of 32-bit floats, given row after row; `shape[0]` is a row's width.
  public mutating func add(tensor name: String, shape: [Int], floats: [Float]) {
    tensors.append(Tensor(name: name, format: .f32, shape: shape, data: .floats(floats)))
  }

  /// Adds a tensor whose `bytes` are in the blocks of `format`, row after row.
  public mutating func add(tensor name: String, shape: [Int], format: BlockFormat, bytes: [UInt8]) {
    tensors.append(Tensor(name: name, format: format, shape: shape, data: .bytes(bytes)))
  }

  /// Adds a tensor whose bytes are copied from a mapped file when this one is written.
  public mutating func add(tensor name: String, shape: [Int], format: BlockFormat, region: MappedRegion) {
    tensors.append(Tensor(name: name, format: format, shape: shape, data: .region(region)))
  }

  /// Adds a tensor whose bytes are made when the file is written: `make` is asked for a range of rows after another,
  /// from the first to the last.
  public mutating func add(tensor name: String, shape: [Int], format: BlockFormat, make: @escaping RowMaker) {
    let byteCount = DirectoryEntry.byteCount(of: shape, format) ?? 0
    let rows = shape.dropFirst().reduce(1) { $0.multipliedReportingOverflow(by: $1).partialValue }
    tensors.append(
      Tensor(name: name, format: format, shape: shape, data: .made(byteCount: byteCount, rows: rows, make)))
  }

  /// The whole file in memory.
  public func encoded() throws(GGUFWriterError) -> [UInt8] {
    var bytes: [UInt8] = []
    try emit { chunk throws(GGUFWriterError) in bytes += chunk }
    return bytes
  }

  /// Writes the file to `path`: into a temporary file beside it, then renamed, so that `path` is either
  /// what it was or complete. `permissions` are those of the new file, by default its owner's alone.
  public func write(to path: String, permissions: UInt32 = 0o600) throws(GGUFWriterError) {
    let file = try GGUFWriterError.naming { () throws(WritingError) in
      try TemporaryFile(beside: path, permissions: permissions)
    }
    try emit { chunk throws(GGUFWriterError) in
      try GGUFWriterError.naming { () throws(WritingError) in try file.write(chunk) }
    }
    try GGUFWriterError.naming(file.rename)
  }

  private mutating func set(_ key: String, _ value: Value) {
    if values.updateValue(value, forKey: key) == nil { keys.append(key) }
  }
}
