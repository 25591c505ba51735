// Numbers as the bytes they are in memory.

extension [Float] {
  /// The bytes of all values, four each, the lowest first.
  public var contentBytes: [UInt8] { withUnsafeBytes { [UInt8]($0) } }
}
