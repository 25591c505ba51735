// The key-value part of a GGUF header: an index of where each value lies. Values stay in the mapped file
// until asked for, so that a vocabulary nobody looks at costs one walk over its lengths.
import Compute

/// A file's metadata: keys in file order, each with its value's type and place.
public struct Metadata: Sendable {
  /// Where a key's value lies and what it is.
  public struct Entry: Sendable {
    /// The key.
    public let key: String
    /// The value's type.
    public let type: ValueType
    /// The type of an array's elements; nil for other values.
    public let elementType: ValueType?
    /// The number of an array's elements; 1 for other values.
    public let count: Int
    /// The byte of the file at which the value begins: for an array its element type, for a string its
    /// length.
    public let offset: Int
    /// Bytes the value takes in the file.
    public let byteCount: Int

    /// The type in words, such as `uint32` or `array of string`.
    public var typeName: String { elementType.map { "array of \($0.name)" } ?? type.name }
  }

  let file: MappedFile
  /// All entries in file order.
  public let entries: [Entry]
  private let indices: [String: Int]

  /// The metadata at the cursor: `count` keys with their values.
  init(count: Int, from cursor: inout HeaderCursor) throws(GGUFError) {
    var entries: [Entry] = []
    var indices: [String: Int] = [:]
    entries.reserveCapacity(count)
    indices.reserveCapacity(count)
    for _ in 0..<count {
      cursor.subject = nil
      let keyOffset = cursor.offset
      let key = try cursor.name(limit: FileLayout.longestKey)
      cursor.subject = .key(key)
      if let first = indices.updateValue(entries.count, forKey: key) {
        throw cursor.error(.duplicate(first: entries[first].offset, path: cursor.file.path), at: keyOffset)
      }
      entries.append(try Entry(key: key, from: &cursor))
    }
    cursor.subject = nil
    self.file = cursor.file
    self.entries = entries
    self.indices = indices
  }

  /// The file the metadata was read from.
  public var path: String { file.path }

  /// The keys in file order.
  public var keys: [String] { entries.map(\.key) }

  /// Where the value of `key` lies, or nil when there is no such key.
  public func entry(_ key: String) -> Entry? {
    indices[key].map { entries[$0] }
  }

  /// An error about `key`, at its value when it has one: for callers to whom a value that was read, or
  /// the lack of one, is no good.
  public func error(_ kind: GGUFError.Kind, for key: String) -> GGUFError {
    GGUFError(path: path, offset: entry(key)?.offset, subject: .key(key), kind: kind)
  }

  /// A cursor over the value of `entry`, after an array's element type and count.
  func cursor(at entry: Entry) -> HeaderCursor {
    let start = entry.offset + (entry.type == .array ? FileLayout.arrayHeaderBytes : 0)
    return HeaderCursor(
      file: file, from: start, to: entry.offset + entry.byteCount, subject: .key(entry.key))
  }
}

extension Metadata.Entry {
  /// The entry at the cursor, after its key: passes over the value.
  fileprivate init(key: String, from cursor: inout HeaderCursor) throws(GGUFError) {
    self.key = key
    type = try cursor.valueType()
    offset = cursor.offset
    if type == .array {
      let (elementType, count) = try cursor.arrayHeader()
      try cursor.skipElements(of: elementType, count: count, depth: 1)
      self.elementType = elementType
      self.count = count
    } else {
      try cursor.skipValue(of: type)
      elementType = nil
      count = 1
    }
    byteCount = cursor.offset - offset
  }
}
