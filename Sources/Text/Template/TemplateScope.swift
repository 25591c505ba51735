// The variables that can be seen from one place of a running template.

/// The variables of a loop turn, macro call or block body, and those around them.
final class TemplateScope {
  var variables: [String: RuntimeValue]
  private let parent: TemplateScope?

  init(parent: TemplateScope?, variables: [String: RuntimeValue] = [:]) {
    self.parent = parent
    self.variables = variables
  }

  /// The value of the innermost variable `name`, nil when there is none.
  func value(of name: String) -> RuntimeValue? {
    var scope: TemplateScope? = self
    while let current = scope {
      if let value = current.variables[name] { return value }
      scope = current.parent
    }
    return nil
  }
}
