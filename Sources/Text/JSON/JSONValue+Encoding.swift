// Writes JSON: compact, on one line, characters outside ASCII left as they are.

extension JSONValue {
  /// The document as compact JSON without line breaks. Numbers are written with the fewest digits
  /// that read back equal; infinities and NaN, which JSON lacks and no parse yields, become `null`.
  public var encoded: String {
    var text = ""
    encode(into: &text)
    return text
  }

  private func encode(into text: inout String) {
    switch self {
    case .null: text += "null"
    case .boolean(let value): text += value ? "true" : "false"
    case .integer(let value): text += String(value)
    case .number(let value): text += value.isFinite ? value.shortestText : "null"
    case .string(let value): text.appendJSONString(value)
    case .array(let elements):
      text += "["
      for (position, element) in elements.enumerated() {
        if position > 0 { text += "," }
        element.encode(into: &text)
      }
      text += "]"
    case .object(let fields):
      text += "{"
      for (position, field) in fields.enumerated() {
        if position > 0 { text += "," }
        text.appendJSONString(field.key)
        text += ":"
        field.value.encode(into: &text)
      }
      text += "}"
    }
  }
}

extension String {
  /// Appends `value` in quotes, with the escapes JSON demands and, if `asciiOnly`, `\uXXXX` for every
  /// UTF-16 unit outside ASCII.
  mutating func appendJSONString(_ value: String, asciiOnly: Bool = false) {
    append("\"")
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": append("\\\"")
      case "\\": append("\\\\")
      case "\n": append("\\n")
      case "\r": append("\\r")
      case "\t": append("\\t")
      case "\u{8}": append("\\b")
      case "\u{C}": append("\\f")
      case _ where scalar.value < 0x20 || (asciiOnly && scalar.value > 0x7E):
        for unit in UTF16.encode(scalar) ?? .init() { append("\\u" + unit.hexadecimal(digits: 4)) }
      default: unicodeScalars.append(scalar)
      }
    }
    append("\"")
  }
}

extension UnsignedInteger {
  /// The number in lower-case hexadecimal with at least `digits` digits.
  func hexadecimal(digits: Int) -> String {
    let text = String(self, radix: 16)
    return String(repeating: "0", count: Swift.max(0, digits - text.count)) + text
  }
}
