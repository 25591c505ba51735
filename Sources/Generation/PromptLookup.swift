// Guesses what comes next from what was said before: who summarizes a note or quotes a protocol repeats it. The
// guesses are checked, so a wrong one costs time and changes nothing; `DraftPace` sees to it that it costs little.

/// The tokens of a prompt and its answer, and what last followed each run of three and of two of them.
struct PromptLookup {
  /// Three tokens in a row, or two and -1.
  private struct Run: Hashable {
    let first: Int32
    let second: Int32
    let third: Int32
  }

  private var tokens: [Int32] = []
  /// The index of the token that last followed a run.
  private var followers: [Run: Int] = [:]

  /// Tokens known.
  var count: Int { tokens.count }

  /// Takes tokens in at the end.
  mutating func append(_ next: ArraySlice<Int32>) {
    tokens.reserveCapacity(tokens.count + next.count)
    for token in next {
      for run in runsAtEnd { followers[run] = tokens.count }
      tokens.append(token)
    }
  }

  /// What followed when the last three tokens, or else the last two, stood there before: `length` tokens, or none.
  func draft(_ length: Int) -> [Int32] {
    guard let start = runsAtEnd.lazy.compactMap({ followers[$0] }).first else { return [] }
    var draft: [Int32] = []
    for index in start..<start + length {
      // Beyond the end what was drafted goes on, as a list or a table does.
      draft.append(index < tokens.count ? tokens[index] : draft[index - tokens.count])
    }
    return draft
  }

  /// The runs that end with the last token, the longer first.
  private var runsAtEnd: [Run] {
    let end = tokens.suffix(3)
    guard end.count >= 2 else { return [] }
    let two = Run(first: tokens[tokens.count - 2], second: tokens[tokens.count - 1], third: -1)
    guard end.count == 3 else { return [two] }
    return [Run(first: end[end.startIndex], second: two.first, third: two.second), two]
  }
}

/// How long drafts are, and when there are none: they grow while they come true, and after failures there is a
/// pause that doubles with each.
struct DraftPace {
  /// The longest draft: beyond it another row of a batch costs about as much as it saves.
  static let longest = 15
  private static let longestPause = 64

  /// Tokens the next draft has.
  private(set) var length = 3
  private var pause = 1
  private var waiting = 0

  /// Whether a draft that could be made is better left; counts the chances passed over.
  mutating func isPaused() -> Bool {
    guard waiting > 0 else { return false }
    waiting -= 1
    return true
  }

  /// Takes note of how a draft came out.
  mutating func record(drafted: Int, accepted: Int) {
    guard drafted > 0 else { return }
    if accepted == drafted {
      length = min(2 * length + 1, DraftPace.longest)
      pause = 1
    } else if 2 * accepted >= drafted {
      pause = 1
    } else {
      length = max(length / 2, 1)
      waiting = pause
      pause = min(2 * pause, DraftPace.longestPause)
    }
  }
}
