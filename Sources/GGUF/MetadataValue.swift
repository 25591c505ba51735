// A metadata value taken out of, or to be put into, a file. The typed getters of Metadata are the way to
// read known keys; this is for showing unknown ones and for writing.

/// A value with its exact type.
public enum MetadataValue: Equatable, Sendable {
  /// A number of 8 bits without a sign.
  case uint8(UInt8)
  /// A number of 8 bits with a sign.
  case int8(Int8)
  /// One of 16 bits without a sign.
  case uint16(UInt16)
  /// One of 16 bits with a sign.
  case int16(Int16)
  /// One of 32 bits without a sign.
  case uint32(UInt32)
  /// One of 32 bits with a sign.
  case int32(Int32)
  /// An IEEE number of 32 bits.
  case float32(Float)
  /// A truth value.
  case bool(Bool)
  /// A text.
  case string(String)
  /// Values of one type.
  case array(of: ValueType, [MetadataValue])
  /// A number of 64 bits without a sign.
  case uint64(UInt64)
  /// One of 64 bits with a sign.
  case int64(Int64)
  /// An IEEE number of 64 bits.
  case float64(Double)

  /// An array of strings.
  public static func strings(_ values: [String]) -> MetadataValue {
    .array(of: .string, values.map { .string($0) })
  }

  /// An array of 32-bit floats.
  public static func floats(_ values: [Float]) -> MetadataValue {
    .array(of: .float32, values.map { .float32($0) })
  }

  /// An array of 32-bit signed integers.
  public static func integers(_ values: [Int32]) -> MetadataValue {
    .array(of: .int32, values.map { .int32($0) })
  }

  /// An array of truth values.
  public static func bools(_ values: [Bool]) -> MetadataValue {
    .array(of: .bool, values.map { .bool($0) })
  }

  /// The value's type.
  public var type: ValueType {
    switch self {
    case .uint8: .uint8
    case .int8: .int8
    case .uint16: .uint16
    case .int16: .int16
    case .uint32: .uint32
    case .int32: .int32
    case .float32: .float32
    case .bool: .bool
    case .string: .string
    case .array: .array
    case .uint64: .uint64
    case .int64: .int64
    case .float64: .float64
    }
  }
}
