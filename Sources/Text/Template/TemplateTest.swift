// The tests, `value is name(arguments)`, with all the spellings Jinja has for them.

extension TemplateRenderer {
  /// Whether the test `name` holds for `value`.
  func applyTest(
    _ name: String, to value: RuntimeValue, _ arguments: EvaluatedArguments
  ) throws(TemplateFault) -> Bool {
    if let operation = Self.comparison(name) {
      let other = try arguments.single("other", of: name)
      return try RuntimeValue.compare(value, operation, other, budget)
    }
    if let holds = try typeTest(name, value) {
      try arguments.none(of: name)
      return holds
    }
    switch name {
    case "sameas": return value.isSame(as: try arguments.single("other", of: name))
    case "divisibleby":
      guard let divisor = try (arguments.single("num", of: name) as RuntimeValue?).integer("num") else {
        return false
      }
      return try remainder(of: value, by: divisor) == 0
    case "even", "odd":
      try arguments.none(of: name)
      return try remainder(of: value, by: 2) == (name == "even" ? 0 : 1)
    case "lower", "upper":
      try arguments.none(of: name)
      let method = name == "lower" ? StringMethod.islower : .isupper
      return try method.call(on: try value.text(budget), EvaluatedArguments(), budget).isTrue
    case "filter": return TemplateFilter(rawValue: try value.text(budget)) != nil
    default: throw .invalidOperation("there is no test '\(name)'")
    }
  }

  private static func comparison(_ name: String) -> ComparisonOperation? {
    switch name {
    case "eq", "equalto", "==": .equal
    case "ne", "!=": .notEqual
    case "lt", "lessthan", "<": .less
    case "le", "<=": .lessOrEqual
    case "gt", "greaterthan", ">": .greater
    case "ge", ">=": .greaterOrEqual
    case "in": .isIn
    default: nil
    }
  }

  /// Whether `value` is of the type that `name` names; nil when it names none.
  private func typeTest(_ name: String, _ value: RuntimeValue) throws(TemplateFault) -> Bool? {
    switch (name, value) {
    case ("undefined", .undefined): return true
    case ("defined", _): return !value.isUndefined
    case ("none", .none): return true
    case ("boolean", .boolean): return true
    case ("true", .boolean(let truth)): return truth
    case ("false", .boolean(let truth)): return !truth
    case ("integer", .integer): return true
    case ("float", .float): return true
    case ("number", _): return value.double != nil
    case ("string", .string): return true
    case ("mapping", .dictionary): return true
    case ("sequence", .string), ("sequence", .list), ("sequence", .tuple), ("sequence", .dictionary),
      ("sequence", .undefined):
      return true
    case ("iterable", .string), ("iterable", .list), ("iterable", .tuple), ("iterable", .dictionary),
      ("iterable", .undefined), ("iterable", .generator), ("iterable", .loop):
      return true
    case ("callable", .macro), ("callable", .function), ("callable", .method), ("callable", .undefined),
      ("callable", .loop):
      return true
    case ("escaped", _): return false
    default:
      let names = [
        "undefined", "none", "boolean", "true", "false", "integer", "float", "string", "mapping", "sequence",
        "iterable", "callable",
      ]
      return names.contains(name) ? false : nil
    }
  }

  private func remainder(of value: RuntimeValue, by divisor: Int) throws(TemplateFault) -> Double? {
    if value.isUndefined { throw .undefined("a value that is tested for divisibility is not defined") }
    return try RuntimeValue.arithmetic(value, .modulo, .integer(divisor), budget).double
  }
}

extension RuntimeValue {
  /// Python's `is`, as far as values without identity have one.
  fileprivate func isSame(as other: RuntimeValue) -> Bool {
    switch (self, other) {
    case (.none, .none), (.undefined, .undefined): true
    case (.boolean(let left), .boolean(let right)): left == right
    case (.integer(let left), .integer(let right)): left == right
    case (.string(let left), .string(let right)): left.hasSameBytes(as: right)
    case (.namespace(let left), .namespace(let right)): left === right
    case (.macro(let left), .macro(let right)): left === right
    default: false
    }
  }
}
