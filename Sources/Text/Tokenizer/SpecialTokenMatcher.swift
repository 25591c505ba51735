// Finds special tokens in text before anything else is tokenized. The longest token goes first,
// wherever in the text it is, then the next shorter; among equals the lower id, then the earlier
// place. Searching for one token after the other would read the text thousands of times (Gemma has
// 6,414 such tokens); a trie and a heap give the same result in one pass.

/// A part of a text.
enum TextFragment: Equatable {
  /// Ordinary text: a range of the text's bytes.
  case text(Range<Int>)
  /// A special token that was spelt out.
  case token(Int32)
}

/// Cuts text at its special tokens.
struct SpecialTokenMatcher: Sendable {
  /// Longest spelling that is searched for; it bounds the work at each place of a text.
  static let longestSpelling = 256

  /// From (node, byte) to the node that follows.
  private var children = PairTable(capacity: 256)
  /// For each node, 0 being the root, the token that ends there, or -1.
  private var tokens: [Int32] = [-1]
  /// What each token of the vocabulary is for, by id.
  private let roles: [TokenRoles]
  /// Which first bytes occur, for all tokens and for those that are not guarded.
  private var firstBytes = [Bool](repeating: false, count: 256)
  private var openFirstBytes = [Bool](repeating: false, count: 256)

  init(_ vocabulary: Vocabulary) throws(TokenizerError) {
    roles = vocabulary.roles
    for id in 0..<vocabulary.count where !roles[id].isDisjoint(with: .special) {
      let text = vocabulary.texts[id]
      guard let first = text.first else { continue }
      if text.count > Self.longestSpelling {
        throw .specialTokenTooLong(token: id, byteCount: text.count, limit: Self.longestSpelling)
      }
      insert(text, token: Int32(id))
      firstBytes[Int(first)] = true
      if roles[id].isDisjoint(with: .guarded) { openFirstBytes[Int(first)] = true }
    }
  }

  private mutating func insert(_ text: ArraySlice<UInt8>, token: Int32) {
    var node: Int32 = 0
    for byte in text {
      if let next = children[node, Int32(byte)] {
        node = Int32(truncatingIfNeeded: next)
      } else {
        let next = Int32(tokens.count)
        children.insert(node, Int32(byte), value: UInt64(next))
        tokens.append(-1)
        node = next
      }
    }
    tokens[Int(node)] = token
  }

  /// Cuts `text` at its special tokens; control and unknown ones count only if `includingGuarded`.
  func fragments(of text: [UInt8], includingGuarded: Bool) -> [TextFragment] {
    var fragments: [TextFragment] = []
    var position = 0
    for match in matches(in: text, includingGuarded: includingGuarded) {
      if match.start > position { fragments.append(.text(position..<match.start)) }
      fragments.append(.token(match.token))
      position = match.start + match.length
    }
    if position < text.count { fragments.append(.text(position..<text.count)) }
    return fragments
  }

  private struct Match: Comparable {
    let start: Int
    let length: Int
    let token: Int32

    static func < (one: Match, other: Match) -> Bool {
      if one.length != other.length { return one.length > other.length }
      return one.token != other.token ? one.token < other.token : one.start < other.start
    }
  }

  /// The matches that stand, in the order of the text.
  private func matches(in text: [UInt8], includingGuarded: Bool) -> [Match] {
    let firstBytes = includingGuarded ? firstBytes : openFirstBytes
    var candidates = BinaryHeap<Match>()
    for start in text.indices where firstBytes[Int(text[start])] {
      if let match = longestMatch(in: text, at: start, before: text.count, includingGuarded) {
        candidates.insert(match)
      }
    }
    if candidates.isEmpty { return [] }

    // For each byte where the match that covers it begins. A match that stands is never shorter than
    // a candidate, so an overlap shows at the candidate's first or last byte.
    var coveredFrom = [Int](repeating: -1, count: text.count)
    var standing: [Match] = []
    while let match = candidates.popFirst() {
      let last = match.start + match.length - 1
      if coveredFrom[match.start] >= 0 { continue }
      if coveredFrom[last] >= 0 {
        let limit = coveredFrom[last]
        if let shorter = longestMatch(in: text, at: match.start, before: limit, includingGuarded) {
          candidates.insert(shorter)
        }
        continue
      }
      for position in match.start...last { coveredFrom[position] = match.start }
      standing.append(match)
    }
    return standing.sorted { $0.start < $1.start }
  }

  /// The longest token that begins at `start` and ends at `limit` or before.
  private func longestMatch(
    in text: [UInt8], at start: Int, before limit: Int, _ includingGuarded: Bool
  ) -> Match? {
    var node: Int32 = 0
    var longest: Match?
    var position = start
    while position < limit, let next = children[node, Int32(text[position])] {
      node = Int32(truncatingIfNeeded: next)
      position += 1
      let token = tokens[Int(node)]
      if token >= 0, includingGuarded || roles[Int(token)].isDisjoint(with: .guarded) {
        longest = Match(start: start, length: position - start, token: token)
      }
    }
    return longest
  }
}
