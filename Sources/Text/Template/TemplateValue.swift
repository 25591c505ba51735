// The data a caller hands to a template. What a template computes with is RuntimeValue, which adds
// what only lives while a template runs: tuples, macros, namespaces, loops.

/// A variable's value for a chat template.
public indirect enum TemplateValue: Sendable {
  /// Not defined: renders as nothing, `is defined` is false.
  case undefined
  /// Python's None.
  case none
  /// True or False.
  case boolean(Bool)
  /// A whole number.
  case integer(Int)
  /// A floating-point number.
  case float(Double)
  /// A text.
  case string(String)
  /// A list.
  case array([TemplateValue])
  /// A dictionary in the order of its keys.
  case object(OrderedFields<TemplateValue>)
}

extension TemplateValue {
  /// The same data as `json`.
  public init(_ json: JSONValue) {
    self =
      switch json {
      case .null: .none
      case .boolean(let value): .boolean(value)
      case .integer(let value): .integer(value)
      case .number(let value): .float(value)
      case .string(let value): .string(value)
      case .array(let elements): .array(elements.map { TemplateValue($0) })
      case .object(let fields): .object(OrderedFields(fields.map { ($0.key, TemplateValue($0.value)) }))
      }
  }

}

extension TemplateValue: Equatable {
  /// Whether both are the same kind with the same content; strings are compared byte by byte.
  public static func == (left: TemplateValue, right: TemplateValue) -> Bool {
    switch (left, right) {
    case (.undefined, .undefined), (.none, .none): true
    case (.boolean(let left), .boolean(let right)): left == right
    case (.integer(let left), .integer(let right)): left == right
    case (.float(let left), .float(let right)): left == right
    case (.string(let left), .string(let right)): left.hasSameBytes(as: right)
    case (.array(let left), .array(let right)): left == right
    case (.object(let left), .object(let right)): left == right
    default: false
    }
  }
}

extension TemplateValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral,
  ExpressibleByDictionaryLiteral
{
  /// A text.
  public init(stringLiteral value: String) { self = .string(value) }
  /// A whole number.
  public init(integerLiteral value: Int) { self = .integer(value) }
  /// A floating-point number.
  public init(floatLiteral value: Double) { self = .float(value) }
  /// A truth value.
  public init(booleanLiteral value: Bool) { self = .boolean(value) }
  /// A list.
  public init(arrayLiteral elements: TemplateValue...) { self = .array(elements) }
  /// A dictionary.
  public init(dictionaryLiteral elements: (String, TemplateValue)...) {
    self = .object(OrderedFields(elements))
  }
}
