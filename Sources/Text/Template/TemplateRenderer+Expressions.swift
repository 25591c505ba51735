// Evaluates expressions. What operators do to values is in RuntimeValue's extensions.

extension TemplateRenderer {
  func evaluate(_ expression: TemplateExpression) throws(TemplateFault) -> RuntimeValue {
    try enter(at: expression.offset)
    defer { leave() }
    switch expression.kind {
    case .literal(let value): return try RuntimeValue(value, budget: budget)
    case .name(let name): return value(of: name)
    case .list(let elements): return try .list(try evaluateAll(elements))
    case .tuple(let elements): return try .tuple(try evaluateAll(elements))
    case .dictionary(let entries): return try evaluateDictionary(entries)
    case .conditional(let condition, let then, let otherwise):
      if try evaluate(condition).isTrue { return try evaluate(then) }
      return try otherwise.map { otherwise throws(TemplateFault) in try evaluate(otherwise) } ?? .undefined
    case .or(let operands): return try evaluateLogical(operands, endsWith: true)
    case .and(let operands): return try evaluateLogical(operands, endsWith: false)
    case .not(let operand): return .boolean(try !evaluate(operand).isTrue)
    case .negative(let operand): return try evaluateDefined(operand).negated()
    case .positive(let operand): return try evaluateDefined(operand).unaryPlus()
    case .comparison(let first, let steps): return try evaluateComparison(first, steps)
    case .arithmetic(let first, let steps): return try evaluateArithmetic(first, steps)
    case .concatenation(let operands): return try evaluateConcatenation(operands)
    case .chain(let base, let suffixes): return try evaluateChain(base, suffixes)
    }
  }

  private func value(of name: String) -> RuntimeValue {
    scope.value(of: name) ?? GlobalFunction(rawValue: name).map { .function($0) } ?? .undefined
  }

  private func evaluateAll(_ expressions: [TemplateExpression]) throws(TemplateFault) -> [RuntimeValue] {
    try budget.spend(values: expressions.count)
    return try expressions.map { expression throws(TemplateFault) in try evaluate(expression) }
  }

  /// The value of `expression`, which must be defined.
  private func evaluateDefined(_ expression: TemplateExpression) throws(TemplateFault) -> RuntimeValue {
    let value = try evaluate(expression)
    if value.isUndefined { throw .undefined("\(expression.sourceName) is not defined") }
    return value
  }

  private func evaluateDictionary(
    _ entries: [(key: TemplateExpression, value: TemplateExpression)]
  ) throws(TemplateFault) -> RuntimeValue {
    try budget.spend(values: entries.count * 2)
    var fields = OrderedFields<RuntimeValue>()
    for entry in entries {
      let key = try evaluate(entry.key)
      guard case .string(let name) = key else {
        throw .invalidOperation("the keys of a dictionary must be strings, not of type \(key.typeName)")
      }
      fields.set(name, to: try evaluate(entry.value))
    }
    return .dictionary(try RuntimeValue.Dictionary(fields))
  }

  // MARK: Operators

  /// The first operand whose truth is `truth`, or else the last.
  private func evaluateLogical(
    _ operands: [TemplateExpression], endsWith truth: Bool
  ) throws(TemplateFault) -> RuntimeValue {
    var value = RuntimeValue.undefined
    for operand in operands {
      value = try evaluate(operand)
      if value.isTrue == truth { break }
    }
    return value
  }

  private func evaluateComparison(
    _ first: TemplateExpression,
    _ steps: [(operation: ComparisonOperation, operand: TemplateExpression)]
  ) throws(TemplateFault) -> RuntimeValue {
    var left = (expression: first, value: try evaluate(first))
    for step in steps {
      let right = try evaluate(step.operand)
      mark(step.operand.offset)
      if [.less, .lessOrEqual, .greater, .greaterOrEqual].contains(step.operation) {
        try requireDefined(left.value, left.expression)
        try requireDefined(right, step.operand)
      }
      guard try RuntimeValue.compare(left.value, step.operation, right, budget) else {
        return .boolean(false)
      }
      left = (step.operand, right)
    }
    return .boolean(true)
  }

  private func evaluateArithmetic(
    _ first: TemplateExpression,
    _ steps: [(operation: ArithmeticOperation, operand: TemplateExpression)]
  ) throws(TemplateFault) -> RuntimeValue {
    var value = try evaluate(first)
    for step in steps {
      let right = try evaluate(step.operand)
      mark(step.operand.offset)
      try requireDefined(value, first)
      if case (.modulo, .string) = (step.operation, value) {
        // What is formatted may be undefined: it is printed as nothing.
      } else {
        try requireDefined(right, step.operand)
      }
      value = try RuntimeValue.arithmetic(value, step.operation, right, budget)
    }
    return value
  }

  private func requireDefined(
    _ value: RuntimeValue, _ expression: TemplateExpression
  ) throws(TemplateFault) {
    if value.isUndefined { throw .undefined("\(expression.sourceName) is not defined") }
  }

  private func evaluateConcatenation(_ operands: [TemplateExpression]) throws(TemplateFault) -> RuntimeValue {
    var text = ""
    for operand in operands {
      let part = try evaluate(operand).text(budget)
      try budget.spend(text: part.utf8.count)
      text += part
    }
    try budget.spend(text: text.utf8.count)
    return .string(text)
  }

  // MARK: Chains

  func evaluateChain(
    _ base: TemplateExpression, _ suffixes: [Suffix]
  ) throws(TemplateFault) -> RuntimeValue {
    var value = try evaluate(base)
    var index = 0
    while index < suffixes.count {
      let suffix = suffixes[index]
      mark(suffix.offset)
      if suffix.kind.needsDefinedValue, value.isUndefined {
        throw .undefined("\(base.sourceName(with: suffixes[..<index])) is not defined")
      }
      if case .attribute(let name) = suffix.kind, index + 1 < suffixes.count,
        case .call(let written) = suffixes[index + 1].kind, value.hasMethod(name)
      {
        let arguments = try evaluate(written)
        mark(suffix.offset)
        value = try callMethod(name, of: value, arguments)
        index += 2
        continue
      }
      if case .call(let written) = suffix.kind {
        let arguments = try evaluate(written)
        mark(suffix.offset)
        value = try call(value, arguments, named: base.sourceName(with: suffixes[..<index]))
      } else {
        value = try apply(suffix, to: value)
      }
      index += 1
    }
    return value
  }

  /// What `suffix`, which is no call, makes of `value`.
  func apply(_ suffix: Suffix, to value: RuntimeValue) throws(TemplateFault) -> RuntimeValue {
    switch suffix.kind {
    case .attribute(let name): return try value.attribute(name)
    case .element(let index):
      let index = try evaluate(index)
      mark(suffix.offset)
      return try value.element(index, budget)
    case .slice(let start, let stop, let step):
      let bounds = try [start, stop, step].map { bound throws(TemplateFault) in
        try bound.map { bound throws(TemplateFault) in try evaluate(bound) } ?? RuntimeValue.none
      }
      mark(suffix.offset)
      return try value.slice(bounds[0], bounds[1], bounds[2], budget)
    case .filter(let name, let written):
      let arguments = try evaluate(written)
      mark(suffix.offset)
      return try applyFilter(name, to: value, arguments)
    case .test(let name, let written, let isNegated):
      let arguments = try evaluate(written)
      mark(suffix.offset)
      return .boolean(try applyTest(name, to: value, arguments) != isNegated)
    case .call(let written): return try call(value, try evaluate(written), named: "this value")
    }
  }
}

// MARK: Names for messages

extension Suffix.Kind {
  /// Whether the suffix is a fault on an undefined value.
  fileprivate var needsDefinedValue: Bool {
    switch self {
    case .attribute, .element, .slice, .call: true
    case .filter, .test: false
    }
  }
}

extension TemplateExpression {
  /// The expression as a message names it: its path if it is one, such as 'message.content'.
  var sourceName: String {
    if case .chain(let base, let suffixes) = kind { return base.sourceName(with: suffixes[...]) }
    return sourceName(with: [])
  }

  /// The name of this expression with `suffixes` behind it.
  func sourceName(with suffixes: ArraySlice<Suffix>) -> String {
    var path = "(…)"
    if case .name(let name) = kind { path = name } else if suffixes.isEmpty { return "this value" }
    for suffix in suffixes {
      switch suffix.kind {
      case .attribute(let name): path += "." + name
      case .element(let index):
        guard case .literal(let literal) = index.kind else { return "'\(path)[…]'" }
        switch literal {
        case .string(let key): path += "['\(key)']"
        case .integer(let position): path += "[\(position)]"
        default: return "'\(path)[…]'"
        }
      default: return "what '\(path)' gives"
      }
    }
    return "'\(path)'"
  }
}
