// Packing examples into sequences. Several short examples share a sequence, each a segment that neither sees the
// others nor is seen by them and counts its positions from 0: nothing is padded, and nothing learnt from a stranger.
import Common

/// A sequence of examples that are computed together without attending to one another.
public struct PackedSequence: Sendable, Equatable {
  /// The segments, one behind the other; each has positions from 0 and its own attention.
  public let segments: [TrainingExample]

  /// A sequence of `segments`.
  public init(segments: [TrainingExample]) { self.segments = segments }

  /// Tokens in all segments.
  public var tokenCount: Int { segments.reduce(0) { $0 + $1.tokens.count } }
  /// Targets in all segments.
  public var targetCount: Int { segments.reduce(0) { $0 + $1.targetCount } }
}

/// Puts examples into sequences.
public struct Packing: Sendable {
  private let examples: [TrainingExample]
  private let openings: Openings
  /// Rows of a sequence: of that many tokens and one, the last predicts nothing.
  private let room: Int

  /// Packs `examples`, none of them longer than `sequenceLength`, into sequences of fewer rows than that. Rows that
  /// examples share count once, and those that share many meet.
  public init(_ examples: [TrainingExample], sequenceLength: Int) {
    precondition(examples.allSatisfy { $0.tokens.count <= sequenceLength }, "every example fits a sequence")
    self.examples = examples
    openings = Openings(of: examples)
    room = sequenceLength - 1
  }

  /// The sequences in the order of the examples' lengths, for measuring: the same every time.
  public func sequences() -> [PackedSequence] { packed(Array(examples.indices)) }

  /// The sequences of epoch `epoch`, counted from 0: a function of the examples, `seed` and `epoch` alone, so that a
  /// run can be taken up anywhere. Which examples of a length meet and the order of the sequences change from epoch
  /// to epoch; how many sequences there are does not.
  public func sequences(seed: UInt64, epoch: Int) -> [PackedSequence] {
    var generator = SplitMix64(seed: seed, stream: UInt64(bitPattern: Int64(epoch)))
    let order = generator.shuffled(Array(examples.indices))
    return generator.shuffled(packed(order))
  }

  private func packed(_ order: [Int]) -> [PackedSequence] {
    var ranks = order
    for (rank, index) in order.enumerated() { ranks[index] = rank }
    return bundled(openings, ranks: ranks).map { bundle in
      PackedSequence(segments: bundle.examples.map { examples[$0] })
    }
  }

  /// The examples of `openings` in bundles that fit a sequence. Those of its groups, which share more, are bundled
  /// first; such a bundle stays together. First fit decreasing: the most rows first, each into the first bundle with
  /// room; ties in the order of `ranks`. They change who meets, and no bundle's size.
  private func bundled(_ openings: Openings, ranks: [Int]) -> [Bundle] {
    let single = openings.examples.map { Bundle(examples: [$0], rows: examples[$0].rowCount) }
    let parts = single + openings.groups.flatMap { bundled($0, ranks: ranks) }
    let ranked = parts.sorted {
      $0.rows != $1.rows ? $0.rows > $1.rows : ranks[$0.examples[0]] < ranks[$1.examples[0]]
    }
    var free = RoomTree(count: ranked.count, room: room - openings.length)
    var bundles: [Bundle] = []
    for part in ranked {
      let rows = part.rows - openings.length
      let place = free.takeFirst(rows)
      if place == bundles.count { bundles.append(Bundle(examples: [], rows: openings.length)) }
      bundles[place].examples += part.examples
      bundles[place].rows += rows
    }
    return bundles
  }

  /// Examples that go into one sequence, and the rows they take.
  private struct Bundle {
    var examples: [Int]
    var rows: Int
  }
}

/// How much room each of a row of sequences has, as a tree of maxima, which finds the first with enough in
/// logarithmic time.
private struct RoomTree {
  private let leaves: Int
  /// `most[1]` is the root, the children of `n` are `2n` and `2n + 1`, and the leaves come last.
  private var most: [Int]

  /// `count` empty sequences with `room` rows each.
  init(count: Int, room: Int) {
    var leaves = 1
    while leaves < count { leaves *= 2 }
    self.leaves = leaves
    most = [Int](repeating: room, count: 2 * leaves)
  }

  /// Takes `length` from the first sequence that has so much, and says which that is.
  mutating func takeFirst(_ length: Int) -> Int {
    var node = 1
    while node < leaves { node = most[2 * node] >= length ? 2 * node : 2 * node + 1 }
    let place = node - leaves
    most[node] -= length
    while node > 1 {
      node /= 2
      most[node] = max(most[2 * node], most[2 * node + 1])
    }
    return place
  }
}
