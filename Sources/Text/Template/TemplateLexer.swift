// Splits a template's source into text and tags, and trims the text between them: what a minus sign
// in a tag asks for, and what transformers switches on in Jinja: `trim_blocks` (the newline after a
// block goes), `lstrip_blocks` (the indentation before a block goes) and no trailing newline.

struct TemplateLexer {
  /// The source with its line breaks made "\n" and one trailing newline removed.
  let source: [UInt8]
  var position = 0
  var tokens: [TemplateToken] = []
  /// The brackets open in the current tag; only outside of them can the tag end.
  var openBrackets: [(symbol: TemplateToken.Symbol, offset: Int)] = []

  init(source: [UInt8]) { self.source = source }

  /// `text` with "\r\n" and "\r" as "\n", without a newline at its end.
  static func normalize(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count)
    var previous: UInt8 = 0
    for byte in text.utf8 {
      if byte == UInt8(ascii: "\r") {
        bytes.append(UInt8(ascii: "\n"))
      } else if byte != UInt8(ascii: "\n") || previous != UInt8(ascii: "\r") {
        bytes.append(byte)
      }
      previous = byte
    }
    if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
    return bytes
  }

  /// Reads the whole source. After a fault `position` is where it was found.
  mutating func tokenize() throws(TemplateFault) -> [TemplateToken] {
    while position < source.count {
      let start = position
      guard let opening = nextOpening() else {
        append(.text(text(start..<source.count)), at: start)
        position = source.count
        break
      }
      position = opening.offset + 2
      let sign = acceptSign()
      let end = trimmedEnd(of: start..<opening.offset, before: opening.kind, sign: sign)
      if end > start { append(.text(text(start..<end)), at: start) }
      try tokenizeTag(opening.kind, at: opening.offset)
    }
    append(.end, at: source.count)
    return tokens
  }

  private enum Opening { case output, block, comment }

  private func nextOpening() -> (offset: Int, kind: Opening)? {
    var offset = position
    while offset + 1 < source.count {
      if source[offset] == UInt8(ascii: "{") {
        switch source[offset + 1] {
        case UInt8(ascii: "{"): return (offset, .output)
        case UInt8(ascii: "%"): return (offset, .block)
        case UInt8(ascii: "#"): return (offset, .comment)
        default: break
        }
      }
      offset += 1
    }
    return nil
  }

  private mutating func tokenizeTag(_ kind: Opening, at offset: Int) throws(TemplateFault) {
    switch kind {
    case .output:
      append(.outputBegin, at: offset)
      try tokenizeExpression(endingWith: "}}", as: .outputEnd)
    case .comment: try skipComment(from: offset)
    case .block:
      if try acceptRawBlock(from: offset) { return }
      append(.blockBegin, at: offset)
      try tokenizeExpression(endingWith: "%}", as: .blockEnd)
    }
  }

  // MARK: White space around tags

  /// Steps over the sign after an opening or before nothing else, if there is one.
  private mutating func acceptSign() -> UInt8? {
    guard position < source.count,
      source[position] == UInt8(ascii: "-") || source[position] == UInt8(ascii: "+")
    else { return nil }
    position += 1
    return source[position - 1]
  }

  /// Where the text `range` ends once the tag that follows has had its way.
  private func trimmedEnd(of range: Range<Int>, before kind: Opening, sign: UInt8?) -> Int {
    if sign == UInt8(ascii: "-") {
      return range.lowerBound + text(range)[...].trimmingBack(\.isPythonSpace).utf8.count
    }
    guard sign == nil, kind != .output else { return range.upperBound }
    let lineBreak = source[range].lastIndex(of: UInt8(ascii: "\n"))
    let lineStart = lineBreak.map { $0 + 1 } ?? range.lowerBound
    let startsLine = lineBreak != nil || lineStart == 0 || source[lineStart - 1] == UInt8(ascii: "\n")
    let isBlank = text(lineStart..<range.upperBound).unicodeScalars.allSatisfy(\.isPythonSpace)
    return startsLine && isBlank ? lineStart : range.upperBound
  }

  /// Steps over `closing` ("%}", "#}" or "}}") with its sign and the white space it swallows, if it
  /// stands here.
  mutating func acceptClosing(_ closing: String) -> Bool {
    let isOutput = closing == "}}"
    if starts(with: "-" + closing) {
      position += 3
      skipWhitespace()
    } else if starts(with: closing) {
      position += 2
      if !isOutput, starts(with: "\n") { position += 1 }
    } else if !isOutput, starts(with: "+" + closing) {
      position += 3
    } else {
      return false
    }
    return true
  }

  /// Steps over white space, Unicode's included.
  mutating func skipWhitespace() {
    while position < source.count {
      let length = source[position] < 0x80 ? 1 : (source[position] < 0xE0 ? 2 : 3)
      let scalar =
        length == 1
        ? Unicode.Scalar(source[position])
        : text(position..<min(position + length, source.count)).unicodeScalars.first
      guard let scalar, scalar.isPythonSpace else { return }
      position += length
    }
  }

  // MARK: Comments and raw blocks

  private mutating func skipComment(from offset: Int) throws(TemplateFault) {
    while position < source.count {
      if acceptClosing("#}") { return }
      position += 1
    }
    position = offset
    throw .syntax("this comment has no end: '#}' is missing")
  }

  /// Takes `{% raw %}…{% endraw %}` as text, if one begins here; `position` is behind the sign.
  private mutating func acceptRawBlock(from offset: Int) throws(TemplateFault) -> Bool {
    let start = position
    skipWhitespace()
    guard starts(with: "raw") else { return rewind(to: start) }
    position += 3
    skipWhitespace()
    if starts(with: "-%}") {
      position += 3
      skipWhitespace()
    } else if starts(with: "%}") {
      position += 2
    } else {
      return rewind(to: start)
    }
    let textStart = position
    while position < source.count {
      let textEnd = position
      if let sign = acceptRawEnd() {
        let end = trimmedEnd(of: textStart..<textEnd, before: .block, sign: sign == 0 ? nil : sign)
        append(.text(text(textStart..<end)), at: textStart)
        return true
      }
      position = textEnd + 1
    }
    position = offset
    throw .syntax("this raw block has no end: '{% endraw %}' is missing")
  }

  /// The sign of the `{% endraw %}` stepped over, 0 if it has none; nil if none stands here.
  private mutating func acceptRawEnd() -> UInt8? {
    guard starts(with: "{%") else { return nil }
    position += 2
    let sign = acceptSign() ?? 0
    skipWhitespace()
    guard starts(with: "endraw") else { return nil }
    position += 6
    skipWhitespace()
    return acceptClosing("%}") ? sign : nil
  }

  private mutating func rewind(to start: Int) -> Bool {
    position = start
    return false
  }

  // MARK: Bytes

  func starts(with expected: String) -> Bool {
    source[position...].starts(with: expected.utf8)
  }

  func text(_ range: Range<Int>) -> String {
    String(decoding: source[range], as: UTF8.self)
  }

  mutating func append(_ kind: TemplateToken.Kind, at offset: Int) {
    tokens.append(TemplateToken(kind: kind, offset: offset))
  }
}
