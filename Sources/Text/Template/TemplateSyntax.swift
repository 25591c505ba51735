// The syntax tree of a template. Chains of operators and of suffixes (`a + b + c`, `a.b[0]|trim`) are
// flat lists, so that the tree is only as deep as a template's brackets and blocks, never as long as
// its lines; what walks the tree, or frees it, recurses no deeper.

/// What a template does, in order.
indirect enum TemplateStatement: Sendable {
  case text(String)
  case output(TemplateExpression)
  case branches([Branch], otherwise: [TemplateStatement])
  case loop(Loop)
  case assign(AssignmentTarget, TemplateExpression)
  /// `{% set name | filters %}…{% endset %}`
  case assignBody(AssignmentTarget, filters: [Suffix], body: [TemplateStatement])
  case macro(MacroDefinition)
  /// `{% call(parameters) macro(arguments) %}…{% endcall %}`
  case callBlock(MacroDefinition, call: TemplateExpression)
  /// `{% filter name %}…{% endfilter %}`
  case filterBody([Suffix], body: [TemplateStatement])
  case with([(target: AssignmentTarget, value: TemplateExpression)], body: [TemplateStatement])
  /// `{% generation %}…{% endgeneration %}`: what the assistant said. Only training looks at it.
  case generation([TemplateStatement])
  case breakLoop
  case continueLoop

  /// A condition and what happens when it holds.
  struct Branch: Sendable {
    let condition: TemplateExpression
    let body: [TemplateStatement]
  }

  struct Loop: Sendable {
    let target: AssignmentTarget
    let iterable: TemplateExpression
    /// The `if` behind the iterable: only elements it holds for are counted and visited.
    let filter: TemplateExpression?
    let body: [TemplateStatement]
    /// What happens when there is no element.
    let otherwise: [TemplateStatement]
  }
}

/// What a value is assigned to.
indirect enum AssignmentTarget: Sendable {
  case name(String)
  /// `namespace.name`
  case attribute(of: String, name: String)
  case tuple([AssignmentTarget])
}

/// A macro, or the body of a call block. `name` is "caller" for the latter.
struct MacroDefinition: Sendable {
  let name: String
  let parameters: [Parameter]
  let body: [TemplateStatement]
  /// Which of `extraNames` the body reads: only a macro that does may be called with what they hold.
  let extras: Set<String>

  /// The further positional arguments, the further named ones, and the body of a call block.
  static let extraNames: Set<String> = ["varargs", "kwargs", "caller"]

  struct Parameter: Sendable {
    let name: String
    let defaultValue: TemplateExpression?
  }
}

/// An expression and where it starts, in bytes of the source.
struct TemplateExpression: Sendable {
  let kind: Kind
  let offset: Int

  indirect enum Kind: Sendable {
    case literal(TemplateValue)
    case name(String)
    case list([TemplateExpression])
    case tuple([TemplateExpression])
    case dictionary([(key: TemplateExpression, value: TemplateExpression)])
    case conditional(condition: TemplateExpression, then: TemplateExpression, otherwise: TemplateExpression?)
    case or([TemplateExpression])
    case and([TemplateExpression])
    case not(TemplateExpression)
    case negative(TemplateExpression)
    case positive(TemplateExpression)
    case comparison(TemplateExpression, [(operation: ComparisonOperation, operand: TemplateExpression)])
    case arithmetic(TemplateExpression, [(operation: ArithmeticOperation, operand: TemplateExpression)])
    /// `a ~ b ~ c`
    case concatenation([TemplateExpression])
    case chain(TemplateExpression, [Suffix])
  }
}

/// What follows a value and makes another of it.
struct Suffix: Sendable {
  let kind: Kind
  let offset: Int

  enum Kind: Sendable {
    case attribute(String)
    case element(TemplateExpression)
    case slice(start: TemplateExpression?, stop: TemplateExpression?, step: TemplateExpression?)
    case call(CallArguments)
    case filter(String, CallArguments)
    case test(String, CallArguments, isNegated: Bool)
  }
}

/// The arguments of a call as written.
struct CallArguments: Sendable {
  var positional: [TemplateExpression] = []
  var named: [(name: String, value: TemplateExpression)] = []
  /// `*list`
  var spread: TemplateExpression?
  /// `**dictionary`
  var namedSpread: TemplateExpression?
}

enum ComparisonOperation: Sendable {
  case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual, isIn, isNotIn
}

enum ArithmeticOperation: String, Sendable {
  case add = "+"
  case subtract = "-"
  case multiply = "*"
  case divide = "/"
  case floorDivide = "//"
  case modulo = "%"
  case power = "**"
}
