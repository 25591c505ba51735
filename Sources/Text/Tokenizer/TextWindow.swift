// A word under the eyes of a split rule, and the matchers that need to look around in it. Beyond
// the window there is nothing: every question about a position outside is answered with no.

/// A stretch of scalars.
struct TextWindow {
  let text: ScalarText
  let range: Range<Int>

  /// Where the whitespace at the end begins.
  let startOfTrailingWhitespace: Int

  init(text: ScalarText, range: Range<Int>) {
    self.text = text
    self.range = range
    var start = range.upperBound
    while start > range.lowerBound, text.classes[start - 1] == .whitespace { start -= 1 }
    startOfTrailingWhitespace = start
  }

  /// The scalar at `position`, or U+0000 outside the window.
  subscript(position: Int) -> UInt32 { range.contains(position) ? text.values[position] : 0 }

  /// The class at `position`, or nil outside the window.
  func `class`(_ position: Int) -> ScalarClass? {
    range.contains(position) ? text.classes[position] : nil
  }

  func isLetter(_ position: Int) -> Bool { `class`(position) == .letter }
  func isNumber(_ position: Int) -> Bool { `class`(position) == .number }
  func isWhitespace(_ position: Int) -> Bool { `class`(position) == .whitespace }
  func isNewline(_ position: Int) -> Bool { self[position] == 0x0A || self[position] == 0x0D }
  func isASCIIDigit(_ position: Int) -> Bool { 0x30...0x39 ~= self[position] }

  /// `[^\s\p{L}\p{N}]`
  func isMark(_ position: Int) -> Bool {
    switch `class`(position) {
    case .other, .punctuation: return true
    case .letter, .number, .whitespace, nil: return false
    }
  }

  /// `[\p{P}$+<=>^~|]`
  func isPunctuation(_ position: Int) -> Bool {
    switch self[position] {
    case 0x24, 0x2B, 0x3C...0x3E, 0x5E, 0x7C, 0x7E: return true
    default: return `class`(position) == .punctuation
    }
  }

  /// The end of the run of positions from `start` on that satisfy `isMember`.
  @inline(__always)
  func endOfRun(at start: Int, where isMember: (Int) -> Bool) -> Int {
    var end = start
    while end < range.upperBound, isMember(end) { end += 1 }
    return end
  }

  /// The end of `\s?[members]+`. Whitespace outside ASCII is whitespace alone, whatever set it is in.
  func endOfSpacedRun(at start: Int, where isMember: (UInt32) -> Bool) -> Int {
    let first = isWhitespace(start) ? start + 1 : start
    let end = endOfRun(at: first) { !isWhitespace($0) && isMember(self[$0]) }
    return end > first ? end : start
  }

  /// The match of `SplitRule.words` at `start`.
  func endOfWord(at start: Int) -> Int {
    if let end = endOfContraction(at: start, ignoringCase: false) { return end }
    let first = self[start] == 0x20 ? start + 1 : start
    if isLetter(first) { return endOfRun(at: first, where: isLetter) }
    if isNumber(first) { return endOfRun(at: first, where: isNumber) }
    if isMark(first) { return endOfRun(at: first, where: isMark) }
    return endOfWhitespace(at: start)
  }

  /// The match of `SplitRule.wordsWithMarks` at `start`.
  func endOfWordWithMarks(at start: Int, longestNumber: Int) -> Int {
    if let end = endOfContraction(at: start, ignoringCase: true) { return end }
    if isLetter(start) || (isLetter(start + 1) && !isNewline(start) && !isNumber(start)) {
      return endOfRun(at: start + 1, where: isLetter)
    }
    if isNumber(start) {
      return endOfRun(at: start) { $0 < start + longestNumber && isNumber($0) }
    }
    let first = self[start] == 0x20 ? start + 1 : start
    if isMark(first) {
      return endOfRun(at: endOfRun(at: first, where: isMark), where: isNewline)
    }
    // \s*[\r\n]+ reaches to the last newline of the whitespace.
    let end = endOfRun(at: start, where: isWhitespace)
    if let newline = (start..<end).last(where: isNewline) { return newline + 1 }
    return endOfWhitespace(at: start)
  }

  /// `\s+(?!\S)|\s+`: whitespace leaves its last character to a word that follows.
  private func endOfWhitespace(at start: Int) -> Int {
    let end = endOfRun(at: start, where: isWhitespace)
    return end < range.upperBound && end - start > 1 ? end - 1 : end
  }

  /// `'s|'t|'re|'ve|'m|'ll|'d`
  private func endOfContraction(at start: Int, ignoringCase: Bool) -> Int? {
    guard self[start] == 0x27 else { return nil }
    func letter(_ position: Int) -> UInt32 {
      let scalar = self[position]
      return ignoringCase && 0x41...0x5A ~= scalar ? scalar + 0x20 : scalar
    }
    switch (letter(start + 1), letter(start + 2)) {
    case (0x73, _), (0x74, _), (0x6D, _), (0x64, _): return start + 2  // s, t, m, d
    case (0x72, 0x65), (0x76, 0x65), (0x6C, 0x6C): return start + 3  // re, ve, ll
    default: return nil
    }
  }
}
