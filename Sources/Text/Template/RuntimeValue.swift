// What a running template computes with: Python's values as far as templates see them. Lists and
// dictionaries cannot be changed (transformers runs templates in Jinja's immutable sandbox), so they
// are plain values here; only namespaces, loops and generators have identity and are references.

enum RuntimeValue {
  case undefined
  case none
  case boolean(Bool)
  case integer(Int)
  case float(Double)
  case string(String)
  case list(Elements)
  case tuple(Elements)
  case dictionary(Dictionary)
  case generator(Generator)
  case namespace(Namespace)
  case loop(LoopState)
  case macro(Macro)
  case function(GlobalFunction)
  case method(BoundMethod)

  /// The elements of a list or tuple, with how deep lists nest below. The depth is bounded so that
  /// nothing that walks or frees a value recurses without end.
  struct Elements {
    let values: [RuntimeValue]
    let depth: Int

    init(_ values: [RuntimeValue]) throws(TemplateFault) {
      self.values = values
      depth = try RuntimeValue.depth(above: values.lazy.map(\.depth).max() ?? 0)
    }
  }

  /// A dictionary. Its keys are strings.
  struct Dictionary {
    let fields: OrderedFields<RuntimeValue>
    let depth: Int

    init(_ fields: OrderedFields<RuntimeValue>) throws(TemplateFault) {
      self.fields = fields
      depth = try RuntimeValue.depth(above: fields.lazy.map(\.value.depth).max() ?? 0)
    }
  }

  /// Levels of values inside this one.
  var depth: Int {
    switch self {
    case .list(let elements), .tuple(let elements): elements.depth
    case .dictionary(let dictionary): dictionary.depth
    case .generator(let generator): generator.depth
    case .loop(let loop): loop.depth
    case .method(let method): method.depth
    default: 0
    }
  }

  static func depth(above inner: Int) throws(TemplateFault) -> Int {
    guard inner < TemplateLimits.valueDepth else {
      throw .limit("lists and dictionaries are nested more than \(TemplateLimits.valueDepth) deep")
    }
    return inner + 1
  }

  static func list(_ values: [RuntimeValue]) throws(TemplateFault) -> RuntimeValue {
    .list(try Elements(values))
  }

  static func tuple(_ values: [RuntimeValue]) throws(TemplateFault) -> RuntimeValue {
    .tuple(try Elements(values))
  }

  static func generator(_ values: [RuntimeValue]) throws(TemplateFault) -> RuntimeValue {
    .generator(try Generator(values))
  }
}

/// What Python's lazy functions return: it can be gone through once and has no length. Its values are
/// computed at once, which a template cannot tell from later.
final class Generator {
  private var values: ArraySlice<RuntimeValue>
  let depth: Int

  init(_ values: [RuntimeValue]) throws(TemplateFault) {
    let elements = try RuntimeValue.Elements(values)
    self.values = elements.values[...]
    depth = elements.depth
  }

  /// Takes the next value.
  func next() -> RuntimeValue? { values.popFirst() }

  /// Takes all values that are left.
  func drain() -> [RuntimeValue] {
    defer { values = [] }
    return Array(values)
  }
}

/// The one thing a template can change: `{% set space.name = value %}`.
final class Namespace {
  var fields: OrderedFields<RuntimeValue>

  init(_ fields: OrderedFields<RuntimeValue>) { self.fields = fields }
}

/// The variable `loop` of a running loop.
final class LoopState {
  let elements: [RuntimeValue]
  let depth: Int
  var index = 0
  /// What `loop.changed` saw last.
  var lastSeen: [RuntimeValue]?

  init(_ elements: [RuntimeValue]) throws(TemplateFault) {
    self.elements = elements
    depth = try RuntimeValue.Elements(elements).depth
  }

  /// `loop.name`; nil when there is no such attribute.
  func attribute(_ name: String) -> RuntimeValue? {
    switch name {
    case "index": .integer(index + 1)
    case "index0": .integer(index)
    case "revindex": .integer(elements.count - index)
    case "revindex0": .integer(elements.count - index - 1)
    case "first": .boolean(index == 0)
    case "last": .boolean(index == elements.count - 1)
    case "length": .integer(elements.count)
    case "previtem": index > 0 ? elements[index - 1] : .undefined
    case "nextitem": index + 1 < elements.count ? elements[index + 1] : .undefined
    // Jinja counts only recursive loops inside one another.
    case "depth": .integer(1)
    case "depth0": .integer(0)
    default: nil
    }
  }
}

/// A macro and the variables around its definition.
final class Macro {
  let definition: MacroDefinition
  let scope: TemplateScope

  init(_ definition: MacroDefinition, scope: TemplateScope) {
    self.definition = definition
    self.scope = scope
  }
}

/// A method that was looked up but not called yet.
final class BoundMethod {
  let receiver: RuntimeValue
  let name: String
  let depth: Int

  init(_ receiver: RuntimeValue, _ name: String) throws(TemplateFault) {
    self.receiver = receiver
    self.name = name
    depth = try RuntimeValue.depth(above: receiver.depth)
  }
}

extension RuntimeValue {
  /// The runtime form of a caller's data.
  init(_ value: TemplateValue, budget: TemplateBudget, level: Int = 0) throws(TemplateFault) {
    guard level <= TemplateLimits.valueDepth else {
      throw .limit("the data is nested more than \(TemplateLimits.valueDepth) deep")
    }
    switch value {
    case .undefined: self = .undefined
    case .none: self = .none
    case .boolean(let value): self = .boolean(value)
    case .integer(let value): self = .integer(value)
    case .float(let value): self = .float(value)
    case .string(let value): self = .string(value)
    case .array(let elements):
      self = try .list(
        elements.map { value throws(TemplateFault) in
          try RuntimeValue(value, budget: budget, level: level + 1)
        })
    case .object(let object):
      var fields = OrderedFields<RuntimeValue>()
      for field in object {
        fields.set(field.key, to: try RuntimeValue(field.value, budget: budget, level: level + 1))
      }
      self = .dictionary(try Dictionary(fields))
    }
  }

  /// The type's name, Python's where it has one.
  var typeName: String {
    switch self {
    case .undefined: "undefined"
    case .none: "none"
    case .boolean: "bool"
    case .integer: "int"
    case .float: "float"
    case .string: "string"
    case .list: "list"
    case .tuple: "tuple"
    case .dictionary: "dictionary"
    case .generator: "generator"
    case .namespace: "namespace"
    case .loop: "loop"
    case .macro: "macro"
    case .function: "function"
    case .method: "method"
    }
  }

  /// Python's truth of the value.
  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .boolean(let value): value
    case .integer(let value): value != 0
    case .float(let value): value != 0
    case .string(let value): !value.isEmpty
    case .list(let elements), .tuple(let elements): !elements.values.isEmpty
    case .dictionary(let dictionary): !dictionary.fields.isEmpty
    case .loop(let loop): !loop.elements.isEmpty
    case .generator, .namespace, .macro, .function, .method: true
    }
  }

  var isUndefined: Bool { if case .undefined = self { true } else { false } }
  var isNone: Bool { if case .none = self { true } else { false } }

  /// The number, truth values counting as 0 and 1; nil for everything else.
  var integer: Int? {
    switch self {
    case .integer(let value): value
    case .boolean(let value): value ? 1 : 0
    default: nil
    }
  }

  /// The number as floating point; nil for everything that is none.
  var double: Double? {
    if case .float(let value) = self { return value }
    return integer.map { Double($0) }
  }

  /// The values that a loop over this one visits; an undefined value has none.
  func iterated(_ budget: TemplateBudget) throws(TemplateFault) -> [RuntimeValue] {
    let values: [RuntimeValue]
    switch self {
    case .undefined: values = []
    case .list(let elements), .tuple(let elements): values = elements.values
    case .dictionary(let dictionary): values = dictionary.fields.map { .string($0.key) }
    case .generator(let generator): values = generator.drain()
    case .string(let text):
      try budget.spend(text.utf8.count * MemoryLayout<RuntimeValue>.stride)
      return text.unicodeScalars.map { .string(String($0)) }
    default: throw .invalidOperation("a value of type \(typeName) cannot be gone through")
    }
    try budget.spend(values: values.count)
    return values
  }

  /// The number of elements or characters, nil for what has no length.
  func count(_ budget: TemplateBudget) throws(TemplateFault) -> Int? {
    switch self {
    case .undefined: return 0
    case .string(let text):
      try budget.spend(text.utf8.count)
      return text.unicodeScalars.count
    case .list(let elements), .tuple(let elements): return elements.values.count
    case .dictionary(let dictionary): return dictionary.fields.count
    case .loop(let loop): return loop.elements.count
    default: return nil
    }
  }
}
