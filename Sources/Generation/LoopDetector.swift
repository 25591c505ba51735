// Notices that an answer goes round in circles, at a cost for each token that does not grow with the answer.

/// Recognizes an answer whose end is the same run of up to 64 tokens again and again: at least four times and over
/// at least 48 tokens.
struct LoopDetector {
  private static let longestPeriod = 64
  /// For each period, how many tokens at the end are those a period before.
  private var repeated = [Int](repeating: 0, count: longestPeriod + 1)

  /// Whether `tokens`, one longer than at the last call, now ends in a loop.
  mutating func isLoop(_ tokens: [Int32]) -> Bool {
    guard let token = tokens.last else { return false }
    var isLoop = false
    for period in 1...min(LoopDetector.longestPeriod, max(1, tokens.count - 1)) where period < tokens.count {
      repeated[period] = tokens[tokens.count - 1 - period] == token ? repeated[period] + 1 : 0
      if repeated[period] >= max(4 * period, 48) - period { isLoop = true }
    }
    return isLoop
  }
}
