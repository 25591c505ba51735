// Python's arithmetic, on 64-bit integers: division and remainder round towards minus infinity, "+"
// and "*" also join and repeat, "%" also formats. What overflows is a fault, not a big integer.

import Glibc

extension RuntimeValue {
  /// `left operation right`.
  static func arithmetic(
    _ left: RuntimeValue, _ operation: ArithmeticOperation, _ right: RuntimeValue, _ budget: TemplateBudget
  ) throws(TemplateFault) -> RuntimeValue {
    if let left = left.integer, let right = right.integer {
      return try arithmetic(left, operation, right)
    }
    if let left = left.double, let right = right.double {
      return .float(try arithmetic(left, operation, right))
    }
    switch (operation, left, right) {
    case (.add, .string(let left), .string(let right)):
      try budget.spend(text: left.utf8.count + right.utf8.count)
      return .string(left + right)
    case (.add, .list(let left), .list(let right)):
      try budget.spend(values: left.values.count + right.values.count)
      return try .list(left.values + right.values)
    case (.add, .tuple(let left), .tuple(let right)):
      try budget.spend(values: left.values.count + right.values.count)
      return try .tuple(left.values + right.values)
    case (.multiply, let sequence, let count) where count.integer != nil:
      return try sequence.repeated(count.integer ?? 0, budget)
    case (.multiply, let count, let sequence) where count.integer != nil:
      return try sequence.repeated(count.integer ?? 0, budget)
    case (.modulo, .string(let format), _):
      return .string(try PercentFormat.format(format, right, budget))
    default:
      throw .invalidOperation(
        "'\(operation.rawValue)' does not work between \(left.typeName) and \(right.typeName)")
    }
  }

  private func repeated(_ count: Int, _ budget: TemplateBudget) throws(TemplateFault) -> RuntimeValue {
    switch self {
    case .string(let text):
      try budget.spend(text: text.utf8.count, times: count)
      return .string(String(repeating: text, count: max(0, text.isEmpty ? 0 : count)))
    case .list(let elements): return try .list(try Self.repeated(elements.values, count, budget))
    case .tuple(let elements): return try .tuple(try Self.repeated(elements.values, count, budget))
    default: throw .invalidOperation("a value of type \(typeName) cannot be multiplied")
    }
  }

  private static func repeated(
    _ values: [RuntimeValue], _ count: Int, _ budget: TemplateBudget
  ) throws(TemplateFault) -> [RuntimeValue] {
    try budget.spend(text: values.count * MemoryLayout<RuntimeValue>.stride, times: count)
    guard count > 0, !values.isEmpty else { return [] }
    return Array(repeatElement(values, count: count).joined())
  }

  // MARK: Numbers

  private static func arithmetic(
    _ left: Int, _ operation: ArithmeticOperation, _ right: Int
  ) throws(TemplateFault) -> RuntimeValue {
    switch operation {
    case .add: return .integer(try checked(left.addingReportingOverflow(right)))
    case .subtract: return .integer(try checked(left.subtractingReportingOverflow(right)))
    case .multiply: return .integer(try checked(left.multipliedReportingOverflow(by: right)))
    case .divide: return .float(try arithmetic(Double(left), .divide, Double(right)))
    case .floorDivide:
      try refuseZero(right == 0)
      let quotient = try checked(left.dividedReportingOverflow(by: right))
      return .integer(left % right != 0 && (left < 0) != (right < 0) ? quotient - 1 : quotient)
    case .modulo:
      try refuseZero(right == 0)
      let remainder = right == -1 ? 0 : left % right
      return .integer(remainder != 0 && (remainder < 0) != (right < 0) ? remainder + right : remainder)
    case .power:
      guard right >= 0 else { return .float(try arithmetic(Double(left), .power, Double(right))) }
      return .integer(try power(left, right))
    }
  }

  private static func arithmetic(
    _ left: Double, _ operation: ArithmeticOperation, _ right: Double
  ) throws(TemplateFault) -> Double {
    switch operation {
    case .add: return left + right
    case .subtract: return left - right
    case .multiply: return left * right
    case .divide:
      try refuseZero(right == 0)
      return left / right
    case .floorDivide:
      try refuseZero(right == 0)
      return ((left - modulo(left, right)) / right).rounded()
    case .modulo:
      try refuseZero(right == 0)
      return modulo(left, right)
    case .power:
      try refuseZero(left == 0 && right < 0)
      let result = pow(left, right)
      guard !result.isNaN || left.isNaN || right.isNaN else {
        throw .invalidOperation("a negative number has no such power")
      }
      guard result.isFinite || !left.isFinite || !right.isFinite else {
        throw .limit("a number is too large")
      }
      return result
    }
  }

  private static func modulo(_ left: Double, _ right: Double) -> Double {
    let remainder = fmod(left, right)
    return remainder != 0 && (remainder < 0) != (right < 0) ? remainder + right : remainder
  }

  private static func power(_ base: Int, _ exponent: Int) throws(TemplateFault) -> Int {
    var result = 1
    var square = base
    var remaining = exponent
    while remaining > 0 {
      if remaining & 1 == 1 { result = try checked(result.multipliedReportingOverflow(by: square)) }
      remaining >>= 1
      if remaining > 0 { square = try checked(square.multipliedReportingOverflow(by: square)) }
    }
    return result
  }

  private static func checked(_ result: (partialValue: Int, overflow: Bool)) throws(TemplateFault) -> Int {
    guard !result.overflow else { throw .limit("a number leaves the range of 64 bits") }
    return result.partialValue
  }

  private static func refuseZero(_ isZero: Bool) throws(TemplateFault) {
    if isZero { throw .invalidOperation("division by zero") }
  }

  /// `-value`.
  func negated() throws(TemplateFault) -> RuntimeValue {
    if let integer { return .integer(try Self.checked(Int(0).subtractingReportingOverflow(integer))) }
    if let double { return .float(-double) }
    throw .invalidOperation("'-' does not work on a value of type \(typeName)")
  }

  /// `+value`.
  func unaryPlus() throws(TemplateFault) -> RuntimeValue {
    if let integer { return .integer(integer) }
    if let double { return .float(double) }
    throw .invalidOperation("'+' does not work on a value of type \(typeName)")
  }
}
