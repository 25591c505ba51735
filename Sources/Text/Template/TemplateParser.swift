// Recursive descent over a template's tokens, statements here and expressions in the sibling file.
// The grammar is Jinja's (with the loopcontrols extension), precedence quirks included.

struct TemplateParser {
  let tokens: [TemplateToken]
  var index = 0
  var depth = 0
  /// Loops around the current statement within the same macro: `break` needs one.
  var loopDepth = 0
  /// Which of `MacroDefinition.extraNames` the macro being parsed reads.
  var mentionedNames: Set<String> = []

  init(tokens: [TemplateToken]) { self.tokens = tokens }

  /// The statements of a whole template. After a fault `offset` is where it was found.
  mutating func parseTemplate() throws(TemplateFault) -> [TemplateStatement] {
    try parseBody(until: []).statements
  }

  // MARK: Tokens

  var token: TemplateToken.Kind { tokens[index].kind }
  /// Where the current token starts, in bytes of the source.
  var offset: Int { tokens[index].offset }
  var next: TemplateToken.Kind { tokens[min(index + 1, tokens.count - 1)].kind }

  mutating func advance() { index = min(index + 1, tokens.count - 1) }

  mutating func accept(_ symbol: TemplateToken.Symbol) -> Bool { accept(.symbol(symbol)) }

  mutating func accept(word: String) -> Bool { accept(.name(word)) }

  mutating func accept(_ kind: TemplateToken.Kind) -> Bool {
    guard token == kind else { return false }
    advance()
    return true
  }

  mutating func expect(_ kind: TemplateToken.Kind) throws(TemplateFault) {
    guard accept(kind) else { throw .syntax("expected \(kind.name), found \(token.name)") }
  }

  mutating func expectName(_ role: String) throws(TemplateFault) -> String {
    guard case .name(let name) = token else { throw .syntax("expected \(role), found \(token.name)") }
    advance()
    return name
  }

  /// Counts one level of brackets or blocks; the caller counts it off again.
  mutating func enter() throws(TemplateFault) {
    depth += 1
    guard depth <= TemplateLimits.syntaxDepth else {
      throw .limit("blocks and brackets are nested more than \(TemplateLimits.syntaxDepth) deep")
    }
  }

  // MARK: Bodies

  /// Statements up to a block that begins with one of `endings`, which is consumed with its name.
  /// With no endings: up to the end of the template.
  mutating func parseBody(
    until endings: [String]
  ) throws(TemplateFault) -> (statements: [TemplateStatement], ending: String) {
    try enter()
    defer { depth -= 1 }
    let opening = index
    var statements: [TemplateStatement] = []
    while true {
      switch token {
      case .text(let text):
        advance()
        statements.append(.text(text))
      case .outputBegin:
        advance()
        statements.append(.output(try parseTuple()))
        try expect(.outputEnd)
      case .blockBegin:
        advance()
        if case .name(let word) = token, endings.contains(word) {
          advance()
          return (statements, word)
        }
        statements.append(try parseStatement())
        try expect(.blockEnd)
      default:
        if endings.isEmpty { return (statements, "") }
        index = tokens[..<opening].lastIndex { $0.kind == .blockBegin } ?? 0
        throw .syntax("this block has no end: {% \(endings[endings.count - 1]) %} is missing")
      }
    }
  }

  /// The body of the block whose head ends here, up to `{% ending`.
  mutating func parseBlock(until ending: String) throws(TemplateFault) -> [TemplateStatement] {
    try expect(.blockEnd)
    return try parseBody(until: [ending]).statements
  }

  private mutating func parseStatement() throws(TemplateFault) -> TemplateStatement {
    let start = index
    let word = try expectName("the name of a statement")
    switch word {
    case "if": return try parseIf()
    case "for": return try parseFor()
    case "set": return try parseSet()
    case "macro": return try parseMacro()
    case "call": return try parseCallBlock()
    case "filter": return try parseFilterBlock()
    case "with": return try parseWith()
    case "generation": return .generation(try parseBlock(until: "endgeneration"))
    case "break" where loopDepth > 0: return .breakLoop
    case "continue" where loopDepth > 0: return .continueLoop
    case "break", "continue":
      index = start
      throw .syntax("'\(word)' outside of a loop")
    default:
      index = start
      throw .syntax("unknown statement '\(word)'")
    }
  }

  // MARK: Statements

  private mutating func parseIf() throws(TemplateFault) -> TemplateStatement {
    var branches: [TemplateStatement.Branch] = []
    while true {
      let condition = try parseTuple(allowConditional: false)
      try expect(.blockEnd)
      let (body, ending) = try parseBody(until: ["elif", "else", "endif"])
      branches.append(.init(condition: condition, body: body))
      switch ending {
      case "elif": continue
      case "else": return .branches(branches, otherwise: try parseBlock(until: "endif"))
      default: return .branches(branches, otherwise: [])
      }
    }
  }

  private mutating func parseFor() throws(TemplateFault) -> TemplateStatement {
    let target = try parseTarget(allowAttribute: false)
    try expect(.name("in"))
    let iterable = try parseTuple(allowConditional: false)
    let filter = accept(word: "if") ? try parseExpression() : nil
    if token == .name("recursive") { throw .syntax("recursive loops are not supported") }
    try expect(.blockEnd)
    loopDepth += 1
    let (body, ending) = try parseBody(until: ["else", "endfor"])
    loopDepth -= 1
    let otherwise = ending == "else" ? try parseBlock(until: "endfor") : []
    return .loop(.init(target: target, iterable: iterable, filter: filter, body: body, otherwise: otherwise))
  }

  private mutating func parseSet() throws(TemplateFault) -> TemplateStatement {
    let target = try parseTarget(allowAttribute: true)
    if accept(.assign) { return .assign(target, try parseTuple()) }
    var filters: [Suffix] = []
    while accept(.pipe) { filters.append(try parseFilter()) }
    return .assignBody(target, filters: filters, body: try parseBlock(until: "endset"))
  }

  private mutating func parseMacro() throws(TemplateFault) -> TemplateStatement {
    let name = try expectName("the name of the macro")
    return .macro(try parseMacroRest(name: name, parameters: try parseParameters(), until: "endmacro"))
  }

  private mutating func parseCallBlock() throws(TemplateFault) -> TemplateStatement {
    let parameters = token == .symbol(.leftParenthesis) ? try parseParameters() : []
    let callStart = index
    let call = try parseExpression()
    guard case .chain(_, let suffixes) = call.kind, case .call = suffixes.last?.kind else {
      index = callStart
      throw .syntax("a call block needs a call of a macro")
    }
    let caller = try parseMacroRest(name: "caller", parameters: parameters, until: "endcall")
    return .callBlock(caller, call: call)
  }

  private mutating func parseMacroRest(
    name: String, parameters: [MacroDefinition.Parameter], until ending: String
  ) throws(TemplateFault) -> MacroDefinition {
    let outer = (loops: loopDepth, names: mentionedNames)
    (loopDepth, mentionedNames) = (0, [])
    let body = try parseBlock(until: ending)
    let extras = mentionedNames
    (loopDepth, mentionedNames) = (outer.loops, outer.names.union(extras))
    return MacroDefinition(name: name, parameters: parameters, body: body, extras: extras)
  }

  private mutating func parseParameters() throws(TemplateFault) -> [MacroDefinition.Parameter] {
    try expect(.symbol(.leftParenthesis))
    var parameters: [MacroDefinition.Parameter] = []
    while token != .symbol(.rightParenthesis) {
      if !parameters.isEmpty { try expect(.symbol(.comma)) }
      let name = try expectName("the name of a parameter")
      let defaultValue = accept(.assign) ? try parseExpression() : nil
      if defaultValue == nil, parameters.last?.defaultValue != nil {
        throw .syntax("the parameter '\(name)' without a default follows one with a default")
      }
      parameters.append(.init(name: name, defaultValue: defaultValue))
    }
    advance()
    return parameters
  }

  private mutating func parseFilterBlock() throws(TemplateFault) -> TemplateStatement {
    var filters = [try parseFilter()]
    while accept(.pipe) { filters.append(try parseFilter()) }
    return .filterBody(filters, body: try parseBlock(until: "endfilter"))
  }

  private mutating func parseWith() throws(TemplateFault) -> TemplateStatement {
    var assignments: [(target: AssignmentTarget, value: TemplateExpression)] = []
    while token != .blockEnd {
      if !assignments.isEmpty { try expect(.symbol(.comma)) }
      let target = try parseTarget(allowAttribute: false)
      try expect(.symbol(.assign))
      assignments.append((target, try parseExpression()))
    }
    return .with(assignments, body: try parseBlock(until: "endwith"))
  }

  // MARK: Targets

  /// One or more names, with or without parentheses, up to "in" or "=" or the end of the block.
  private mutating func parseTarget(allowAttribute: Bool) throws(TemplateFault) -> AssignmentTarget {
    try enter()
    defer { depth -= 1 }
    var targets: [AssignmentTarget] = []
    var isTuple = false
    repeat {
      if isTuple, endsTarget { break }
      targets.append(try parseSingleTarget(allowAttribute: allowAttribute))
      isTuple = isTuple || token == .symbol(.comma)
    } while accept(.comma)
    return isTuple ? .tuple(targets) : targets[0]
  }

  private var endsTarget: Bool {
    [.name("in"), .symbol(.assign), .symbol(.rightParenthesis), .blockEnd].contains(token)
  }

  private mutating func parseSingleTarget(allowAttribute: Bool) throws(TemplateFault) -> AssignmentTarget {
    if accept(.leftParenthesis) {
      let target = try parseTarget(allowAttribute: allowAttribute)
      try expect(.symbol(.rightParenthesis))
      return target
    }
    let name = try expectName("the name of a variable")
    if ["true", "false", "none", "True", "False", "None"].contains(name) {
      index -= 1
      throw .syntax("cannot assign to '\(name)'")
    }
    guard allowAttribute, accept(.dot) else { return .name(name) }
    return .attribute(of: name, name: try expectName("the name of an attribute"))
  }
}
