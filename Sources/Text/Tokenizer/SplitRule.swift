// The regular expressions of the pre-tokenizers, written out as matchers over scalars. Each looks
// at a scalar at most a few times, so the whole is linear, and none recurses, where a regular
// expression engine may backtrack or run out of stack on hostile text.

/// One expression that cuts words into smaller words. A part that it matches becomes a word; so does
/// what lies between two matches. It sees each word by itself, as if the text ended with it.
enum SplitRule: Sendable {
  /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
  case words
  /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,longestNumber}|`
  /// ` ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
  case wordsWithMarks(longestNumber: Int)
  /// `\p{N}`
  case singleNumbers
  /// `\p{N}+`
  case numbers
  /// `[0-9][0-9][0-9]`
  case digitTriples
  /// `[\p{P}$+<=>^~|]+`
  case punctuation
  /// `[\r\n]`
  case newlines
  /// `\s+$`
  case trailingWhitespace
  /// `\s?[letters of the scripts with upper and lower case]+`, as deepseek-llm lists them
  case scriptWords
  /// `\s?[!-/:-~！-／：-～‘-‟　-。]+`
  case scriptPunctuation
  /// `[一-龥ࠀ-一가-퟿]+`
  case ideographs

  /// Appends the ends of the words that this rule makes of `range` of `text` to `ends`.
  func split(_ text: ScalarText, _ range: Range<Int>, into ends: inout [Int]) {
    let word = TextWindow(text: text, range: range)
    var position = range.lowerBound
    var cut = range.lowerBound
    while position < range.upperBound {
      let end = matchEnd(in: word, at: position)
      if end == position {
        position += 1
        continue
      }
      if cut < position { ends.append(position) }
      ends.append(end)
      position = end
      cut = end
    }
    if cut < range.upperBound { ends.append(range.upperBound) }
  }

  /// Where the match that begins at `start` ends; `start` when there is none.
  private func matchEnd(in word: TextWindow, at start: Int) -> Int {
    switch self {
    case .words: return word.endOfWord(at: start)
    case .wordsWithMarks(let longestNumber):
      return word.endOfWordWithMarks(at: start, longestNumber: longestNumber)
    case .singleNumbers: return word.isNumber(start) ? start + 1 : start
    case .numbers: return word.endOfRun(at: start) { word.isNumber($0) }
    case .digitTriples: return (start..<start + 3).allSatisfy(word.isASCIIDigit) ? start + 3 : start
    case .punctuation: return word.endOfRun(at: start) { word.isPunctuation($0) }
    case .newlines: return word.isNewline(start) ? start + 1 : start
    case .trailingWhitespace: return start >= word.startOfTrailingWhitespace ? word.range.upperBound : start
    case .scriptWords: return word.endOfSpacedRun(at: start, where: DeepSeekScripts.isLetter)
    case .scriptPunctuation: return word.endOfSpacedRun(at: start, where: DeepSeekScripts.isPunctuation)
    case .ideographs:
      return word.endOfRun(at: start) {
        word.class($0) != .whitespace && DeepSeekScripts.isIdeograph(word[$0])
      }
    }
  }
}
