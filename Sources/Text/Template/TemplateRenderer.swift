// Runs a parsed template: statements here, expressions and calls in the sibling files. One renderer
// serves one render; it owns the output, the variables and the account of what was spent.

final class TemplateRenderer {
  let budget: TemplateBudget
  let now: LocalTime
  /// Where the expression being evaluated starts, in bytes of the source: the place of a fault.
  private(set) var position = 0
  var scope: TemplateScope
  private var output = ""
  private var depth = 0
  /// What may refer to itself: emptied at the end, so that nothing stays alive in a circle.
  private var namespaces: [Namespace] = []
  private var capturedScopes: [TemplateScope] = []

  /// What a body ends with.
  enum Flow { case normal, breakLoop, continueLoop }

  init(variables: [String: RuntimeValue], now: LocalTime, budget: TemplateBudget) {
    self.budget = budget
    self.now = now
    scope = TemplateScope(parent: nil, variables: variables)
  }

  /// The text that `statements` print. After a fault `position` is where it happened.
  func render(_ statements: [TemplateStatement]) throws(TemplateFault) -> String {
    defer {
      for namespace in namespaces { namespace.fields = OrderedFields() }
      for scope in capturedScopes { scope.variables = [:] }
    }
    _ = try execute(statements)
    return output
  }

  // MARK: The account

  /// Pays for one statement or expression that starts at `position` and may contain others.
  func enter(at position: Int? = nil) throws(TemplateFault) {
    if let position { self.position = position }
    try budget.step()
    depth += 1
    guard depth <= budget.limits.depth else {
      throw .limit("calls and blocks run more than \(budget.limits.depth) deep")
    }
  }

  func leave() { depth -= 1 }

  /// Notes that what fails next fails at `position`.
  func mark(_ position: Int) { self.position = position }

  func write(_ text: String) throws(TemplateFault) {
    try budget.spend(text: text.utf8.count)
    guard output.utf8.count + text.utf8.count <= budget.limits.textLength else {
      throw .limit("the prompt becomes longer than \(budget.limits.textLength) bytes")
    }
    output += text
  }

  func makeNamespace(_ fields: OrderedFields<RuntimeValue>) throws(TemplateFault) -> RuntimeValue {
    try budget.spend(256)
    let namespace = Namespace(fields)
    namespaces.append(namespace)
    return .namespace(namespace)
  }

  func makeMacro(_ definition: MacroDefinition) throws(TemplateFault) -> RuntimeValue {
    try budget.spend(1024)
    if capturedScopes.last !== scope { capturedScopes.append(scope) }
    return .macro(Macro(definition, scope: scope))
  }

  // MARK: Bodies

  /// Runs `body` with variables of its own inside of `scope`.
  func execute(
    _ body: [TemplateStatement], in scope: TemplateScope
  ) throws(TemplateFault) -> Flow {
    let outer = self.scope
    self.scope = scope
    defer { self.scope = outer }
    return try execute(body)
  }

  /// The text that `body` prints, run with variables of its own inside of `scope`.
  func capture(
    _ body: [TemplateStatement], in scope: TemplateScope
  ) throws(TemplateFault) -> (text: String, flow: Flow) {
    var captured = ""
    swap(&output, &captured)
    defer { swap(&output, &captured) }
    let flow = try execute(body, in: scope)
    return (output, flow)
  }

  private func execute(_ statements: [TemplateStatement]) throws(TemplateFault) -> Flow {
    try enter()
    defer { leave() }
    for statement in statements {
      try budget.step()
      let flow = try execute(statement)
      if flow != .normal { return flow }
    }
    return .normal
  }

  private func execute(_ statement: TemplateStatement) throws(TemplateFault) -> Flow {
    switch statement {
    case .text(let text): try write(text)
    case .output(let expression): try write(try evaluate(expression).text(budget))
    case .branches(let branches, let otherwise): return try executeBranches(branches, otherwise)
    case .loop(let loop): return try executeLoop(loop)
    case .assign(let target, let expression): try assign(try evaluate(expression), to: target)
    case .assignBody(let target, let filters, let body):
      return try executeFiltered(body, filters) { (value) throws(TemplateFault) in
        try self.assign(value, to: target)
      }
    case .macro(let definition): scope.variables[definition.name] = try makeMacro(definition)
    case .callBlock(let definition, let call): try executeCallBlock(definition, call)
    case .filterBody(let filters, let body):
      return try executeFiltered(body, filters) { (value) throws(TemplateFault) in
        try self.write(try value.text(self.budget))
      }
    case .with(let assignments, let body): return try executeWith(assignments, body)
    case .generation(let body): return try execute(body, in: TemplateScope(parent: scope))
    case .breakLoop: return .breakLoop
    case .continueLoop: return .continueLoop
    }
    return .normal
  }

  // MARK: Statements

  private func executeBranches(
    _ branches: [TemplateStatement.Branch], _ otherwise: [TemplateStatement]
  ) throws(TemplateFault) -> Flow {
    for branch in branches where try evaluate(branch.condition).isTrue {
      return try execute(branch.body)
    }
    return try execute(otherwise)
  }

  private func executeLoop(_ loop: TemplateStatement.Loop) throws(TemplateFault) -> Flow {
    let elements = try loopElements(loop)
    guard !elements.isEmpty else { return try execute(loop.otherwise, in: TemplateScope(parent: scope)) }
    let state = try LoopState(elements)
    defer { state.lastSeen = nil }
    let outer = scope
    defer { scope = outer }
    for (index, element) in elements.enumerated() {
      state.index = index
      scope = TemplateScope(parent: outer, variables: ["loop": .loop(state)])
      try assign(element, to: loop.target)
      if try execute(loop.body) == .breakLoop { break }
    }
    return .normal
  }

  /// What `loop` visits: everything, or what its filter holds for.
  private func loopElements(_ loop: TemplateStatement.Loop) throws(TemplateFault) -> [RuntimeValue] {
    let elements = try evaluate(loop.iterable).iterated(budget)
    guard let filter = loop.filter else { return elements }
    let outer = scope
    defer { scope = outer }
    var kept: [RuntimeValue] = []
    for element in elements {
      scope = TemplateScope(parent: outer)
      try assign(element, to: loop.target)
      if try evaluate(filter).isTrue { kept.append(element) }
    }
    return kept
  }

  /// Runs `body` aside and hands what it printed, filtered, to `use`.
  private func executeFiltered(
    _ body: [TemplateStatement], _ filters: [Suffix],
    _ use: (RuntimeValue) throws(TemplateFault) -> Void
  ) throws(TemplateFault) -> Flow {
    let (text, flow) = try capture(body, in: TemplateScope(parent: scope))
    guard flow == .normal else { return flow }
    var value = RuntimeValue.string(text)
    for filter in filters { value = try apply(filter, to: value) }
    try use(value)
    return .normal
  }

  private func executeWith(
    _ assignments: [(target: AssignmentTarget, value: TemplateExpression)], _ body: [TemplateStatement]
  ) throws(TemplateFault) -> Flow {
    let values = try assignments.map { assignment throws(TemplateFault) in try evaluate(assignment.value) }
    let outer = scope
    scope = TemplateScope(parent: outer)
    defer { scope = outer }
    for (assignment, value) in zip(assignments, values) { try assign(value, to: assignment.target) }
    return try execute(body)
  }

  private func executeCallBlock(
    _ definition: MacroDefinition, _ call: TemplateExpression
  ) throws(TemplateFault) {
    guard case .chain(let base, let suffixes) = call.kind, case .call(let written) = suffixes.last?.kind
    else { return }
    let callee = try evaluateChain(base, Array(suffixes.dropLast()))
    var arguments = try evaluate(written)
    arguments.named.append(("caller", try makeMacro(definition)))
    try write(try self.call(callee, arguments, named: call.sourceName).text(budget))
  }

  private func assign(_ value: RuntimeValue, to target: AssignmentTarget) throws(TemplateFault) {
    switch target {
    case .name(let name): scope.variables[name] = value
    case .attribute(let owner, let name):
      guard case .namespace(let namespace) = scope.value(of: owner) else {
        throw .invalidOperation("'\(owner)' is no namespace: only a namespace's attributes can be set")
      }
      namespace.fields.set(name, to: value)
    case .tuple(let targets):
      let values = try value.iterated(budget)
      guard values.count == targets.count else {
        throw .invalidOperation("\(values.count) values cannot be assigned to \(targets.count) names")
      }
      for (target, value) in zip(targets, values) { try assign(value, to: target) }
    }
  }
}
