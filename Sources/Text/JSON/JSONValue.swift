// A JSON document in memory. What reads one is JSONParser.swift, what writes one JSONValue+Encoding.swift.
// Session files, questions as JSON lines, and the messages and tools of a chat template all pass here.

/// Any JSON value; objects keep the order of their keys.
public enum JSONValue: Sendable {
  /// `null`.
  case null
  /// `true` or `false`.
  case boolean(Bool)
  /// A number written without fraction and exponent that fits 64 bits.
  case integer(Int)
  /// Any other number; finite when it was parsed.
  case number(Double)
  /// A string; lone surrogates of the document have become U+FFFD.
  case string(String)
  /// An array.
  case array([JSONValue])
  /// An object; of duplicate keys the last one counts.
  case object(OrderedFields<JSONValue>)
}

extension JSONValue: Equatable {
  /// Whether both are the same kind with the same content; strings are compared byte by byte.
  public static func == (left: JSONValue, right: JSONValue) -> Bool {
    switch (left, right) {
    case (.null, .null): true
    case (.boolean(let left), .boolean(let right)): left == right
    case (.integer(let left), .integer(let right)): left == right
    case (.number(let left), .number(let right)): left == right
    case (.string(let left), .string(let right)): left.hasSameBytes(as: right)
    case (.array(let left), .array(let right)): left == right
    case (.object(let left), .object(let right)): left == right
    default: false
    }
  }
}

extension JSONValue {
  /// The string, if this is one.
  public var string: String? {
    if case .string(let value) = self { value } else { nil }
  }

  /// The truth value, if this is one.
  public var boolean: Bool? {
    if case .boolean(let value) = self { value } else { nil }
  }

  /// The whole number, if this is one that was written as such.
  public var integer: Int? {
    if case .integer(let value) = self { value } else { nil }
  }

  /// The number, whichever way it was written.
  public var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// The elements, if this is an array.
  public var array: [JSONValue]? {
    if case .array(let value) = self { value } else { nil }
  }

  /// The fields, if this is an object.
  public var object: OrderedFields<JSONValue>? {
    if case .object(let value) = self { value } else { nil }
  }

  /// The field `key`, nil when this is no object or has no such field.
  public subscript(key: String) -> JSONValue? { object?[key] }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
  ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  /// A string.
  public init(stringLiteral value: String) { self = .string(value) }
  /// A whole number.
  public init(integerLiteral value: Int) { self = .integer(value) }
  /// A number.
  public init(floatLiteral value: Double) { self = .number(value) }
  /// A truth value.
  public init(booleanLiteral value: Bool) { self = .boolean(value) }
  /// An array.
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  /// An object.
  public init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(OrderedFields(elements)) }
}
