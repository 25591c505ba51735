// Numbers as files and digests have them.

extension ArraySlice<Float> {
  /// The bytes of all values, four each, the lowest first, as every processor that has kernels keeps them.
  public var littleEndianBytes: [UInt8] { withUnsafeBytes { [UInt8]($0) } }
}
