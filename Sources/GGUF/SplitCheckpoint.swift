// A checkpoint in several files: any part's path opens all. Each part says which it is and of how many;
// the first says how many tensors there are in all.

/// Opens all parts of a checkpoint.
enum SplitCheckpoint {
  private static let countKey = "split.count"
  private static let numberKey = "split.no"
  private static let tensorCountKey = "split.tensors.count"

  /// The parts of the checkpoint that the file at `path` is, or is one part of; at least one.
  static func parts(path: String) throws(GGUFError) -> [FilePart] {
    let given = try FilePart(path: path)
    guard let count = try given.metadata.integer(countKey), count > 1 else { return [given] }
    guard let name = SplitName(path: path) else {
      throw given.metadata.error(.splitName(count: count), for: countKey)
    }
    var parts: [FilePart] = []
    for number in 1...name.count {
      let part = number == name.part ? given : try open(name, part: number)
      try check(part.metadata, countKey, is: name.count)
      try check(part.metadata, numberKey, is: number - 1)
      parts.append(part)
    }
    try checkTensorCount(parts)
    return parts
  }

  private static func open(_ name: SplitName, part: Int) throws(GGUFError) -> FilePart {
    let path = name.path(ofPart: part)
    do throws(GGUFError) {
      return try FilePart(path: path)
    } catch {
      guard error.kind == .missing else { throw error }
      throw GGUFError(path: path, kind: .splitPartMissing(part: part, count: name.count))
    }
  }

  private static func check(_ metadata: Metadata, _ key: String, is expected: Int) throws(GGUFError) {
    let found = try metadata.integer(key)
    guard found == expected else {
      throw metadata.error(.splitMismatch(expected: expected, found: found), for: key)
    }
  }

  private static func checkTensorCount(_ parts: [FilePart]) throws(GGUFError) {
    let tensorCount = parts.reduce(0) { $0 + $1.tensors.count }
    for part in parts {
      guard let announced = try part.metadata.integer(tensorCountKey) else { continue }
      guard announced == tensorCount else {
        throw part.metadata.error(
          .splitMismatch(expected: announced, found: tensorCount), for: tensorCountKey)
      }
    }
  }
}
