// Which rows of a packed sequence are computed. A row is a token and predicts the next one, so a segment's last token
// is no row, and nothing behind its last target matters to the loss.
import Compute

/// The rows of one sequence.
struct SequenceRows {
  /// The token of each row.
  private(set) var tokens: [Int32] = []
  /// Its position in its segment.
  private(set) var positions: [Int] = []
  /// The rows of each segment that has targets.
  private(set) var segments: [Range<Int>] = []
  /// The rows whose next token is a target, ascending.
  private(set) var targetRows: [Int] = []
  /// Those next tokens.
  private(set) var targets: [Int32] = []

  init(_ sequence: PackedSequence) {
    for segment in sequence.segments {
      guard let last = segment.lossMask.lastIndex(of: true) else { continue }
      let first = tokens.count
      tokens += segment.tokens[..<last]
      positions += 0..<last
      segments.append(first..<first + last)
      for index in 1...last where segment.lossMask[index] {
        targetRows.append(first + index - 1)
        targets.append(segment.tokens[index])
      }
    }
  }

  /// Rows.
  var count: Int { tokens.count }

  /// Attention of all rows.
  func layout(window: Int?) -> AttentionLayout {
    AttentionLayout(
      segments: segments.map { AttentionSegment(keys: $0, queries: $0) }, places: Array(0..<count), window: window)
  }

  /// Attention in which only the target rows have queries.
  func targetLayout(window: Int?) -> AttentionLayout {
    var (next, parts) = (0, [AttentionSegment]())
    for segment in segments {
      let first = next
      while next < targetRows.count, targetRows[next] < segment.upperBound { next += 1 }
      parts.append(AttentionSegment(keys: segment, queries: first..<next))
    }
    return AttentionLayout(segments: parts, places: targetRows, window: window)
  }
}
