// The inside of a tag: names, numbers, strings and operators, written as in Jinja.

extension TemplateLexer {
  /// Reads tokens until `closing` stands outside of all brackets.
  mutating func tokenizeExpression(
    endingWith closing: String, as end: TemplateToken.Kind
  ) throws(TemplateFault) {
    let opening = position
    while position < source.count {
      let start = position
      if openBrackets.isEmpty, acceptClosing(closing) {
        append(end, at: start)
        return
      }
      skipWhitespace()
      guard position == start else { continue }
      try tokenizeOne()
    }
    if let bracket = openBrackets.last {
      position = bracket.offset
      throw .syntax("'\(bracket.symbol.rawValue)' is never closed")
    }
    position = opening
    throw .syntax("this tag has no end: '\(closing)' is missing")
  }

  private mutating func tokenizeOne() throws(TemplateFault) {
    let start = position
    switch source[position] {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): append(try number(), at: start)
    case UInt8(ascii: "'"), UInt8(ascii: "\""): append(.string(try string()), at: start)
    case UInt8(ascii: "_"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      0x80...:
      while position < source.count, source[position].isNameByte { position += 1 }
      append(.name(text(start..<position)), at: start)
    default:
      guard let symbol = symbolHere else {
        throw .syntax("a template has no use for the character '\(Unicode.Scalar(source[position]))' here")
      }
      try trackBrackets(symbol)
      position += symbol.rawValue.utf8.count
      append(.symbol(symbol), at: start)
    }
  }

  /// The longest symbol that stands here.
  private var symbolHere: TemplateToken.Symbol? {
    let first = String(Unicode.Scalar(source[position]))
    if position + 1 < source.count {
      let both = first + String(Unicode.Scalar(source[position + 1]))
      if let symbol = TemplateToken.Symbol(rawValue: both) { return symbol }
    }
    return TemplateToken.Symbol(rawValue: first)
  }

  private mutating func trackBrackets(_ symbol: TemplateToken.Symbol) throws(TemplateFault) {
    switch symbol {
    case .leftParenthesis, .leftBracket, .leftBrace: openBrackets.append((symbol, position))
    case .rightParenthesis: try close(.leftParenthesis, with: symbol)
    case .rightBracket: try close(.leftBracket, with: symbol)
    case .rightBrace: try close(.leftBrace, with: symbol)
    default: break
    }
  }

  private mutating func close(
    _ opening: TemplateToken.Symbol, with symbol: TemplateToken.Symbol
  ) throws(TemplateFault) {
    guard let open = openBrackets.popLast() else {
      throw .syntax("'\(symbol.rawValue)' closes nothing that is open")
    }
    guard open.symbol == opening else {
      throw .syntax("'\(symbol.rawValue)' comes before '\(open.symbol.rawValue)' is closed")
    }
  }

  // MARK: Numbers

  private mutating func number() throws(TemplateFault) -> TemplateToken.Kind {
    let start = position
    if let radix = acceptRadixPrefix() {
      let digits = takeDigits { $0.isHexadecimalDigit }
      guard let value = Int(digits, radix: radix) else { throw .limit("this number leaves the range of 64 bits") }
      return .integer(value)
    }
    // Behind a point, as in `list.1.0`, a number is an index and has no fraction.
    let isIndex = start > 0 && source[start - 1] == UInt8(ascii: ".")
    let whole = takeDigits(\.isDecimalDigit)
    var literal = whole
    var isFloat = false
    if !isIndex, starts(with: "."), position + 1 < source.count, source[position + 1].isDecimalDigit {
      position += 1
      literal += "." + takeDigits(\.isDecimalDigit)
      isFloat = true
    }
    if !isIndex, let exponent = takeExponent() {
      literal += exponent
      isFloat = true
    }
    if isFloat, let value = Double(literal) { return .float(value) }
    guard let value = Int(whole) else {
      position = start
      throw .limit("the number \(whole) leaves the range of 64 bits")
    }
    return .integer(value)
  }

  private mutating func acceptRadixPrefix() -> Int? {
    guard position + 2 < source.count, source[position] == UInt8(ascii: "0") else { return nil }
    let radix: Int
    switch source[position + 1] | 0x20 {
    case UInt8(ascii: "x"): radix = 16
    case UInt8(ascii: "o"): radix = 8
    case UInt8(ascii: "b"): radix = 2
    default: return nil
    }
    position += 2
    return radix
  }

  /// The digits that stand here, without the underscores between them.
  private mutating func takeDigits(_ isDigit: (UInt8) -> Bool) -> String {
    let start = position
    while position < source.count, isDigit(source[position]) || source[position] == UInt8(ascii: "_") {
      position += 1
    }
    return String(decoding: source[start..<position].filter { $0 != UInt8(ascii: "_") }, as: UTF8.self)
  }

  private mutating func takeExponent() -> String? {
    guard position < source.count, source[position] | 0x20 == UInt8(ascii: "e") else { return nil }
    let start = position
    position += 1
    var sign = ""
    if starts(with: "-") || starts(with: "+") {
      sign = text(position..<position + 1)
      position += 1
    }
    let digits = takeDigits(\.isDecimalDigit)
    if digits.isEmpty {
      position = start
      return nil
    }
    return "e" + sign + digits
  }

  // MARK: Strings

  private mutating func string() throws(TemplateFault) -> String {
    let start = position
    let quote = source[position]
    var decoded: [UInt8] = []
    position += 1
    while position < source.count {
      let byte = source[position]
      if byte == quote {
        position += 1
        return String(decoding: decoded, as: UTF8.self)
      }
      position += 1
      if byte == UInt8(ascii: "\\"), position < source.count {
        try decodeEscape(into: &decoded)
      } else {
        decoded.append(byte)
      }
    }
    position = start
    throw .syntax("this string has no closing quote")
  }

  /// One of Python's escapes, `position` behind the backslash. What is no escape stays as written.
  private mutating func decodeEscape(into decoded: inout [UInt8]) throws(TemplateFault) {
    let byte = source[position]
    position += 1
    switch byte {
    case UInt8(ascii: "n"): decoded.append(0x0A)
    case UInt8(ascii: "t"): decoded.append(0x09)
    case UInt8(ascii: "r"): decoded.append(0x0D)
    case UInt8(ascii: "a"): decoded.append(0x07)
    case UInt8(ascii: "b"): decoded.append(0x08)
    case UInt8(ascii: "v"): decoded.append(0x0B)
    case UInt8(ascii: "f"): decoded.append(0x0C)
    case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""): decoded.append(byte)
    case UInt8(ascii: "\n"): break
    case UInt8(ascii: "x"): try decodeScalar(digits: 2, into: &decoded)
    case UInt8(ascii: "u"): try decodeScalar(digits: 4, into: &decoded)
    case UInt8(ascii: "U"): try decodeScalar(digits: 8, into: &decoded)
    case UInt8(ascii: "0")...UInt8(ascii: "7"):
      position -= 1
      decodeOctal(into: &decoded)
    default: decoded += [UInt8(ascii: "\\"), byte]
    }
  }

  private mutating func decodeScalar(digits: Int, into decoded: inout [UInt8]) throws(TemplateFault) {
    let end = position + digits
    guard end <= source.count, source[position..<end].allSatisfy(\.isHexadecimalDigit),
      let value = UInt32(text(position..<end), radix: 16), let scalar = Unicode.Scalar(value)
    else { throw .syntax("this escape needs \(digits) hexadecimal digits that name a character") }
    decoded += Array(String(scalar).utf8)
    position = end
  }

  private mutating func decodeOctal(into decoded: inout [UInt8]) {
    var value: UInt32 = 0
    let end = min(position + 3, source.count)
    while position < end, (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(source[position]) {
      value = value * 8 + UInt32(source[position] - UInt8(ascii: "0"))
      position += 1
    }
    decoded += Array(String(Unicode.Scalar(value) ?? "\u{FFFD}").utf8)
  }
}

extension UInt8 {
  fileprivate var isDecimalDigit: Bool { (0x30...0x39).contains(self) }
  fileprivate var isHexadecimalDigit: Bool { isDecimalDigit || (0x61...0x66).contains(self | 0x20) }
  fileprivate var isNameByte: Bool {
    isDecimalDigit || self == UInt8(ascii: "_") || (0x61...0x7A).contains(self | 0x20) || self >= 0x80
  }
}
