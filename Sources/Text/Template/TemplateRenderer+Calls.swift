// Calls: arguments, macros, global functions, and methods by the type of their receiver.

extension TemplateRenderer {
  /// The values of the arguments as written.
  func evaluate(_ written: CallArguments) throws(TemplateFault) -> EvaluatedArguments {
    var arguments = EvaluatedArguments()
    for expression in written.positional { arguments.positional.append(try evaluate(expression)) }
    for (name, expression) in written.named { arguments.named.append((name, try evaluate(expression))) }
    if let spread = written.spread {
      arguments.positional += try evaluate(spread).iterated(budget)
    }
    if let spread = written.namedSpread {
      guard case .dictionary(let dictionary) = try evaluate(spread) else {
        throw .invalidOperation("'**' needs a dictionary")
      }
      for field in dictionary.fields { arguments.named.append((field.key, field.value)) }
    }
    return arguments
  }

  /// What `callee`, which a message calls `name`, returns for `arguments`.
  func call(
    _ callee: RuntimeValue, _ arguments: EvaluatedArguments, named name: String
  ) throws(TemplateFault) -> RuntimeValue {
    switch callee {
    case .macro(let macro): return .string(try call(macro, arguments))
    case .function(let function): return try call(function, arguments)
    case .method(let method): return try callMethod(method.name, of: method.receiver, arguments)
    case .undefined: throw .undefined("\(name) is not defined")
    default: throw .invalidOperation("\(name) cannot be called: it is of type \(callee.typeName)")
    }
  }

  /// What the method `name` of `receiver` returns.
  func callMethod(
    _ name: String, of receiver: RuntimeValue, _ arguments: EvaluatedArguments
  ) throws(TemplateFault) -> RuntimeValue {
    switch receiver {
    case .string(let text):
      if let method = StringMethod(rawValue: name) {
        return try method.call(on: text, arguments, budget)
      }
    case .dictionary(let dictionary):
      if let method = DictionaryMethod(rawValue: name) {
        return try method.call(on: dictionary, arguments, budget)
      }
    case .list(let elements), .tuple(let elements):
      if let method = SequenceMethod(rawValue: name) {
        return try method.call(on: elements.values, arguments, budget)
      }
    case .loop(let loop):
      if let method = LoopMethod(rawValue: name) { return try method.call(on: loop, arguments, budget) }
    default: break
    }
    throw .invalidOperation("a value of type \(receiver.typeName) has no method '\(name)'")
  }

  // MARK: Macros

  private func call(_ macro: Macro, _ arguments: EvaluatedArguments) throws(TemplateFault) -> String {
    let definition = macro.definition
    let scope = TemplateScope(parent: macro.scope)
    let parameters = definition.parameters
    var named = arguments.named
    let outer = self.scope
    self.scope = scope
    defer { self.scope = outer }
    for (index, parameter) in parameters.enumerated() {
      if index < arguments.positional.count {
        scope.variables[parameter.name] = arguments.positional[index]
      } else if let given = named.firstIndex(where: { $0.name == parameter.name }) {
        scope.variables[parameter.name] = named.remove(at: given).value
      } else {
        scope.variables[parameter.name] = .undefined
        if let expression = parameter.defaultValue {
          scope.variables[parameter.name] = try evaluate(expression)
        }
      }
    }
    try bindExtras(definition, Array(arguments.positional.dropFirst(parameters.count)), named, in: scope)
    return try capture(definition.body, in: scope).text
  }

  /// Defines `varargs`, `kwargs` and `caller`, or refuses what the macro has no use for.
  private func bindExtras(
    _ definition: MacroDefinition, _ positional: [RuntimeValue],
    _ named: [(name: String, value: RuntimeValue)], in scope: TemplateScope
  ) throws(TemplateFault) {
    if definition.extras.contains("varargs") {
      scope.variables["varargs"] = try .tuple(positional)
    } else if !positional.isEmpty {
      let count = definition.parameters.count
      throw .invalidOperation("the macro '\(definition.name)' takes at most \(count) arguments")
    }
    var named = named
    if definition.extras.contains("caller") {
      let caller = named.firstIndex { $0.name == "caller" }
      scope.variables["caller"] = caller.map { named.remove(at: $0).value } ?? .undefined
    }
    if definition.extras.contains("kwargs") {
      let fields = OrderedFields(named.map { ($0.name, $0.value) })
      scope.variables["kwargs"] = .dictionary(try RuntimeValue.Dictionary(fields))
    } else if let extra = named.first {
      throw .invalidOperation("the macro '\(definition.name)' has no parameter '\(extra.name)'")
    }
  }
}
