// How one value is laid out in `'%-5d' % x` and `'{:>5}'.format(x)`: the two notations share it.

struct FormatSpecification {
  var fill = " "
  /// "<", ">", "^", or "=" (padding between sign and digits); nil for the type's own.
  var alignment: Character?
  /// What stands before a positive number: "", "+" or " ".
  var positiveSign = ""
  var groupsThousands = false
  var width = 0
  var precision: Int?
  /// "s", "r", "d", "f", "x", … as in Python; nil for the value's own text.
  var type: Character?

  /// `value` laid out; a fault if its type does not suit.
  func render(_ value: RuntimeValue, _ budget: TemplateBudget) throws(TemplateFault) -> String {
    let (sign, body) = try signAndBody(value, budget)
    let missing = max(0, width - sign.count - body.unicodeScalars.count)
    try budget.spend(text: fill.utf8.count, times: missing)
    let padding = String(repeating: fill, count: missing)
    switch alignment ?? (isNumber(value) ? ">" : "<") {
    case "<": return sign + body + padding
    case "=": return sign + padding + body
    case "^":
      return String(repeating: fill, count: missing / 2) + sign + body
        + String(repeating: fill, count: missing - missing / 2)
    default: return padding + sign + body
    }
  }

  private func isNumber(_ value: RuntimeValue) -> Bool {
    guard type != "s", type != "r" else { return false }
    return value.double != nil
  }

  private func signAndBody(
    _ value: RuntimeValue, _ budget: TemplateBudget
  ) throws(TemplateFault) -> (sign: String, body: String) {
    switch type {
    case nil:
      guard precision == nil || value.double == nil else { return try fixed(value, budget) }
      guard case .integer(let number) = value else { return ("", cut(try value.text(budget))) }
      return (sign(isNegative: number < 0), grouped(String(number.magnitude)))
    case "s": return ("", cut(try value.text(budget)))
    case "r": return ("", cut(try value.representation(budget)))
    case "d", "i", "u": return try whole(value, radix: 10)
    case "x": return try whole(value, radix: 16)
    case "X":
      let (sign, digits) = try whole(value, radix: 16)
      return (sign, digits.uppercased())
    case "o": return try whole(value, radix: 8)
    case "b": return try whole(value, radix: 2)
    case "f", "F": return try fixed(value, budget)
    case .some(let type): throw .invalidOperation("the format '\(type)' is not supported")
    }
  }

  private func cut(_ text: String) -> String {
    guard let precision else { return text }
    return String(String.UnicodeScalarView(text.unicodeScalars.prefix(max(0, precision))))
  }

  private func whole(_ value: RuntimeValue, radix: Int) throws(TemplateFault) -> (sign: String, body: String) {
    var number = value.integer
    if case .float(let float) = value { number = Int(exactly: float.rounded(.towardZero)) }
    guard let number else {
      throw .invalidOperation("a whole number is needed to format, not \(value.typeName)")
    }
    return (sign(isNegative: number < 0), grouped(String(number.magnitude, radix: radix)))
  }

  private func fixed(
    _ value: RuntimeValue, _ budget: TemplateBudget
  ) throws(TemplateFault) -> (sign: String, body: String) {
    guard let number = value.double else {
      throw .invalidOperation("a number is needed to format, not \(value.typeName)")
    }
    let decimals = precision ?? 6
    guard decimals <= Double.decimalsLimit else {
      throw .limit("a number is formatted with more than \(Double.decimalsLimit) decimals")
    }
    // The exact decimal expansion of a large or tiny number takes thousands of small operations.
    try budget.spend(16 << 10)
    guard number.isFinite else { return (sign(isNegative: number < 0), number.magnitude.shortestText) }
    return (sign(isNegative: number.sign == .minus), grouped(number.fixedMagnitude(decimals: decimals)))
  }

  private func sign(isNegative: Bool) -> String { isNegative ? "-" : positiveSign }

  private func grouped(_ digits: String) -> String {
    guard groupsThousands else { return digits }
    let parts = digits.split(separator: ".", maxSplits: 1)
    var whole = ""
    for (position, digit) in parts[0].enumerated() {
      if position > 0, (parts[0].count - position) % 3 == 0 { whole += "," }
      whole.append(digit)
    }
    return parts.count > 1 ? whole + "." + parts[1] : whole
  }
}

/// Reads the small notations of formats, scalar by scalar.
struct FormatCursor {
  private var rest: Substring.UnicodeScalarView

  init(_ text: String) { rest = text[...].unicodeScalars }

  var peek: Unicode.Scalar? { rest.first }

  mutating func next() -> Unicode.Scalar? { rest.popFirst() }

  mutating func accept(_ scalar: Unicode.Scalar) -> Bool {
    guard rest.first == scalar else { return false }
    rest.removeFirst()
    return true
  }

  /// The whole number that stands here; nil when none does.
  mutating func number() throws(TemplateFault) -> Int? {
    var digits = ""
    while let scalar = peek, ("0"..."9").contains(scalar) {
      digits.unicodeScalars.append(scalar)
      rest.removeFirst()
    }
    guard !digits.isEmpty else { return nil }
    guard let number = Int(digits) else { throw .limit("a width in a format is too large") }
    return number
  }

  /// The text up to `end`, which is stepped over; nil when it is missing.
  mutating func text(until end: Unicode.Scalar) -> String? {
    guard let position = rest.firstIndex(of: end) else { return nil }
    defer { rest = rest[rest.index(after: position)...] }
    return String(rest[..<position])
  }
}
