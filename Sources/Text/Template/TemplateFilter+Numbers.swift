// Filters that make numbers.

extension TemplateRenderer {
  func applyNumberFilter(
    _ filter: TemplateFilter, to value: RuntimeValue, _ arguments: EvaluatedArguments
  ) throws(TemplateFault) -> RuntimeValue {
    if value.isUndefined {
      throw .undefined("the value that '\(filter.rawValue)' is applied to is not defined")
    }
    switch filter {
    case .int:
      let given = try arguments.bound(to: ["default", "base"], of: "int")
      return try toInteger(value, base: try given[1].integer("base") ?? 10) ?? given[0] ?? .integer(0)
    case .float:
      let given = try arguments.bound(to: ["default"], of: "float")[0]
      return try toFloat(value) ?? given ?? .float(0)
    case .abs:
      try arguments.none(of: "abs")
      guard let number = value.double else { throw .invalidOperation("'abs' needs a number") }
      return number < 0 ? try value.negated() : try value.unaryPlus()
    default: return try round(value, arguments)
    }
  }

  /// The whole number that `value` is, is written as, or begins with before its decimals.
  private func toInteger(_ value: RuntimeValue, base: Int) throws(TemplateFault) -> RuntimeValue? {
    if let integer = value.integer { return .integer(integer) }
    if case .string(let text) = value {
      try budget.spend(text.utf8.count)
      if let integer = text.pythonInteger(base: base) { return .integer(integer) }
    }
    guard case .float(let number) = try toFloat(value), number.isFinite else { return nil }
    guard let integer = Int(exactly: number.rounded(.towardZero)) else {
      throw .limit("a number leaves the range of 64 bits")
    }
    return .integer(integer)
  }

  private func toFloat(_ value: RuntimeValue) throws(TemplateFault) -> RuntimeValue? {
    if let number = value.double { return .float(number) }
    guard case .string(let text) = value else { return nil }
    try budget.spend(text.utf8.count)
    return text.pythonFloat.map { .float($0) }
  }

  private func round(_ value: RuntimeValue, _ arguments: EvaluatedArguments) throws(TemplateFault)
    -> RuntimeValue
  {
    let given = try arguments.bound(to: ["precision", "method"], of: "round")
    let precision = try given[0].integer("precision") ?? 0
    guard precision.magnitude <= Double.decimalsLimit else {
      throw .limit("'round' takes at most \(Double.decimalsLimit) decimals")
    }
    guard let number = value.double else { throw .invalidOperation("'round' needs a number") }
    let method = try given[1].string("method") ?? "common"
    guard ["common", "ceil", "floor"].contains(method) else {
      throw .invalidOperation("'round' knows the methods common, ceil and floor")
    }
    if method == "common", value.integer != nil, precision >= 0 { return try value.unaryPlus() }
    guard number.isFinite else { return .float(number) }
    if method == "common", precision >= 0 {
      try budget.spend(16 << 10)
      let magnitude = Double(number.fixedMagnitude(decimals: precision)) ?? number.magnitude
      return .float(number.sign == .minus ? -magnitude : magnitude)
    }
    let unit = (0..<precision.magnitude).reduce(1.0) { unit, _ in unit * 10 }
    let scaled = precision >= 0 ? number * unit : number / unit
    let rule: FloatingPointRoundingRule =
      method == "ceil" ? .up : (method == "floor" ? .down : .toNearestOrEven)
    let rounded = scaled.rounded(rule)
    let result = precision >= 0 ? rounded / unit : rounded * unit
    guard method == "common", value.integer != nil else { return .float(result) }
    return Int(exactly: result).map { .integer($0) } ?? .float(result)
  }
}

extension String {
  /// The number Python's `int` reads: with white space around it, a sign, and single underscores
  /// between digits.
  fileprivate func pythonInteger(base: Int) -> Int? {
    guard (2...36).contains(base), let digits = withoutDigitSeparators else { return nil }
    let prefixes = [16: "0x", 8: "0o", 2: "0b"]
    if let prefix = prefixes[base], digits.lowercased().hasPrefix(prefix) {
      return Int(digits.dropFirst(2), radix: base)
    }
    return Int(digits, radix: base)
  }

  /// The number Python's `float` reads.
  fileprivate var pythonFloat: Double? {
    guard let digits = withoutDigitSeparators, !digits.lowercased().contains("x") else { return nil }
    switch digits.lowercased().drop(while: { $0 == "+" }) {
    case "inf", "infinity": return .infinity
    case "-inf", "-infinity": return -.infinity
    case "nan", "-nan": return .nan
    default: break
    }
    guard digits.utf8.allSatisfy({ UInt8(ascii: "+")...UInt8(ascii: "e") ~= $0 }) else { return nil }
    return Double(padded(digits))
  }

  /// Swift wants digits on both sides of the point, Python on one.
  private func padded(_ digits: String) -> String {
    guard let point = digits.firstIndex(of: ".") else { return digits }
    let before = digits[..<point].last?.isNumber ?? false
    let next = digits.index(after: point)
    let after = next < digits.endIndex && digits[next].isNumber
    guard before != after else { return digits }
    return digits[..<point] + (before ? "" : "0") + "." + (after ? "" : "0") + digits[next...]
  }

  private var withoutDigitSeparators: String? {
    let text = trimmed(of: nil)
    guard text.contains("_") else { return text }
    guard !text.hasPrefix("_"), !text.hasSuffix("_"), !text.contains("__") else { return nil }
    return text.filter { $0 != "_" }
  }
}
