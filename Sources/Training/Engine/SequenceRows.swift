// Which rows of a packed sequence are computed. A row is a token and predicts the next one, so a segment's last token
// is no row, and nothing behind its last target matters to the loss. What segments begin with alike, such as a system
// prompt or a document, is computed once: a row depends on the tokens up to its own and nothing else, so the others
// attend to it as to their own and add to its gradients. Only rows that predict no target are shared.
import Compute

/// The rows of one sequence.
struct SequenceRows {
  /// The token of each row.
  private(set) var tokens: [Int32] = []
  /// Its position in its segment.
  private(set) var positions: [Int] = []
  /// The rows whose next token is a target, ascending.
  private(set) var targetRows: [Int] = []
  /// Those next tokens.
  private(set) var targets: [Int32] = []
  /// For each segment that has targets the rows of its positions, in runs of neighbours; the last is its own.
  private var segments: [[Range<Int>]] = []

  init(_ sequence: PackedSequence) {
    let examples = sequence.segments.filter { $0.targetCount > 0 }
    for (index, shared) in Openings.ordered(examples) { add(examples[index], sharing: shared) }
  }

  /// Adds a segment whose first `shared` rows are those of the one before it.
  private mutating func add(_ example: TrainingExample, sharing shared: Int) {
    var runs: [Range<Int>] = []
    var position = 0
    for run in segments.last ?? [] where position < shared {
      runs.append(run.prefix(shared - position))
      position += run.count
    }
    let first = tokens.count
    tokens += example.tokens[shared..<example.rowCount]
    positions += shared..<example.rowCount
    segments.append(runs + [first..<tokens.count])
    for row in example.openingCount..<example.rowCount where example.lossMask[row + 1] {
      targetRows.append(first + row - shared)
      targets.append(example.tokens[row + 1])
    }
  }

  /// Rows.
  var count: Int { tokens.count }

  /// Attention of all rows.
  func layout(window: Int?) -> AttentionLayout {
    let parts = segments.map { AttentionSegment(keys: $0, queries: $0[$0.count - 1]) }
    return AttentionLayout(segments: parts, places: Array(0..<count), window: window)
  }

  /// Attention in which only the target rows have queries.
  func targetLayout(window: Int?) -> AttentionLayout {
    var (next, parts) = (0, [AttentionSegment]())
    for segment in segments {
      let first = next
      while next < targetRows.count, targetRows[next] < segment[segment.count - 1].upperBound { next += 1 }
      parts.append(AttentionSegment(keys: segment, queries: first..<next))
    }
    return AttentionLayout(segments: parts, places: targetRows, window: window)
  }
}

extension PackedSequence {
  /// Rows that are computed for the sequence.
  public var rowCount: Int { SequenceRows(self).count }

  /// Tokens that are not computed again because another segment begins with them too.
  public var sharedTokenCount: Int { segments.reduce(0) { $0 + $1.rowCount } - rowCount }
}
