// What can follow a value: attributes, indexes, slices, calls, filters and tests, with their arguments.

extension TemplateParser {
  /// An attribute, index, slice or call, if one stands here.
  mutating func parsePostfix() throws(TemplateFault) -> Suffix? {
    let start = offset
    switch token {
    case .symbol(.dot):
      advance()
      if case .integer(let position) = token {
        let literal = TemplateExpression(kind: .literal(.integer(position)), offset: offset)
        advance()
        return Suffix(kind: .element(literal), offset: start)
      }
      return Suffix(kind: .attribute(try expectName("the name of an attribute")), offset: start)
    case .symbol(.leftBracket):
      advance()
      let kind = try parseSubscript()
      try expect(.symbol(.rightBracket))
      return Suffix(kind: kind, offset: start)
    case .symbol(.leftParenthesis):
      return Suffix(kind: .call(try parseCallArguments()), offset: start)
    default: return nil
    }
  }

  private mutating func parseSubscript() throws(TemplateFault) -> Suffix.Kind {
    let start = try parseSliceBound()
    guard accept(.colon) else {
      guard let start else { throw .syntax("expected an index, found \(token.name)") }
      return .element(start)
    }
    let stop = try parseSliceBound()
    let step = accept(.colon) ? try parseSliceBound() : nil
    return .slice(start: start, stop: stop, step: step)
  }

  private mutating func parseSliceBound() throws(TemplateFault) -> TemplateExpression? {
    token == .symbol(.colon) || token == .symbol(.rightBracket) ? nil : try parseExpression()
  }

  /// A filter, test or call, if one stands here.
  mutating func parseFilterOrTest() throws(TemplateFault) -> Suffix? {
    let start = offset
    switch token {
    case .symbol(.pipe):
      advance()
      return try parseFilter()
    case .name("is"):
      advance()
      return try parseTest(offset: start)
    case .symbol(.leftParenthesis):
      return Suffix(kind: .call(try parseCallArguments()), offset: start)
    default: return nil
    }
  }

  /// A filter's name and arguments, behind the "|".
  mutating func parseFilter() throws(TemplateFault) -> Suffix {
    let start = offset
    let name = try expectName("the name of a filter")
    let arguments = token == .symbol(.leftParenthesis) ? try parseCallArguments() : CallArguments()
    return Suffix(kind: .filter(name, arguments), offset: start)
  }

  private mutating func parseTest(offset start: Int) throws(TemplateFault) -> Suffix {
    let isNegated = accept(word: "not")
    let name = try expectName("the name of a test")
    var arguments = CallArguments()
    if token == .symbol(.leftParenthesis) {
      arguments = try parseCallArguments()
    } else if startsTestArgument {
      var argument = try parsePrimary()
      var suffixes: [Suffix] = []
      while let suffix = try parsePostfix() { suffixes.append(suffix) }
      if !suffixes.isEmpty {
        argument = TemplateExpression(kind: .chain(argument, suffixes), offset: argument.offset)
      }
      arguments.positional = [argument]
    }
    return Suffix(kind: .test(name, arguments, isNegated: isNegated), offset: start)
  }

  private var startsTestArgument: Bool {
    switch token {
    case .name(let word): !["else", "or", "and", "is", "if", "in", "not"].contains(word)
    case .string, .integer, .float, .symbol(.leftBracket), .symbol(.leftBrace): true
    default: false
    }
  }

  // MARK: Arguments

  mutating func parseCallArguments() throws(TemplateFault) -> CallArguments {
    try expect(.symbol(.leftParenthesis))
    var arguments = CallArguments()
    var isFirst = true
    while !accept(.rightParenthesis) {
      if !isFirst {
        try expect(.symbol(.comma))
        if accept(.rightParenthesis) { break }
      }
      isFirst = false
      try parseArgument(into: &arguments)
    }
    return arguments
  }

  private mutating func parseArgument(into arguments: inout CallArguments) throws(TemplateFault) {
    if arguments.namedSpread == nil, accept(.power) {
      arguments.namedSpread = try parseExpression()
    } else if arguments.spread == nil, arguments.namedSpread == nil, accept(.multiply) {
      arguments.spread = try parseExpression()
    } else if arguments.namedSpread == nil, case .name(let name) = token, next == .symbol(.assign) {
      advance()
      advance()
      arguments.named.append((name, try parseExpression()))
    } else if arguments.named.isEmpty, arguments.spread == nil, arguments.namedSpread == nil {
      arguments.positional.append(try parseExpression())
    } else {
      throw .syntax("an argument without a name follows one with a name")
    }
  }
}
