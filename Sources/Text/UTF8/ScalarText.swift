// Text as the pre-tokenizers see it: scalar values and their classes. The decoder is as lenient as
// llama.cpp's, whose ids are the measure: overlong spellings and surrogates pass, each byte that
// belongs to nothing becomes U+FFFD.

/// Text as scalar values, each with its class.
struct ScalarText {
  /// Scalar values, surrogates among them when the text spells any.
  private(set) var values: [UInt32] = []
  /// The class of each value.
  private(set) var classes: [ScalarClass] = []

  var count: Int { values.count }

  /// Decodes `bytes`, which may be anything.
  init(_ bytes: ArraySlice<UInt8>) {
    values.reserveCapacity(bytes.count)
    classes.reserveCapacity(bytes.count)
    var index = bytes.startIndex
    while index < bytes.endIndex {
      let (value, length) = Self.decode(bytes[index...])
      values.append(value)
      classes.append(ScalarClass(of: value))
      index += length
    }
  }

  /// The scalar that `bytes`, not empty, begin with, and how many bytes it takes.
  private static func decode(_ bytes: ArraySlice<UInt8>) -> (value: UInt32, length: Int) {
    let replacement: (UInt32, Int) = (0xFFFD, 1)
    let first = bytes[bytes.startIndex]
    let length: Int
    var value: UInt32
    switch first {
    case 0x00...0x7F: return (UInt32(first), 1)
    case 0xC0...0xDF: (length, value) = (2, UInt32(first & 0x1F))
    case 0xE0...0xEF: (length, value) = (3, UInt32(first & 0x0F))
    case 0xF0...0xF7: (length, value) = (4, UInt32(first & 0x07))
    default: return replacement
    }
    guard bytes.count >= length else { return replacement }
    for byte in bytes[bytes.startIndex + 1..<bytes.startIndex + length] {
      guard byte & 0xC0 == 0x80 else { return replacement }
      value = value << 6 | UInt32(byte & 0x3F)
    }
    return value <= 0x10FFFF ? (value, length) : replacement
  }
}

/// Appends the UTF-8 spelling of `scalar`, at most U+10FFFF, to `output`; surrogates are spelt as if
/// they were characters.
func appendUTF8(_ scalar: UInt32, to output: inout [UInt8]) {
  func continuation(_ shift: UInt32) -> UInt8 { 0x80 | UInt8(truncatingIfNeeded: scalar >> shift) & 0x3F }
  switch scalar {
  case 0..<0x80:
    output.append(UInt8(truncatingIfNeeded: scalar))
  case 0x80..<0x800:
    output.append(0xC0 | UInt8(truncatingIfNeeded: scalar >> 6))
    output.append(continuation(0))
  case 0x800..<0x10000:
    output.append(0xE0 | UInt8(truncatingIfNeeded: scalar >> 12))
    output.append(continuation(6))
    output.append(continuation(0))
  default:
    output.append(0xF0 | UInt8(truncatingIfNeeded: scalar >> 18) & 0x07)
    output.append(continuation(12))
    output.append(continuation(6))
    output.append(continuation(0))
  }
}
