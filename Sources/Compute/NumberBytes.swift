// Numbers as files and digests have them.

extension ArraySlice<Float> {
  /// The bytes of all values, four each, the lowest first, as every processor that has kernels keeps them.
  public var littleEndianBytes: [UInt8] { withUnsafeBytes { [UInt8]($0) } }
}

extension [UInt8] {
  /// Adds the number as files hold it.
  package mutating func append<Value: FixedWidthInteger>(littleEndian value: Value) {
    for index in 0..<Value.bitWidth / 8 { append(UInt8(truncatingIfNeeded: value >> (8 * index))) }
  }
}

extension FixedWidthInteger {
  /// The number as files hold it.
  package var littleEndianBytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(littleEndian: self)
    return bytes
  }
}
