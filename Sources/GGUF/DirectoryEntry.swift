// A tensor's entry as it is read from the directory, before the place of the data section is known. What
// an entry says by itself is checked here; where its data lie, by TensorDirectory.
import Compute

/// A directory entry with a sound name, shape and format, and a data offset not yet looked at.
struct DirectoryEntry {
  let name: String
  let format: BlockFormat
  let shape: [Int]
  /// Bytes the tensor's data take.
  let byteCount: Int
  /// Where the data begin, in bytes from the start of the data section.
  let dataOffset: UInt64
  /// The byte of the file at which the entry begins.
  let entryOffset: Int
  /// The byte of the file at which `dataOffset` stands.
  let dataOffsetPlace: Int

  /// The entry at the cursor.
  init(from cursor: inout HeaderCursor) throws(GGUFError) {
    cursor.subject = nil
    entryOffset = cursor.offset
    name = try cursor.name(limit: FileLayout.longestTensorName)
    cursor.subject = .tensor(name)
    let shapePlace = cursor.offset
    shape = try Self.shape(from: &cursor)
    format = try Self.format(from: &cursor)
    guard shape[0] % format.blockWidth == 0 else {
      throw cursor.error(.partialBlock(width: shape[0], blockWidth: format.blockWidth), at: shapePlace)
    }
    guard let byteCount = Self.byteCount(of: shape, format) else {
      throw cursor.error(.tensorTooLarge, at: shapePlace)
    }
    self.byteCount = byteCount
    dataOffsetPlace = cursor.offset
    dataOffset = try cursor.integer(UInt64.self)
  }

  private static func shape(from cursor: inout HeaderCursor) throws(GGUFError) -> [Int] {
    let start = cursor.offset
    let count = try cursor.integer(UInt32.self)
    guard (1...UInt32(FileLayout.mostDimensions)).contains(count) else {
      throw cursor.error(.dimensionCount(count), at: start)
    }
    var shape: [Int] = []
    for index in 0..<Int(count) {
      let start = cursor.offset
      let value = try cursor.integer(UInt64.self)
      guard value > 0, let dimension = Int(exactly: value) else {
        throw cursor.error(.dimension(index: index, value: value), at: start)
      }
      shape.append(dimension)
    }
    return shape
  }

  private static func format(from cursor: inout HeaderCursor) throws(GGUFError) -> BlockFormat {
    let start = cursor.offset
    let number = try cursor.integer(UInt32.self)
    guard let format = BlockFormat(rawValue: number) else {
      throw cursor.error(.unsupportedTensorType(number), at: start)
    }
    return format
  }

  /// Bytes a tensor takes, or nil when its number of values or of bytes does not fit an `Int`.
  static func byteCount(of shape: [Int], _ format: BlockFormat) -> Int? {
    guard let width = shape.first, var bytes = format.rowBytes(width: width) else { return nil }
    var values = width
    for dimension in shape.dropFirst() {
      let (moreValues, valuesOverflow) = values.multipliedReportingOverflow(by: dimension)
      let (moreBytes, bytesOverflow) = bytes.multipliedReportingOverflow(by: dimension)
      if valuesOverflow || bytesOverflow { return nil }
      values = moreValues
      bytes = moreBytes
    }
    return bytes
  }
}
