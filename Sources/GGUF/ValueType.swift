// The types a metadata value can have, numbered as in the GGUF specification.

/// The type of a metadata value or of an array's elements.
public enum ValueType: UInt32, CaseIterable, Sendable {
  /// A number of 8 bits without a sign.
  case uint8 = 0
  /// A number of 8 bits with a sign.
  case int8 = 1
  /// One of 16 bits without a sign.
  case uint16 = 2
  /// One of 16 bits with a sign.
  case int16 = 3
  /// One of 32 bits without a sign.
  case uint32 = 4
  /// One of 32 bits with a sign.
  case int32 = 5
  /// An IEEE number of 32 bits.
  case float32 = 6
  /// A truth value.
  case bool = 7
  /// A text.
  case string = 8
  /// Values of one type.
  case array = 9
  /// A number of 64 bits without a sign.
  case uint64 = 10
  /// One of 64 bits with a sign.
  case int64 = 11
  /// An IEEE number of 64 bits.
  case float64 = 12

  /// The type's name, such as `uint32`.
  public var name: String { String(describing: self) }

  /// Bytes a value takes, or nil when that depends on the value.
  var byteWidth: Int? {
    switch self {
    case .uint8, .int8, .bool: 1
    case .uint16, .int16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64: 8
    case .string, .array: nil
    }
  }

  /// Bytes a value takes at least: a string has its length, an array its element type and count.
  var leastBytes: Int {
    switch self {
    case .string: 8
    case .array: FileLayout.arrayHeaderBytes
    default: byteWidth ?? 1
    }
  }

  /// Whether values are whole numbers; truth values are none.
  var isInteger: Bool {
    switch self {
    case .uint8, .int8, .uint16, .int16, .uint32, .int32, .uint64, .int64: true
    case .float32, .float64, .bool, .string, .array: false
    }
  }

  /// Whether values are numbers of any kind.
  var isNumber: Bool { isInteger || self == .float32 || self == .float64 }
}
