// Messages of several lines, opened and closed by three quotation marks.

/// A message between `"""` and `"""`, line by line.
struct MessageBlock: Equatable {
  /// What opens and closes it.
  static let fence = "\"\"\""

  private var lines: [String] = []

  /// Whether the closing marks were read.
  private(set) var isClosed = false

  /// The block that `line` opens, nil when it opens none. It may close on the same line.
  init?(opening line: String) {
    let start = line.drop(while: \.isWhitespace)
    guard start.hasPrefix(MessageBlock.fence) else { return nil }
    append(String(start.dropFirst(MessageBlock.fence.count)))
  }

  /// Adds a line, or several pasted at once; one that ends with the marks closes the block.
  mutating func append(_ line: String) {
    let end = line.reversed().drop(while: \.isWhitespace)
    if end.starts(with: MessageBlock.fence.reversed()) {
      isClosed = true
      lines.append(String(end.dropFirst(MessageBlock.fence.count).reversed()))
    } else {
      lines.append(line)
    }
  }

  /// The message: its lines without empty ones at either end.
  var text: String {
    func isBlank(_ line: String) -> Bool { line.allSatisfy(\.isWhitespace) }
    let front = lines.drop(while: isBlank)
    guard let last = front.lastIndex(where: { !isBlank($0) }) else { return "" }
    return front[...last].joined(separator: "\n")
  }
}
