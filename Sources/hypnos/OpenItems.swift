// The items of a task of which nothing has come yet: what is computed of them is kept as it comes.
import Evaluation

/// What is left to measure of a task.
struct OpenItems {
  /// Items whose outcomes are kept together.
  private static let blockLength = 32

  /// The items, in their order.
  let items: [TaskItem]
  private let places: [Int]
  private let task: Int
  private let path: String
  private let outcomes: RunOutcomes
  private let line: LiveLine
  private let start: Double

  /// The items of `file`, the task number `task`, that have no outcome in `outcomes`.
  init(_ file: TaskFile, task: Int, _ outcomes: RunOutcomes, _ line: LiveLine) {
    let found = outcomes[task]
    places = file.items.indices.filter { found[$0] == nil }
    items = places.map { file.items[$0] }
    (self.task, path, self.outcomes, self.line, start) = (task, file.path, outcomes, line, line.elapsed)
  }

  /// Keeps what came of the items from number `first` on.
  func keep(_ contents: [ItemOutcome.Content], from first: Int) throws {
    try outcomes.keep(
      contents.enumerated().map { (places[first + $0], ItemOutcome(items[first + $0], $1)) }, of: task)
  }

  /// Shows that `done` of the items are done.
  func show(_ done: Int) {
    let left = done > 0 ? (line.elapsed - start) / Double(done) * Double(items.count - done) : 0
    let earlier = outcomes[task].count - items.count
    line.show("\(path): \(earlier + done) of \(earlier + items.count) items, \(Int(left.rounded(.up))) s left")
  }

  /// Hands out the items in blocks and keeps what `measure` finds, which reports how far it is within a block.
  func inBlocks(
    of length: Int = blockLength, _ measure: ([TaskItem], (Int) -> Void) throws -> [ItemOutcome.Content]
  ) throws {
    for first in stride(from: 0, to: items.count, by: length) {
      let block = Array(items[first..<min(first + length, items.count)])
      try keep(try measure(block) { show(first + $0) }, from: first)
    }
  }
}
