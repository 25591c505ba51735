// From float32 to the super-blocks of the K-quants. Their layout is the format's; how scales are found it leaves open:
// here each sub-block's own range decides, and codes are chosen for the scales as they are rounded.

extension BlockFormat {
  /// Q4_K and Q5_K: eight sub-blocks of 32 values, each with a scale and a minimum of six bits.
  static func appendWithMinima(_ block: ArraySlice<Float>, bits: Int, to bytes: inout [UInt8]) {
    let parts = parts(of: block, count: 8)
    let minima = parts.map { -$0.reduce(Float(0)) { $1 < $0 ? $1 : $0 } }
    let scales = zip(parts, minima).map { part, minimum in
      (part.reduce(Float(0)) { $1 > $0 ? $1 : $0 } + minimum) / Float(1 << bits - 1)
    }
    let (scale, scaleCodes) = sixBits(scales)
    let (minimum, minimumCodes) = sixBits(minima)
    bytes.append(littleEndian: scale.bitPattern)
    bytes.append(littleEndian: minimum.bitPattern)
    // The lower four bits of the last four scales and minima stand together, their upper two above the first four.
    for index in 0..<4 { bytes.append(scaleCodes[index] | (scaleCodes[index + 4] >> 4) << 6) }
    for index in 0..<4 { bytes.append(minimumCodes[index] | (minimumCodes[index + 4] >> 4) << 6) }
    for index in 4..<8 { bytes.append(scaleCodes[index] & 15 | minimumCodes[index] << 4) }
    let codes = parts.indices.map { index in
      let step = Float(scale) * Float(scaleCodes[index])
      let lowest = Float(minimum) * Float(minimumCodes[index])
      let inverse = step != 0 ? 1 / step : 0
      return parts[index].map { code(($0 + lowest) * inverse + 0.5, bits: bits) }
    }
    if bits == 5 {
      for place in 0..<32 { bytes.append(codes.indices.reduce(UInt8(0)) { $0 | (codes[$1][place] >> 4) << $1 }) }
    }
    for pair in stride(from: 0, to: 8, by: 2) {
      for place in 0..<32 { bytes.append(codes[pair][place] & 15 | codes[pair + 1][place] << 4) }
    }
  }

  /// Q6_K: sixteen sub-blocks of 16 values with a scale of eight bits each; the value of the largest magnitude becomes
  /// the lowest code.
  static func appendSixBits(_ block: ArraySlice<Float>, to bytes: inout [UInt8]) {
    let parts = parts(of: block, count: 16)
    let scales = parts.map { part in part.reduce(Float(0)) { abs($1) > abs($0) ? $1 : $0 } / -32 }
    let scale = Float16(scales.reduce(Float(0)) { max($0, abs($1)) } / 127)
    let inverse = scale != 0 ? 1 / Float(scale) : 0
    let scaleCodes = scales.map { Int8(exactly: min(max(($0 * inverse).rounded(), -127), 127)) ?? 0 }
    let codes = parts.indices.flatMap { index in
      let step = Float(scale) * Float(scaleCodes[index])
      return parts[index].map { step != 0 ? code($0 / step + 32.5, bits: 6) : 32 }
    }
    // Of each half of 128, the codes 64 apart share a byte of low bits, those 32 apart one of high bits.
    for start in stride(from: 0, to: 256, by: 128) {
      for place in start..<start + 64 { bytes.append(codes[place] & 15 | codes[place + 64] << 4) }
    }
    for start in stride(from: 0, to: 256, by: 128) {
      for place in start..<start + 32 {
        bytes.append((0..<4).reduce(UInt8(0)) { $0 | (codes[place + 32 * $1] >> 4) << (2 * $1) })
      }
    }
    for code in scaleCodes { bytes.append(UInt8(bitPattern: code)) }
    bytes.append(littleEndian: scale.bitPattern)
  }

  private static func parts(of block: ArraySlice<Float>, count: Int) -> [ArraySlice<Float>] {
    let size = block.count / count
    return (0..<count).map { block[block.startIndex + $0 * size..<block.startIndex + ($0 + 1) * size] }
  }

  /// Numbers from 0 as multiples of one, in codes of six bits.
  private static func sixBits(_ numbers: [Float]) -> (unit: Float16, codes: [UInt8]) {
    let unit = Float16(numbers.reduce(Float(0)) { max($0, $1) } / 63)
    let inverse = unit != 0 ? 1 / Float(unit) : 0
    return (unit, numbers.map { code($0 * inverse + 0.5, bits: 6) })
  }
}
