// The bytes of a file as GGUFWriter puts them out, piece by piece: a checkpoint copied from a mapped file
// never lies in memory as a whole.
import Compute

extension GGUFWriter {
  /// Takes the file's bytes piece by piece.
  typealias Sink = ([UInt8]) throws(GGUFWriterError) -> Void

  private static let pieceBytes = 1 << 20

  /// Hands the whole file to `sink`, from front to back.
  func emit(to sink: Sink) throws(GGUFWriterError) {
    let alignment = try alignment()
    try checkTensors()
    let header = try header(alignment: alignment)
    try sink(header)
    try pad(header.count, to: alignment, sink)
    for tensor in tensors {
      try emit(tensor, to: sink)
      try pad(tensor.data.byteCount, to: alignment, sink)
    }
  }

  private func alignment() throws(GGUFWriterError) -> Int {
    let alignment: Int
    switch values[FileLayout.alignmentKey] {
    case nil: return FileLayout.defaultAlignment
    case .given(.uint32(let value)): alignment = Int(value)
    case .copied(_, let metadata):
      guard let value = try? metadata.integer(FileLayout.alignmentKey) else { throw .alignment }
      alignment = value
    case .given: throw .alignment
    }
    guard FileLayout.isAlignment(alignment) else { throw .alignment }
    return alignment
  }

  private func checkTensors() throws(GGUFWriterError) {
    var names: Set<String> = []
    for tensor in tensors {
      guard names.insert(tensor.name).inserted else { throw .duplicateTensor(tensor.name) }
      guard (1...FileLayout.mostDimensions).contains(tensor.shape.count),
        tensor.shape.allSatisfy({ $0 > 0 }),
        let byteCount = DirectoryEntry.byteCount(of: tensor.shape, tensor.format)
      else { throw .shape(tensor: tensor.name, shape: tensor.shape, format: tensor.format) }
      guard byteCount == tensor.data.byteCount else {
        throw .byteCount(tensor: tensor.name, expected: byteCount, found: tensor.data.byteCount)
      }
    }
  }

  /// Everything up to the end of the tensor directory.
  private func header(alignment: Int) throws(GGUFWriterError) -> [UInt8] {
    guard FileLayout.versions.contains(version) else { throw .version(version) }
    var bytes = FileLayout.magic
    bytes.append(littleEndian: version)
    bytes.append(littleEndian: UInt64(tensors.count))
    bytes.append(littleEndian: UInt64(keys.count))
    for key in keys {
      try append(name: key, limit: FileLayout.longestKey, to: &bytes)
      if let value = values[key] { try append(value, of: key, to: &bytes) }
    }
    var offset = 0
    for tensor in tensors {
      try append(name: tensor.name, limit: FileLayout.longestTensorName, to: &bytes)
      bytes.append(littleEndian: UInt32(tensor.shape.count))
      for dimension in tensor.shape { bytes.append(littleEndian: UInt64(dimension)) }
      bytes.append(littleEndian: tensor.format.rawValue)
      bytes.append(littleEndian: UInt64(offset))
      offset = try next(offset, after: tensor, alignment: alignment)
    }
    return bytes
  }

  private func next(_ offset: Int, after tensor: Tensor, alignment: Int) throws(GGUFWriterError) -> Int {
    let (end, overflow) = offset.addingReportingOverflow(tensor.data.byteCount)
    guard !overflow, let next = FileLayout.align(end, to: alignment) else { throw .tooLarge }
    return next
  }

  private func append(name: String, limit: Int, to bytes: inout [UInt8]) throws(GGUFWriterError) {
    guard (1...limit).contains(name.utf8.count) else { throw .nameLength(name: name, atMost: limit) }
    bytes.append(string: name)
  }

  private func append(_ value: Value, of key: String, to bytes: inout [UInt8]) throws(GGUFWriterError) {
    switch value {
    case .given(let value):
      bytes.append(littleEndian: value.type.rawValue)
      try append(value, of: key, depth: 0, to: &bytes)
    case .copied(let entry, let metadata):
      guard let copy = metadata.file.bytes(at: entry.offset, length: entry.byteCount) else {
        throw .sourceCut(path: metadata.path)
      }
      bytes.append(littleEndian: entry.type.rawValue)
      bytes += copy
    }
  }

  /// Appends a value without its type; `depth` is the number of arrays around it.
  private func append(
    _ value: MetadataValue, of key: String, depth: Int, to bytes: inout [UInt8]
  ) throws(GGUFWriterError) {
    switch value {
    case .uint8(let value): bytes.append(value)
    case .int8(let value): bytes.append(UInt8(bitPattern: value))
    case .uint16(let value): bytes.append(littleEndian: value)
    case .int16(let value): bytes.append(littleEndian: value)
    case .uint32(let value): bytes.append(littleEndian: value)
    case .int32(let value): bytes.append(littleEndian: value)
    case .uint64(let value): bytes.append(littleEndian: value)
    case .int64(let value): bytes.append(littleEndian: value)
    case .float32(let value): bytes.append(littleEndian: value.bitPattern)
    case .float64(let value): bytes.append(littleEndian: value.bitPattern)
    case .bool(let value): bytes.append(value ? 1 : 0)
    case .string(let value): bytes.append(string: value)
    case .array(let type, let elements):
      guard depth < FileLayout.deepestArray else { throw .arraysTooDeep(key: key) }
      bytes.append(littleEndian: type.rawValue)
      bytes.append(littleEndian: UInt64(elements.count))
      for element in elements {
        guard element.type == type else {
          throw .elementType(key: key, expected: type, found: element.type)
        }
        try append(element, of: key, depth: depth + 1, to: &bytes)
      }
    }
  }

  private func emit(_ tensor: Tensor, to sink: Sink) throws(GGUFWriterError) {
    switch tensor.data {
    case .bytes(let bytes): try sink(bytes)
    case .floats(let values):
      var piece: [UInt8] = []
      for value in values {
        piece.append(littleEndian: value.bitPattern)
        if piece.count >= Self.pieceBytes {
          try sink(piece)
          piece.removeAll(keepingCapacity: true)
        }
      }
      try sink(piece)
    case .region(let region):
      for start in stride(from: 0, to: region.count, by: Self.pieceBytes) {
        let length = min(Self.pieceBytes, region.count - start)
        guard let piece = region.file.bytes(at: region.offset + start, length: length) else {
          throw .sourceCut(path: region.file.path)
        }
        try sink(piece)
      }
    case .made(let byteCount, let rows, let make):
      let rowBytes = byteCount / rows
      let together = max(1, Self.pieceBytes / rowBytes)
      for first in stride(from: 0, to: rows, by: together) {
        let range = first..<min(first + together, rows)
        let piece = try make(range)
        guard piece.count == range.count * rowBytes else {
          throw .byteCount(tensor: tensor.name, expected: range.count * rowBytes, found: piece.count)
        }
        try sink(piece)
      }
    }
  }

  /// Zeros from `count` bytes to the next multiple of `alignment`.
  private func pad(_ count: Int, to alignment: Int, _ sink: Sink) throws(GGUFWriterError) {
    let excess = count % alignment
    if excess > 0 { try sink([UInt8](repeating: 0, count: alignment - excess)) }
  }
}

extension [UInt8] {
  fileprivate mutating func append(string: String) {
    append(littleEndian: UInt64(string.utf8.count))
    append(contentsOf: string.utf8)
  }
}
