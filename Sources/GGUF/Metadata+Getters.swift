// Typed access to metadata. Each getter returns nil when the key is absent and throws when its value is
// of another type: a wrong type in a known key is a damaged or hostile file, never a default.

extension Metadata {
  /// The most elements of an array a getter returns: 60 times the largest vocabulary known.
  private static var mostElements: Int { 1 << 24 }

  /// The string under `key`; what is not UTF-8 becomes U+FFFD.
  public func string(_ key: String) throws(GGUFError) -> String? {
    guard let entry = try scalar(key, "a string", where: { $0 == .string }) else { return nil }
    var cursor = cursor(at: entry)
    return try cursor.string()
  }

  /// The value of any integer type under `key`.
  public func integer(_ key: String) throws(GGUFError) -> Int? {
    guard let entry = try scalar(key, "an integer", where: \.isInteger) else { return nil }
    var cursor = cursor(at: entry)
    return try cursor.wholeNumber(of: entry.type)
  }

  /// The value of any float or integer type under `key`.
  public func float(_ key: String) throws(GGUFError) -> Double? {
    guard let entry = try scalar(key, "a number", where: \.isNumber) else { return nil }
    var cursor = cursor(at: entry)
    return try cursor.number(of: entry.type)
  }

  /// The truth value under `key`.
  public func bool(_ key: String) throws(GGUFError) -> Bool? {
    guard let entry = try scalar(key, "a bool", where: { $0 == .bool }) else { return nil }
    var cursor = cursor(at: entry)
    return try cursor.bool()
  }

  /// The array of strings under `key`.
  public func strings(_ key: String) throws(GGUFError) -> StringArray? {
    guard let (entry, _) = try array(key, "an array of strings", where: { $0 == .string }) else {
      return nil
    }
    var cursor = cursor(at: entry)
    return try StringArray(count: entry.count, from: &cursor)
  }

  /// The array of any integer type under `key`.
  public func integers(_ key: String) throws(GGUFError) -> [Int]? {
    guard let (entry, type) = try array(key, "an array of integers", where: \.isInteger) else { return nil }
    return try elements(of: entry) { cursor throws(GGUFError) in try cursor.wholeNumber(of: type) }
  }

  /// The array of any float or integer type under `key`.
  public func floats(_ key: String) throws(GGUFError) -> [Float]? {
    guard let (entry, type) = try array(key, "an array of numbers", where: \.isNumber) else { return nil }
    return try elements(of: entry) { cursor throws(GGUFError) in Float(try cursor.number(of: type)) }
  }

  /// The value under `key` as it stands in the file; of an array the first `elementLimit` elements.
  public func value(_ key: String, elementLimit: Int = 1024) throws(GGUFError) -> MetadataValue? {
    guard let entry = entry(key) else { return nil }
    var cursor = HeaderCursor(
      file: file, from: entry.offset, to: entry.offset + entry.byteCount, subject: .key(key))
    var elementBudget = elementLimit
    return try cursor.value(of: entry.type, elementBudget: &elementBudget)
  }

  private func scalar(
    _ key: String, _ expected: String, where matches: (ValueType) -> Bool
  ) throws(GGUFError) -> Entry? {
    guard let entry = entry(key) else { return nil }
    guard matches(entry.type) else { throw wrongType(entry, expected) }
    return entry
  }

  private func array(
    _ key: String, _ expected: String, where matches: (ValueType) -> Bool
  ) throws(GGUFError) -> (Entry, elementType: ValueType)? {
    guard let entry = entry(key) else { return nil }
    guard let type = entry.elementType, matches(type) else { throw wrongType(entry, expected) }
    guard entry.count <= Self.mostElements else {
      throw error(.countTooLarge(count: UInt64(entry.count), atMost: Self.mostElements), for: key)
    }
    return (entry, type)
  }

  private func wrongType(_ entry: Entry, _ expected: String) -> GGUFError {
    error(.wrongType(expected: expected, found: entry.typeName), for: entry.key)
  }

  private func elements<Element>(
    of entry: Entry, read: (inout HeaderCursor) throws(GGUFError) -> Element
  ) throws(GGUFError) -> [Element] {
    var cursor = cursor(at: entry)
    var elements: [Element] = []
    elements.reserveCapacity(entry.count)
    for _ in 0..<entry.count { elements.append(try read(&cursor)) }
    return elements
  }
}
