// Where in a prompt messages stand. A message may be, to the letter, what the template writes too, such as the token that
// ends a turn, so that it is not searched for: the template is asked once more with marks in the place of messages, and
// what lies between the marks is its own.
import Text

extension PromptBuilder {
  /// Where in `text`, the prompt that `render` makes of `messages`, those messages stand that hold the text of a special
  /// token. All others are tokenized together with the template's text around them.
  func plainRanges(
    of messages: [ChatMessage], in text: [UInt8], render: ([ChatMessage]) throws(PromptError) -> String
  ) throws(PromptError) -> [Range<Int>] {
    var marked = messages
    // Nobody can have written it before.
    let mark = "x\(String(UInt64.random(in: .min ... .max), radix: 16))x"
    var control: Int32?
    for index in messages.indices {
      let ids = tokenizer.encode(Array(messages[index].content.utf8), parseSpecial: true, addBeginning: false)
      guard let found = ids.first(where: { tokenizer.isControl(Int($0)) }) else { continue }
      control = control ?? found
      marked[index].content = "\(mark)\(index)x"
    }
    guard let control else { return [] }
    let pieces = MarkedText(Array(try render(marked).utf8), mark: mark)
    let contents = messages.map { Array($0.content.utf8) }
    // Templates take messages as they are, or without the spaces around them.
    for contents in [contents, contents.map { $0.trimmed() }] {
      if let ranges = pieces.places(of: contents, in: text) { return ranges }
    }
    throw .specialTokenInMessage(String(decoding: tokenizer.text(of: Int(control)), as: UTF8.self))
  }
}

/// A template's own text, parted where messages stand.
private struct MarkedText {
  /// What comes before the first mark, between two, and behind the last; one more than the marks.
  private var pieces: [ArraySlice<UInt8>] = []
  /// The messages' numbers, in the order of their marks.
  private var messages: [Int] = []

  init(_ text: [UInt8], mark: String) {
    let search = ByteSearch(pattern: Array(mark.utf8))
    var start = 0
    while let found = search.first(in: text, from: start) {
      let digits = text[found.upperBound...].prefix { $0 != UInt8(ascii: "x") }
      pieces.append(text[start..<found.lowerBound])
      messages.append(Int(String(decoding: digits, as: UTF8.self)) ?? -1)
      start = min(text.count, digits.endIndex + 1)
    }
    pieces.append(text[start...])
  }

  /// Where messages with these `contents` stand in `text`; nil when it is not this text with them in it.
  func places(of contents: [[UInt8]], in text: [UInt8]) -> [Range<Int>]? {
    var ranges: [Range<Int>] = []
    var rest = text[...]
    for (piece, message) in zip(pieces, messages) {
      guard contents.indices.contains(message), rest.starts(with: piece) else { return nil }
      rest = rest.dropFirst(piece.count)
      let content = contents[message]
      guard rest.starts(with: content) else { return nil }
      ranges.append(rest.startIndex..<rest.startIndex + content.count)
      rest = rest.dropFirst(content.count)
    }
    return pieces.last.map { rest.elementsEqual($0) } ?? false ? ranges : nil
  }
}

extension [UInt8] {
  /// Without spaces and line ends at both ends, as templates trim.
  fileprivate func trimmed() -> [UInt8] {
    func isSpace(_ byte: UInt8) -> Bool { byte == 32 || (byte >= 9 && byte <= 13) }
    return Array(drop(while: isSpace).reversed().drop(while: isSpace).reversed())
  }
}
