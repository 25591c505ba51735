// Hand-made GGUF bytes for the tests. Unlike GGUFWriter this checks nothing, so that every malformation
// can be written down, and it tells where each piece lies, so that the offsets of errors can be checked.

/// The bytes of a file under construction; every integer is written little-endian.
struct HeaderBytes {
  private(set) var bytes: [UInt8] = []

  /// Where the next piece will lie.
  var offset: Int { bytes.count }

  /// A file with its magic, version and counts.
  init(version: UInt32 = 3, tensors: UInt64 = 0, keys: UInt64 = 0) {
    bytes = Array("GGUF".utf8)
    add(version)
    add(tensors)
    add(keys)
  }

  mutating func add<Value: FixedWidthInteger>(_ value: Value) {
    for index in 0..<Value.bitWidth / 8 { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * index))) }
  }

  mutating func add(bytes more: [UInt8]) { bytes += more }

  mutating func add(string: String) {
    add(UInt64(string.utf8.count))
    bytes += Array(string.utf8)
  }

  /// A key and the number of its value's type; the value is to follow.
  mutating func add(key: String, type: UInt32) {
    add(string: key)
    add(type)
  }

  /// A directory entry; returns where its fields lie.
  @discardableResult
  mutating func add(
    tensor name: String, shape: [UInt64], type: UInt32 = 0, dataOffset: UInt64 = 0
  ) -> (entry: Int, shape: Int, type: Int, dataOffset: Int) {
    let entry = offset
    add(string: name)
    let shapePlace = offset
    add(UInt32(shape.count))
    for dimension in shape { add(dimension) }
    let typePlace = offset
    add(type)
    let dataOffsetPlace = offset
    add(dataOffset)
    return (entry, shapePlace, typePlace, dataOffsetPlace)
  }

  /// Zeros up to the next multiple of 32, and `count` more for the tensors' data.
  mutating func addData(_ count: Int) {
    bytes += [UInt8](repeating: 0, count: (32 - bytes.count % 32) % 32 + count)
  }
}

/// Numbers of the value types used in hand-made files, from the GGUF specification.
enum Number {
  static let uint8: UInt32 = 0
  static let uint32: UInt32 = 4
  static let float32: UInt32 = 6
  static let bool: UInt32 = 7
  static let string: UInt32 = 8
  static let array: UInt32 = 9
  static let uint64: UInt32 = 10
}
