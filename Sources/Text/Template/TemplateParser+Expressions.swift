// Expressions, from the loosest binding (`a if b else c`) to the tightest (`a.b`). As in Jinja,
// filters and tests bind tighter than every operator but the sign, and `**` groups from the left.

extension TemplateParser {
  /// One expression, or several with commas between them as a tuple.
  mutating func parseTuple(allowConditional: Bool = true) throws(TemplateFault) -> TemplateExpression {
    let start = offset
    let first = try parseExpression(allowConditional: allowConditional)
    guard token == .symbol(.comma) else { return first }
    var elements = [first]
    while accept(.comma), !endsTuple {
      elements.append(try parseExpression(allowConditional: allowConditional))
    }
    return TemplateExpression(kind: .tuple(elements), offset: start)
  }

  private var endsTuple: Bool {
    [.outputEnd, .blockEnd, .symbol(.rightParenthesis)].contains(token)
  }

  mutating func parseExpression(allowConditional: Bool = true) throws(TemplateFault) -> TemplateExpression {
    try enter()
    defer { depth -= 1 }
    var expression = try parseOr()
    var conditionals = 0
    defer { depth -= conditionals }
    while allowConditional, token == .name("if") {
      try enter()
      conditionals += 1
      advance()
      let condition = try parseOr()
      let otherwise = accept(word: "else") ? try parseExpression() : nil
      let kind = TemplateExpression.Kind.conditional(
        condition: condition, then: expression, otherwise: otherwise)
      expression = TemplateExpression(kind: kind, offset: expression.offset)
    }
    return expression
  }

  // MARK: Operators

  private mutating func parseOr() throws(TemplateFault) -> TemplateExpression {
    let first = try parseAnd()
    guard token == .name("or") else { return first }
    var operands = [first]
    while accept(word: "or") { operands.append(try parseAnd()) }
    return TemplateExpression(kind: .or(operands), offset: first.offset)
  }

  private mutating func parseAnd() throws(TemplateFault) -> TemplateExpression {
    let first = try parseNot()
    guard token == .name("and") else { return first }
    var operands = [first]
    while accept(word: "and") { operands.append(try parseNot()) }
    return TemplateExpression(kind: .and(operands), offset: first.offset)
  }

  private mutating func parseNot() throws(TemplateFault) -> TemplateExpression {
    let start = offset
    guard accept(word: "not") else { return try parseComparison() }
    try enter()
    defer { depth -= 1 }
    return TemplateExpression(kind: .not(try parseNot()), offset: start)
  }

  private mutating func parseComparison() throws(TemplateFault) -> TemplateExpression {
    let first = try parseSum()
    var steps: [(operation: ComparisonOperation, operand: TemplateExpression)] = []
    while let operation = acceptComparison() { steps.append((operation, try parseSum())) }
    guard !steps.isEmpty else { return first }
    return TemplateExpression(kind: .comparison(first, steps), offset: first.offset)
  }

  private mutating func acceptComparison() -> ComparisonOperation? {
    let operation: ComparisonOperation
    switch token {
    case .symbol(.equal): operation = .equal
    case .symbol(.notEqual): operation = .notEqual
    case .symbol(.less): operation = .less
    case .symbol(.lessOrEqual): operation = .lessOrEqual
    case .symbol(.greater): operation = .greater
    case .symbol(.greaterOrEqual): operation = .greaterOrEqual
    case .name("in"): operation = .isIn
    case .name("not") where next == .name("in"):
      advance()
      operation = .isNotIn
    default: return nil
    }
    advance()
    return operation
  }

  private mutating func parseSum() throws(TemplateFault) -> TemplateExpression {
    let first = try parseConcatenation()
    var steps: [(operation: ArithmeticOperation, operand: TemplateExpression)] = []
    while let operation = acceptArithmetic([.plus, .minus]) {
      steps.append((operation, try parseConcatenation()))
    }
    return arithmetic(first, steps)
  }

  private mutating func parseConcatenation() throws(TemplateFault) -> TemplateExpression {
    let first = try parseProduct()
    guard token == .symbol(.tilde) else { return first }
    var operands = [first]
    while accept(.tilde) { operands.append(try parseProduct()) }
    return TemplateExpression(kind: .concatenation(operands), offset: first.offset)
  }

  private mutating func parseProduct() throws(TemplateFault) -> TemplateExpression {
    let first = try parsePower()
    var steps: [(operation: ArithmeticOperation, operand: TemplateExpression)] = []
    while let operation = acceptArithmetic([.multiply, .divide, .floorDivide, .modulo]) {
      steps.append((operation, try parsePower()))
    }
    return arithmetic(first, steps)
  }

  private mutating func parsePower() throws(TemplateFault) -> TemplateExpression {
    let first = try parseUnary(withFilters: true)
    var steps: [(operation: ArithmeticOperation, operand: TemplateExpression)] = []
    while let operation = acceptArithmetic([.power]) {
      steps.append((operation, try parseUnary(withFilters: true)))
    }
    return arithmetic(first, steps)
  }

  private mutating func acceptArithmetic(_ symbols: [TemplateToken.Symbol]) -> ArithmeticOperation? {
    guard case .symbol(let symbol) = token, symbols.contains(symbol) else { return nil }
    advance()
    return ArithmeticOperation(rawValue: symbol.rawValue)
  }

  private func arithmetic(
    _ first: TemplateExpression, _ steps: [(operation: ArithmeticOperation, operand: TemplateExpression)]
  ) -> TemplateExpression {
    steps.isEmpty ? first : TemplateExpression(kind: .arithmetic(first, steps), offset: first.offset)
  }

  // MARK: Operands

  private mutating func parseUnary(withFilters: Bool) throws(TemplateFault) -> TemplateExpression {
    let start = offset
    let operand: TemplateExpression
    if token == .symbol(.minus) || token == .symbol(.plus) {
      let isNegative = token == .symbol(.minus)
      advance()
      try enter()
      let inner = try parseUnary(withFilters: false)
      depth -= 1
      operand = TemplateExpression(kind: isNegative ? .negative(inner) : .positive(inner), offset: start)
    } else {
      operand = try parsePrimary()
    }
    var suffixes: [Suffix] = []
    while let suffix = try parsePostfix() { suffixes.append(suffix) }
    while withFilters, let suffix = try parseFilterOrTest() { suffixes.append(suffix) }
    return suffixes.isEmpty
      ? operand : TemplateExpression(kind: .chain(operand, suffixes), offset: start)
  }

  mutating func parsePrimary() throws(TemplateFault) -> TemplateExpression {
    let start = offset
    let kind: TemplateExpression.Kind
    switch token {
    case .name(let name):
      advance()
      if MacroDefinition.extraNames.contains(name) { mentionedNames.insert(name) }
      kind = constant(name).map { .literal($0) } ?? .name(name)
    case .string(var text):
      advance()
      while case .string(let more) = token {
        text += more
        advance()
      }
      kind = .literal(.string(text))
    case .integer(let value):
      advance()
      kind = .literal(.integer(value))
    case .float(let value):
      advance()
      kind = .literal(.float(value))
    case .symbol(.leftParenthesis):
      advance()
      kind = try parseParenthesized()
    case .symbol(.leftBracket):
      advance()
      kind = .list(try parseList())
    case .symbol(.leftBrace):
      advance()
      kind = .dictionary(try parseDictionary())
    default: throw .syntax("expected a value, found \(token.name)")
    }
    return TemplateExpression(kind: kind, offset: start)
  }

  private func constant(_ name: String) -> TemplateValue? {
    switch name {
    case "true", "True": .boolean(true)
    case "false", "False": .boolean(false)
    case "none", "None": TemplateValue.none
    default: nil
    }
  }

  private mutating func parseParenthesized() throws(TemplateFault) -> TemplateExpression.Kind {
    if accept(.rightParenthesis) { return .tuple([]) }
    let inner = try parseTuple()
    try expect(.symbol(.rightParenthesis))
    return inner.kind
  }

  private mutating func parseList() throws(TemplateFault) -> [TemplateExpression] {
    var elements: [TemplateExpression] = []
    while !accept(.rightBracket) {
      if !elements.isEmpty {
        try expect(.symbol(.comma))
        if accept(.rightBracket) { break }
      }
      elements.append(try parseExpression())
    }
    return elements
  }

  private mutating func parseDictionary() throws(TemplateFault) -> [(
    key: TemplateExpression, value: TemplateExpression
  )] {
    var entries: [(key: TemplateExpression, value: TemplateExpression)] = []
    while !accept(.rightBrace) {
      if !entries.isEmpty {
        try expect(.symbol(.comma))
        if accept(.rightBrace) { break }
      }
      let key = try parseExpression()
      try expect(.symbol(.colon))
      entries.append((key, try parseExpression()))
    }
    return entries
  }
}
