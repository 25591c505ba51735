// Equality, order and membership as in Python: numbers compare across types, unlike types are
// unequal but have no order.

extension RuntimeValue {
  /// Python's `==`.
  func isEqual(to other: RuntimeValue, _ budget: TemplateBudget) throws(TemplateFault) -> Bool {
    try budget.spend(16)
    switch (self, other) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.string(let left), .string(let right)):
      try budget.spend(min(left.utf8.count, right.utf8.count))
      return left.hasSameBytes(as: right)
    case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
      return try Self.areEqual(left.values, right.values, budget)
    case (.dictionary(let left), .dictionary(let right)):
      return try Self.areEqual(left.fields, right.fields, budget)
    case (.generator(let left), .generator(let right)): return left === right
    case (.namespace(let left), .namespace(let right)): return left === right
    case (.loop(let left), .loop(let right)): return left === right
    case (.macro(let left), .macro(let right)): return left === right
    case (.function(let left), .function(let right)): return left == right
    default:
      if let left = integer, let right = other.integer { return left == right }
      if let left = double, let right = other.double { return left == right }
      return false
    }
  }

  private static func areEqual(
    _ left: [RuntimeValue], _ right: [RuntimeValue], _ budget: TemplateBudget
  ) throws(TemplateFault) -> Bool {
    guard left.count == right.count else { return false }
    for (left, right) in zip(left, right) where try !left.isEqual(to: right, budget) { return false }
    return true
  }

  private static func areEqual(
    _ left: OrderedFields<RuntimeValue>, _ right: OrderedFields<RuntimeValue>, _ budget: TemplateBudget
  ) throws(TemplateFault) -> Bool {
    guard left.count == right.count else { return false }
    for field in left {
      guard let other = right[field.key], try field.value.isEqual(to: other, budget) else { return false }
    }
    return true
  }

  /// Python's `<`; a fault for types that have no order.
  func isLess(than other: RuntimeValue, _ budget: TemplateBudget) throws(TemplateFault) -> Bool {
    try budget.spend(16)
    switch (self, other) {
    case (.string(let left), .string(let right)):
      try budget.spend(min(left.utf8.count, right.utf8.count))
      return left.utf8.lexicographicallyPrecedes(right.utf8)
    case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
      for (left, right) in zip(left.values, right.values) where try !left.isEqual(to: right, budget) {
        return try left.isLess(than: right, budget)
      }
      return left.values.count < right.values.count
    default:
      if let left = integer, let right = other.integer { return left < right }
      if let left = double, let right = other.double { return left < right }
      throw .invalidOperation("\(typeName) and \(other.typeName) have no order")
    }
  }

  /// Python's `self in container`.
  func isContained(in container: RuntimeValue, _ budget: TemplateBudget) throws(TemplateFault) -> Bool {
    switch container {
    case .string(let text):
      guard case .string(let part) = self else {
        throw .invalidOperation("only a string can be in a string, not a value of type \(typeName)")
      }
      try budget.spend(text.utf8.count)
      guard part.utf8.count <= text.utf8.count else { return false }
      return text.utf8Position(of: part) != nil
    case .dictionary(let dictionary):
      guard case .string(let key) = self else { return false }
      return dictionary.fields[key] != nil
    default:
      for value in try container.iterated(budget) where try value.isEqual(to: self, budget) { return true }
      return false
    }
  }

  /// `first operation second`.
  static func compare(
    _ first: RuntimeValue, _ operation: ComparisonOperation, _ second: RuntimeValue, _ budget: TemplateBudget
  ) throws(TemplateFault) -> Bool {
    switch operation {
    case .equal: try first.isEqual(to: second, budget)
    case .notEqual: try !first.isEqual(to: second, budget)
    case .less: try first.isLess(than: second, budget)
    case .greater: try second.isLess(than: first, budget)
    case .lessOrEqual: try first.isLessOrEqual(to: second, budget)
    case .greaterOrEqual: try second.isLessOrEqual(to: first, budget)
    case .isIn: try first.isContained(in: second, budget)
    case .isNotIn: try !first.isContained(in: second, budget)
    }
  }

  private func isLessOrEqual(to other: RuntimeValue, _ budget: TemplateBudget) throws(TemplateFault) -> Bool {
    if try isLess(than: other, budget) { return true }
    return try isEqual(to: other, budget)
  }
}
