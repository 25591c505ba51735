// How metadata values lie in the file: passed over when the file is opened, read when somebody asks.

extension HeaderCursor {
  /// A value type's number.
  mutating func valueType() throws(GGUFError) -> ValueType {
    let start = offset
    let number = try integer(UInt32.self)
    guard let type = ValueType(rawValue: number) else { throw error(.unknownValueType(number), at: start) }
    return type
  }

  /// An array's element type and its number of elements.
  mutating func arrayHeader() throws(GGUFError) -> (elementType: ValueType, count: Int) {
    let elementType = try valueType()
    return (elementType, try count(leastBytes: elementType.leastBytes))
  }

  /// Passes over a value; `depth` is the number of arrays around it.
  mutating func skipValue(of type: ValueType, depth: Int = 0) throws(GGUFError) {
    if let width = type.byteWidth {
      try skip(width)
    } else if type == .string {
      try skip(try stringLength())
    } else {
      try checkDepth(depth)
      let (elementType, count) = try arrayHeader()
      try skipElements(of: elementType, count: count, depth: depth + 1)
    }
  }

  /// Passes over `count` elements of an array.
  mutating func skipElements(of type: ValueType, count: Int, depth: Int) throws(GGUFError) {
    if let width = type.byteWidth {
      try skip(count * width)  // No overflow: the count is held against the bytes that remain.
    } else {
      for _ in 0..<count { try skipValue(of: type, depth: depth) }
    }
  }

  /// Reads a value; of an array no more elements, those of inner arrays included, than `elementBudget`
  /// allows, which is lowered by as many.
  mutating func value(
    of type: ValueType, elementBudget: inout Int, depth: Int = 0
  ) throws(GGUFError) -> MetadataValue {
    switch type {
    case .uint8: return .uint8(try integer(UInt8.self))
    case .int8: return .int8(Int8(bitPattern: try integer(UInt8.self)))
    case .uint16: return .uint16(try integer(UInt16.self))
    case .int16: return .int16(Int16(bitPattern: try integer(UInt16.self)))
    case .uint32: return .uint32(try integer(UInt32.self))
    case .int32: return .int32(Int32(bitPattern: try integer(UInt32.self)))
    case .uint64: return .uint64(try integer(UInt64.self))
    case .int64: return .int64(Int64(bitPattern: try integer(UInt64.self)))
    case .float32: return .float32(Float(bitPattern: try integer(UInt32.self)))
    case .float64: return .float64(Double(bitPattern: try integer(UInt64.self)))
    case .bool: return .bool(try bool())
    case .string: return .string(try string())
    case .array: return try array(elementBudget: &elementBudget, depth: depth)
    }
  }

  private mutating func array(elementBudget: inout Int, depth: Int) throws(GGUFError) -> MetadataValue {
    try checkDepth(depth)
    let (elementType, count) = try arrayHeader()
    var elements: [MetadataValue] = []
    while elements.count < count, elementBudget > 0 {
      elementBudget -= 1
      elements.append(try value(of: elementType, elementBudget: &elementBudget, depth: depth + 1))
    }
    try skipElements(of: elementType, count: count - elements.count, depth: depth + 1)
    return .array(of: elementType, elements)
  }

  private func checkDepth(_ depth: Int) throws(GGUFError) {
    guard depth < FileLayout.deepestArray else {
      throw error(.arraysTooDeep(limit: FileLayout.deepestArray))
    }
  }

  /// Reads a string; what is not UTF-8 becomes U+FFFD.
  mutating func string() throws(GGUFError) -> String {
    String(decoding: try bytes(try stringLength()), as: UTF8.self)
  }

  /// Reads a truth value.
  mutating func bool() throws(GGUFError) -> Bool {
    let start = offset
    let byte = try integer(UInt8.self)
    guard byte <= 1 else { throw error(.notABool(byte), at: start) }
    return byte == 1
  }

  /// Reads a value of an integer type.
  mutating func wholeNumber(of type: ValueType) throws(GGUFError) -> Int {
    let start = offset
    switch type {
    case .uint8: return Int(try integer(UInt8.self))
    case .int8: return Int(Int8(bitPattern: try integer(UInt8.self)))
    case .uint16: return Int(try integer(UInt16.self))
    case .int16: return Int(Int16(bitPattern: try integer(UInt16.self)))
    case .uint32: return Int(try integer(UInt32.self))
    case .int32: return Int(Int32(bitPattern: try integer(UInt32.self)))
    case .int64: return Int(Int64(bitPattern: try integer(UInt64.self)))
    case .uint64:
      let value = try integer(UInt64.self)
      guard let number = Int(exactly: value) else { throw error(.integerTooLarge(value), at: start) }
      return number
    case .float32, .float64, .bool, .string, .array:
      throw error(.wrongType(expected: "an integer", found: type.name), at: start)
    }
  }

  /// Reads a value of a number type as a float.
  mutating func number(of type: ValueType) throws(GGUFError) -> Double {
    switch type {
    case .float32: Double(Float(bitPattern: try integer(UInt32.self)))
    case .float64: Double(bitPattern: try integer(UInt64.self))
    case .uint64: Double(try integer(UInt64.self))
    default: Double(try wholeNumber(of: type))
    }
  }
}
