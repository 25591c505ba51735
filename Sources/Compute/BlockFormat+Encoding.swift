// From float32 to the blocks of a file. Where the GGUF format's reference quantizers define the encoding by a block's
// own values alone, their rounding is followed exactly, so that the bytes are theirs; the K-quants are in
// BlockFormat+SuperBlocks.swift.

extension BlockFormat {
  /// The formats that can be written.
  public static let encodable: [BlockFormat] = [
    .f32, .f16, .bf16, .q8_0, .q6_k, .q5_k, .q5_1, .q5_0, .q4_k, .q4_1, .q4_0,
  ]

  /// `values`, a whole number of blocks, in this format's blocks; nil for a format that cannot be written, or for
  /// a part of a block. What becomes of values that are not finite is not said.
  public func encode(_ values: [Float]) -> [UInt8]? {
    guard let size = rowBytes(width: values.count), BlockFormat.encodable.contains(self) else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(size)
    for start in stride(from: 0, to: values.count, by: blockWidth) {
      append(values[start..<start + blockWidth], to: &bytes)
    }
    return bytes
  }

  private func append(_ block: ArraySlice<Float>, to bytes: inout [UInt8]) {
    switch self {
    case .f32: bytes.append(littleEndian: block[block.startIndex].bitPattern)
    case .f16: bytes.append(littleEndian: Float16(block[block.startIndex]).bitPattern)
    case .bf16: bytes.append(littleEndian: BlockFormat.shortened(block[block.startIndex]))
    case .q8_0: BlockFormat.appendBytes(block, to: &bytes)
    case .q4_0: BlockFormat.appendSymmetric(block, bits: 4, to: &bytes)
    case .q5_0: BlockFormat.appendSymmetric(block, bits: 5, to: &bytes)
    case .q4_1: BlockFormat.appendWithMinimum(block, bits: 4, to: &bytes)
    case .q5_1: BlockFormat.appendWithMinimum(block, bits: 5, to: &bytes)
    case .q4_k: BlockFormat.appendWithMinima(block, bits: 4, to: &bytes)
    case .q5_k: BlockFormat.appendWithMinima(block, bits: 5, to: &bytes)
    case .q6_k: BlockFormat.appendSixBits(block, to: &bytes)
    default: break
    }
  }

  /// The upper half of a float, rounded to nearest even; a NaN stays one.
  private static func shortened(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    guard !value.isNaN else { return UInt16(bits >> 16) | 64 }
    return UInt16((bits + 0x7fff + (bits >> 16 & 1)) >> 16)
  }

  /// Q8_0: a scale of the largest magnitude over 127, and signed codes.
  private static func appendBytes(_ block: ArraySlice<Float>, to bytes: inout [UInt8]) {
    let scale = block.reduce(Float(0)) { max($0, abs($1)) } / 127
    let inverse = scale != 0 ? 1 / scale : 0
    bytes.append(littleEndian: Float16(scale).bitPattern)
    for value in block {
      let rounded = (value * inverse).rounded(.toNearestOrAwayFromZero)
      bytes.append(UInt8(bitPattern: Int8(exactly: rounded) ?? 0))
    }
  }

  /// Q4_0 and Q5_0: the value of the largest magnitude becomes the lowest code.
  private static func appendSymmetric(_ block: ArraySlice<Float>, bits: Int, to bytes: inout [UInt8]) {
    let middle = Float(1 << (bits - 1))
    let extreme = block.reduce(Float(0)) { abs($1) > abs($0) ? $1 : $0 }
    let scale = extreme / -middle
    let inverse = scale != 0 ? 1 / scale : 0
    bytes.append(littleEndian: Float16(scale).bitPattern)
    appendCodes(block.map { code($0 * inverse + (middle + 0.5), bits: bits) }, bits: bits, to: &bytes)
  }

  /// Q4_1 and Q5_1: the codes go from the smallest value to the largest.
  private static func appendWithMinimum(_ block: ArraySlice<Float>, bits: Int, to bytes: inout [UInt8]) {
    let minimum = block.reduce(Float.greatestFiniteMagnitude) { $1 < $0 ? $1 : $0 }
    let maximum = block.reduce(-Float.greatestFiniteMagnitude) { $1 > $0 ? $1 : $0 }
    let scale = (maximum - minimum) / Float(1 << bits - 1)
    let inverse = scale != 0 ? 1 / scale : 0
    bytes.append(littleEndian: Float16(scale).bitPattern)
    bytes.append(littleEndian: Float16(minimum).bitPattern)
    appendCodes(block.map { code(($0 - minimum) * inverse + 0.5, bits: bits) }, bits: bits, to: &bytes)
  }

  /// The whole part of `value`, held to what `bits` bits can say; 0 for what is no number.
  static func code(_ value: Float, bits: Int) -> UInt8 {
    value > 0 ? UInt8(min(value, Float(1 << bits - 1))) : 0
  }

  /// The fifth bits of 32 codes in four bytes, if they have one, then their low four bits: codes 0 to 15 in the low
  /// halves of sixteen bytes, codes 16 to 31 in the high halves.
  private static func appendCodes(_ codes: [UInt8], bits: Int, to bytes: inout [UInt8]) {
    if bits == 5 {
      bytes.append(littleEndian: codes.enumerated().reduce(UInt32(0)) { $0 | UInt32($1.element >> 4) << $1.offset })
    }
    for index in 0..<16 { bytes.append(codes[index] & 15 | codes[index + 16] << 4) }
  }
}
