// Reads JSON (RFC 8259) from bytes: strict grammar, bounded nesting and size, and errors that say
// where. Nothing here trusts the document.

extension JSONValue {
  /// Nesting of arrays and objects beyond which a document is refused.
  public static let nestingLimit = 128
  /// Size in bytes beyond which a document is refused unless the caller allows more.
  public static let sizeLimit = 64 << 20

  /// Parses one JSON document, with nothing but white space (and a byte order mark) around it.
  ///
  /// Throws `JSONError` with line, column and byte offset when `bytes` is no JSON, holds invalid
  /// UTF-8, nests deeper than `nestingLimit` or has more than `sizeLimit` bytes.
  public init(parsing bytes: [UInt8], sizeLimit: Int = JSONValue.sizeLimit) throws(JSONError) {
    var parser = JSONParser(bytes: bytes)
    self = try parser.parseDocument(sizeLimit: sizeLimit)
  }

  /// Parses the JSON document `text`; see `init(parsing:sizeLimit:)`.
  public init(parsing text: String) throws(JSONError) {
    try self.init(parsing: Array(text.utf8))
  }
}

private struct JSONParser {
  let bytes: [UInt8]
  var position = 0
  var depth = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  mutating func parseDocument(sizeLimit: Int) throws(JSONError) -> JSONValue {
    guard bytes.count <= sizeLimit else { throw error(.tooLong(bytes: bytes.count, limit: sizeLimit)) }
    position = bytes.withoutByteOrderMark.startIndex
    let value = try parseValue()
    skipWhitespace()
    guard position == bytes.count else { throw error(.unexpected(expected: "the end of the document")) }
    return value
  }

  private mutating func parseValue() throws(JSONError) -> JSONValue {
    skipWhitespace()
    guard position < bytes.count else { throw error(.unexpectedEnd(expected: "a value")) }
    switch bytes[position] {
    case UInt8(ascii: "{"): return .object(try parseObject())
    case UInt8(ascii: "["): return .array(try parseArray())
    case UInt8(ascii: "\""): return .string(try parseString())
    case UInt8(ascii: "t"): return try parseWord("true", .boolean(true))
    case UInt8(ascii: "f"): return try parseWord("false", .boolean(false))
    case UInt8(ascii: "n"): return try parseWord("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try parseNumber()
    default: throw error(.unexpected(expected: "a value"))
    }
  }

  private mutating func parseWord(_ word: String, _ value: JSONValue) throws(JSONError) -> JSONValue {
    guard bytes[position...].starts(with: word.utf8) else { throw error(.unexpected(expected: "a value")) }
    position += word.utf8.count
    return value
  }

  private mutating func parseArray() throws(JSONError) -> [JSONValue] {
    try enter()
    var elements: [JSONValue] = []
    if !accept("]") {
      repeat { elements.append(try parseValue()) } while accept(",")
      try expect("]", "',' or ']'")
    }
    depth -= 1
    return elements
  }

  private mutating func parseObject() throws(JSONError) -> OrderedFields<JSONValue> {
    try enter()
    var fields = OrderedFields<JSONValue>()
    if !accept("}") {
      repeat {
        skipWhitespace()
        guard position < bytes.count else { throw error(.unexpectedEnd(expected: "a key")) }
        guard bytes[position] == UInt8(ascii: "\"") else {
          throw error(.unexpected(expected: "a key in quotes"))
        }
        let key = try parseString()
        try expect(":", "':'")
        fields.set(key, to: try parseValue())
      } while accept(",")
      try expect("}", "',' or '}'")
    }
    depth -= 1
    return fields
  }

  /// Steps over an opening bracket and counts it.
  private mutating func enter() throws(JSONError) {
    depth += 1
    guard depth <= JSONValue.nestingLimit else { throw error(.tooDeep(limit: JSONValue.nestingLimit)) }
    position += 1
  }

  private mutating func skipWhitespace() {
    while position < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[position]) { position += 1 }
  }

  private mutating func accept(_ character: Unicode.Scalar) -> Bool {
    skipWhitespace()
    guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func expect(_ character: Unicode.Scalar, _ expected: String) throws(JSONError) {
    if accept(character) { return }
    throw error(position < bytes.count ? .unexpected(expected: expected) : .unexpectedEnd(expected: expected))
  }
}

// MARK: Strings and numbers

extension JSONParser {
  private mutating func parseString() throws(JSONError) -> String {
    position += 1
    var decoded: [UInt8] = []
    let start = position
    while position < bytes.count {
      let byte = bytes[position]
      switch byte {
      case UInt8(ascii: "\""):
        guard let text = String(validating: decoded, as: UTF8.self) else {
          position = start
          throw error(.invalidUTF8)
        }
        position += 1
        return text
      case UInt8(ascii: "\\"): try parseEscape(into: &decoded)
      case 0..<0x20: throw error(.controlCharacter)
      default:
        decoded.append(byte)
        position += 1
      }
    }
    throw error(.unexpectedEnd(expected: "the closing quote of a string"))
  }

  private mutating func parseEscape(into decoded: inout [UInt8]) throws(JSONError) {
    guard position + 1 < bytes.count else { throw error(.unexpectedEnd(expected: "an escape")) }
    let plain: UInt8
    switch bytes[position + 1] {
    case UInt8(ascii: "n"): plain = 0x0A
    case UInt8(ascii: "t"): plain = 0x09
    case UInt8(ascii: "r"): plain = 0x0D
    case UInt8(ascii: "b"): plain = 0x08
    case UInt8(ascii: "f"): plain = 0x0C
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): plain = bytes[position + 1]
    case UInt8(ascii: "u"):
      decoded.append(contentsOf: Array(String(try parseUnicodeEscape()).utf8))
      return
    default: throw error(.malformedEscape)
    }
    decoded.append(plain)
    position += 2
  }

  /// One `\uXXXX`, or two that form a surrogate pair; a surrogate alone becomes U+FFFD.
  private mutating func parseUnicodeEscape() throws(JSONError) -> Unicode.Scalar {
    guard let first = hexadecimalUnit(at: position + 2) else { throw error(.malformedEscape) }
    position += 6
    if (0xD800..<0xDC00).contains(first), position + 1 < bytes.count,
      bytes[position] == UInt8(ascii: "\\"), bytes[position + 1] == UInt8(ascii: "u"),
      let second = hexadecimalUnit(at: position + 2), (0xDC00..<0xE000).contains(second)
    {
      position += 6
      return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)) ?? "\u{FFFD}"
    }
    return Unicode.Scalar(first) ?? "\u{FFFD}"
  }

  private func hexadecimalUnit(at start: Int) -> UInt32? {
    guard start + 4 <= bytes.count else { return nil }
    var unit: UInt32 = 0
    for byte in bytes[start..<start + 4] {
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
      unit = unit << 4 | UInt32(digit)
    }
    return unit
  }

  private mutating func parseNumber() throws(JSONError) -> JSONValue {
    let start = position
    if bytes[position] == UInt8(ascii: "-") { position += 1 }
    let leading = position
    let digits = skipDigits()
    guard digits > 0, digits == 1 || bytes[leading] != UInt8(ascii: "0") else {
      throw error(.malformedNumber)
    }
    var isWhole = true
    if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
      position += 1
      isWhole = false
      guard skipDigits() > 0 else { throw error(.malformedNumber) }
    }
    if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
      position += 1
      isWhole = false
      if position < bytes.count, [UInt8(ascii: "+"), UInt8(ascii: "-")].contains(bytes[position]) {
        position += 1
      }
      guard skipDigits() > 0 else { throw error(.malformedNumber) }
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isWhole, let integer = Int(text) { return .integer(integer) }
    guard let number = Double(text), number.isFinite else { throw error(.numberOutOfRange) }
    return .number(number)
  }

  private mutating func skipDigits() -> Int {
    let start = position
    while position < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position]) {
      position += 1
    }
    return position - start
  }

  private func error(_ reason: JSONError.Reason) -> JSONError {
    let place = TextPosition(offset: position, in: bytes)
    return JSONError(reason: reason, line: place.line, column: place.column, offset: position)
  }
}
