// The fields of a JSON object or of a template's dictionary, in the order they were written.
// Keys are compared byte by byte in UTF-8, not by Swift's canonical equivalence, because JSON and
// Python hold "é" and "e" + combining accent to be two different keys.

/// Named values in the order in which their keys first appeared.
public struct OrderedFields<Value> {
  /// One key and its value.
  public struct Field {
    /// The name, unique among the fields.
    public let key: String
    /// What the name stands for.
    public var value: Value
  }

  /// A string that equals another only when their UTF-8 bytes do.
  private struct ExactKey: Hashable {
    let text: String

    static func == (left: ExactKey, right: ExactKey) -> Bool { left.text.hasSameBytes(as: right.text) }

    func hash(into hasher: inout Hasher) {
      for byte in text.utf8 { hasher.combine(byte) }
    }
  }

  /// Up to this many fields a scan is as quick as an index, and most objects are this small.
  private static var scanned: Int { 8 }

  private var fields: [Field] = []
  private var positions: [ExactKey: Int] = [:]

  /// Makes an object without fields.
  public init() {}

  /// Makes an object of `pairs`; of two with the same key the later gives the value.
  public init(_ pairs: some Sequence<(String, Value)>) {
    for (key, value) in pairs { set(key, to: value) }
  }

  /// The value of `key`, nil when there is no such field.
  public subscript(key: String) -> Value? {
    position(of: key).map { fields[$0].value }
  }

  /// Gives `key` the value `value`, in its old place if it had one and at the end otherwise.
  public mutating func set(_ key: String, to value: Value) {
    if let position = position(of: key) {
      fields[position].value = value
      return
    }
    fields.append(Field(key: key, value: value))
    if fields.count == Self.scanned + 1 {
      for (position, field) in fields.enumerated() { positions[ExactKey(text: field.key)] = position }
    } else if fields.count > Self.scanned {
      positions[ExactKey(text: key)] = fields.count - 1
    }
  }

  private func position(of key: String) -> Int? {
    if fields.count > Self.scanned { return positions[ExactKey(text: key)] }
    return fields.firstIndex { $0.key.hasSameBytes(as: key) }
  }
}

extension OrderedFields: RandomAccessCollection {
  /// The position of the first field, always 0.
  public var startIndex: Int { 0 }
  /// The number of fields.
  public var endIndex: Int { fields.count }
  /// The field at `position` in the order of first appearance.
  public subscript(position: Int) -> Field { fields[position] }
}

extension OrderedFields: Sendable where Value: Sendable {}
extension OrderedFields.Field: Sendable where Value: Sendable {}

extension OrderedFields: Equatable where Value: Equatable {
  /// Whether both have the same keys with equal values; order does not count, as in JSON.
  public static func == (left: OrderedFields, right: OrderedFields) -> Bool {
    left.count == right.count && left.allSatisfy { right[$0.key] == $0.value }
  }
}

extension OrderedFields: ExpressibleByDictionaryLiteral {
  /// Makes an object of the pairs of a dictionary literal, in the order written.
  public init(dictionaryLiteral elements: (String, Value)...) {
    self.init(elements)
  }
}

extension String {
  /// Whether both strings are the same UTF-8, without regard to canonical equivalence.
  func hasSameBytes(as other: String) -> Bool {
    utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
  }
}
