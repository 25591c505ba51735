// Byte-level vocabularies spell bytes with printable characters, GPT-2's way: bytes that are
// printable in Latin-1 stand for themselves, the others, in order, for U+0100 and up.

/// The characters that stand for bytes in a byte-level vocabulary.
enum ByteAlphabet {
  /// For each byte the UTF-8 spelling of its character, one or two bytes.
  static let spellings: [[UInt8]] = characters.map { Array(String($0).utf8) }

  /// For each scalar value below U+0144 the byte it stands for, or -1.
  private static let bytes: [Int16] = {
    var bytes = [Int16](repeating: -1, count: 256 + 68)
    for (byte, character) in characters.enumerated() { bytes[Int(character.value)] = Int16(byte) }
    return bytes
  }()

  private static let characters: [Unicode.Scalar] = {
    var next: UInt8 = 0
    return (UInt8.min...UInt8.max).map { byte in
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return Unicode.Scalar(byte)
      default:
        defer { next += 1 }
        // Never a surrogate, so the fallback is never taken.
        return Unicode.Scalar(UInt16(0x100) + UInt16(next)) ?? Unicode.Scalar(byte)
      }
    }
  }()

  /// Appends the bytes that `spelling` stands for to `output`. Characters that stand for no byte are
  /// appended as they are; the result says whether there were none of those.
  @discardableResult
  static func decode(_ spelling: ArraySlice<UInt8>, into output: inout [UInt8]) -> Bool {
    var isClean = true
    var index = spelling.startIndex
    while index < spelling.endIndex {
      let (value, length) = scalar(at: index, in: spelling)
      if value < bytes.count, bytes[value] >= 0 {
        output.append(UInt8(bytes[value]))
      } else {
        output.append(contentsOf: spelling[index..<index + length])
        isClean = false
      }
      index += length
    }
    return isClean
  }

  /// Whether every character of `spelling` stands for a byte.
  static func spells(_ spelling: ArraySlice<UInt8>) -> Bool {
    var index = spelling.startIndex
    while index < spelling.endIndex {
      let (value, length) = scalar(at: index, in: spelling)
      guard value < bytes.count, bytes[value] >= 0 else { return false }
      index += length
    }
    return true
  }

  /// The scalar value at `index` when it is spelt with one or two bytes, as the whole alphabet is;
  /// of anything else a byte, and a value beyond the alphabet.
  private static func scalar(at index: Int, in spelling: ArraySlice<UInt8>) -> (value: Int, length: Int) {
    let first = spelling[index]
    if first < 0x80 { return (Int(first), 1) }
    if 0xC2...0xDF ~= first, index + 1 < spelling.endIndex, spelling[index + 1] & 0xC0 == 0x80 {
      return (Int(first & 0x1F) << 6 | Int(spelling[index + 1] & 0x3F), 2)
    }
    return (Int.max, 1)
  }
}
