// What attends to what in a packed sequence. Segments do not see one another, but those that begin alike share the rows
// of their beginning: a segment's keys lie in several runs of rows, the first of which may be other segments' too.

/// Rows of a packed sequence that attend to one another, causally: one for every position from 0 on.
public struct AttentionSegment: Sendable {
  /// Its rows among the keys and values in the order of their positions, as runs of neighbours. The last run is its
  /// own; those before it are rows of segments before it, and nothing of theirs depends on it.
  public let keys: [Range<Int>]
  /// Its rows among the queries, all of them of tokens in its own run.
  public let queries: Range<Int>

  /// The segment whose keys are the rows of `keys`, and whose queries the rows `queries` of their matrix.
  public init(keys: [Range<Int>], queries: Range<Int>) {
    precondition(!keys.isEmpty, "a segment has rows of its own")
    self.keys = keys
    self.queries = queries
  }

  /// The run that is its own.
  var ownKeys: Range<Int> { keys[keys.count - 1] }

  /// Keys of all runs.
  var keyCount: Int { keys.reduce(0) { $0 + $1.count } }

  /// The rows of the keys at `positions`.
  func runs(of positions: Range<Int>) -> [KeyRun] {
    var first = 0
    return keys.compactMap { run in
      defer { first += run.count }
      let part = (first..<first + run.count).clamped(to: positions)
      let start = run.lowerBound + part.lowerBound - first
      guard !part.isEmpty else { return nil }
      return KeyRun(offset: part.lowerBound - positions.lowerBound, rows: start..<start + part.count)
    }
  }
}

/// Neighbouring rows of keys.
struct KeyRun {
  /// Where the first of them stands among the keys that a tile sees.
  let offset: Int
  let rows: Range<Int>
  /// Whether they are the first that a tile sees.
  var isFirst: Bool { offset == 0 }
}

/// What attends to what, in one layer.
public struct AttentionLayout: Sendable {
  /// The segments in the order of their own rows; those that share any follow one another.
  public let segments: [AttentionSegment]
  /// For each query, the row among the keys that is its own token's; ascending.
  public let places: [Int]
  /// How many keys, its own included, a query sees; nil for all of its segment up to itself.
  public let window: Int?

  /// The layout of `segments`.
  public init(segments: [AttentionSegment], places: [Int], window: Int?) {
    self.segments = segments
    self.places = places
    self.window = window
  }

  /// Rows of keys.
  var keyCount: Int { segments.last?.ownKeys.upperBound ?? 0 }

  /// The segments in groups that share no row with one another. The rows of a group are neighbours.
  var families: [ArraySlice<AttentionSegment>] {
    let starts = segments.indices.filter { $0 == 0 || segments[$0].keys.count == 1 }
    return zip(starts, starts.dropFirst() + [segments.count]).map { segments[$0..<$1] }
  }

  /// The positions that the query `query` of `segment` sees.
  func visible(_ query: Int, in segment: AttentionSegment) -> Range<Int> {
    let end = places[query] + 1 + segment.keyCount - segment.ownKeys.upperBound
    return max(0, window.map { end - $0 } ?? 0)..<end
  }
}
