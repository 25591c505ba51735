// What examples begin with alike: the same system prompt, the same document before another question, the same examples
// before a question. A beginning is computed once for all examples of a sequence, so they had better meet in one.

/// Examples that share their first rows, and in it those that share more: the tree of all beginnings worth meeting for.
struct Openings {
  /// How many more rows a group must share to be told apart. A few words in common are no reason to keep strangers away.
  private static let worthMeeting = 16

  /// Rows that all of its examples share.
  let length: Int
  /// The examples that share no more with others, as indices.
  private(set) var examples: [Int] = []
  /// Groups that share more.
  private(set) var groups: [Openings] = []

  /// The beginnings of `examples`.
  init(of examples: [TrainingExample]) {
    self.init(Openings.ordered(examples)[...], length: 0, examples)
  }

  /// Those of neighbours in the order of their openings, which all share `length` rows.
  private init(_ ordered: ArraySlice<(index: Int, shared: Int)>, length: Int, _ all: [TrainingExample]) {
    self.length = length
    var first = ordered.startIndex
    while first < ordered.endIndex {
      var (last, shared) = (first + 1, Int.max)
      while last < ordered.endIndex, ordered[last].shared >= length + Openings.worthMeeting {
        shared = min(shared, ordered[last].shared)
        last += 1
      }
      if last - first > 1 {
        groups.append(Openings(ordered[first..<last], length: shared, all))
      } else {
        examples.append(ordered[first].index)
      }
      first = last
    }
  }

  /// The indices of `examples` in such an order that each shares with the one before it at least what it shares with
  /// any before that, and how many rows that is.
  static func ordered(_ examples: [TrainingExample]) -> [(index: Int, shared: Int)] {
    let order = examples.indices.sorted { left, right in
      let (one, other) = (examples[left].opening, examples[right].opening)
      return one == other ? left < right : one.lexicographicallyPrecedes(other)
    }
    return order.enumerated().map { place, index in
      let before = place > 0 ? examples[order[place - 1]].opening : []
      return (index, zip(before, examples[index].opening).prefix { $0 == $1 }.count)
    }
  }
}
