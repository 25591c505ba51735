// The tensors of one file: read as entries, then placed in the data section behind the header, where
// every one must be aligned, lie inside the file and share no byte with another.
import Compute

/// Reads and checks a file's tensor directory.
enum TensorDirectory {
  /// The `count` entries at the cursor, with no name twice.
  static func entries(count: Int, from cursor: inout HeaderCursor) throws(GGUFError) -> [DirectoryEntry] {
    var entries: [DirectoryEntry] = []
    var places: [String: Int] = [:]
    entries.reserveCapacity(count)
    places.reserveCapacity(count)
    for _ in 0..<count {
      let entry = try DirectoryEntry(from: &cursor)
      if let first = places.updateValue(entry.entryOffset, forKey: entry.name) {
        throw cursor.error(.duplicate(first: first, path: cursor.file.path), at: entry.entryOffset)
      }
      entries.append(entry)
    }
    cursor.subject = nil
    return entries
  }

  /// The tensors of `entries`, whose data lie behind byte `headerLength` of `file`.
  static func tensors(
    _ entries: [DirectoryEntry], in file: MappedFile, headerLength: Int, alignment: Int
  ) throws(GGUFError) -> [TensorInfo] {
    var tensors: [TensorInfo] = []
    tensors.reserveCapacity(entries.count)
    for entry in entries {
      let region = try region(of: entry, in: file, headerLength: headerLength, alignment: alignment)
      tensors.append(
        TensorInfo(
          name: entry.name, format: entry.format, shape: entry.shape, entryOffset: entry.entryOffset,
          region: region))
    }
    try checkOverlap(tensors, entries, in: file)
    return tensors
  }

  private static func region(
    of entry: DirectoryEntry, in file: MappedFile, headerLength: Int, alignment: Int
  ) throws(GGUFError) -> MappedRegion {
    guard entry.dataOffset % UInt64(alignment) == 0 else {
      throw error(.misalignedTensor(offset: entry.dataOffset, alignment: alignment), entry, in: file)
    }
    guard
      let dataStart = FileLayout.align(headerLength, to: alignment),
      let dataOffset = Int(exactly: entry.dataOffset),
      case let (start, overflow) = dataStart.addingReportingOverflow(dataOffset), !overflow,
      let region = file.region(at: start, length: entry.byteCount)
    else {
      let kind = GGUFError.Kind.tensorPastEnd(
        offset: entry.dataOffset, byteCount: entry.byteCount, fileSize: file.count)
      throw error(kind, entry, in: file)
    }
    return region
  }

  /// Tensors and entries are the same in the same order.
  private static func checkOverlap(
    _ tensors: [TensorInfo], _ entries: [DirectoryEntry], in file: MappedFile
  ) throws(GGUFError) {
    let order = tensors.indices.sorted { tensors[$0].offset < tensors[$1].offset }
    for (index, next) in zip(order, order.dropFirst()) {
      let end = tensors[index].offset + tensors[index].byteCount
      guard end <= tensors[next].offset else {
        throw error(.tensorsOverlap(other: tensors[index].name), entries[next], in: file)
      }
    }
  }

  private static func error(
    _ kind: GGUFError.Kind, _ entry: DirectoryEntry, in file: MappedFile
  ) -> GGUFError {
    GGUFError(path: file.path, offset: entry.dataOffsetPlace, subject: .tensor(entry.name), kind: kind)
  }
}
