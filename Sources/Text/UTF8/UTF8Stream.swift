// Tokens end in the middle of characters. This holds back the bytes of a character until the rest
// has come, so that nothing is shown that is not whole.

/// Turns bytes that arrive in pieces into text, whole characters at a time.
///
/// A sequence that can still become a character is held back; bytes that no longer can become
/// U+FFFD at once, one for each maximal part of a sequence, as the Unicode Standard recommends.
public struct UTF8Stream: Sendable {
  /// The beginning of a character, at most three bytes.
  private var pending: [UInt8] = []

  /// A stream that has seen nothing.
  public init() {}

  /// Takes further bytes and gives the characters that are whole by now.
  public mutating func append(_ bytes: some Collection<UInt8>) -> String {
    pending.append(contentsOf: bytes)
    let whole = pending.count - Self.lengthOfIncompleteTail(of: pending)
    defer { pending.removeFirst(whole) }
    return String(decoding: pending[..<whole], as: UTF8.self)
  }

  /// Ends the stream: what was held back stays incomplete and becomes U+FFFD.
  public mutating func finish() -> String {
    defer { pending = [] }
    return String(decoding: pending, as: UTF8.self)
  }

  /// How many bytes at the end are the beginning of a character and nothing more.
  private static func lengthOfIncompleteTail(of bytes: [UInt8]) -> Int {
    for length in 1...3 where length <= bytes.count {
      let first = bytes[bytes.count - length]
      if first & 0xC0 == 0x80 { continue }
      return isIncomplete(bytes[(bytes.count - length)...]) ? length : 0
    }
    return 0
  }

  /// Whether `tail`, a first byte and continuation bytes, can become a character by further bytes.
  private static func isIncomplete(_ tail: ArraySlice<UInt8>) -> Bool {
    guard let first = tail.first, let length = characterLength(first), tail.count < length else {
      return false
    }
    guard let second = tail.dropFirst().first else { return true }
    switch first {
    case 0xE0: return second >= 0xA0  // shorter spellings exist for the rest
    case 0xED: return second <= 0x9F  // surrogates
    case 0xF0: return second >= 0x90
    case 0xF4: return second <= 0x8F  // past U+10FFFF
    default: return true
    }
  }

  /// The length of the characters that begin with `first`; nil when none does.
  private static func characterLength(_ first: UInt8) -> Int? {
    switch first {
    case 0x00...0x7F: return 1
    case 0xC2...0xDF: return 2
    case 0xE0...0xEF: return 3
    case 0xF0...0xF4: return 4
    default: return nil
    }
  }
}
