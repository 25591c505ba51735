// The algorithm both kinds of tokenizer share: start from single characters or bytes and keep
// joining the adjacent pair that comes first until no pair joins. A linked list of symbols and a
// heap of possible joins make that O(n log n), where looking for the best pair anew each time
// would be quadratic.

/// A stretch of text on its way to becoming a token.
struct Symbol {
  /// Offset of its first byte.
  var start: Int32
  /// Its length in bytes; zero once it has been absorbed by the symbol before it.
  var length: Int32
  /// The token it is, or -1 while that is not known.
  var id: Int32
  fileprivate var previous: Int32 = -1
  fileprivate var next: Int32 = -1

  init(start: Int32, length: Int32, id: Int32) {
    self.start = start
    self.length = length
    self.id = id
  }
}

/// Says which adjacent symbols may be joined, and which pair goes first.
protocol JoinRule {
  /// The token that `left` and `right` make and its place in the order, lowest first; nil when they
  /// make none.
  func join(_ left: Symbol, _ right: Symbol) -> (priority: Int32, id: Int32)?
}

/// A row of symbols; reused from word to word.
struct SymbolMerger {
  private(set) var symbols: [Symbol] = []
  private var joins = BinaryHeap<Join>()

  /// A pair that could be joined when it was found. It is out of date once the length of either
  /// symbol has changed, which shows in the sum.
  private struct Join: Comparable {
    let priority: Int32
    let left: Int32
    let length: Int32
    let id: Int32

    /// By priority, and from left to right among equals.
    static func < (one: Join, other: Join) -> Bool {
      one.priority != other.priority ? one.priority < other.priority : one.left < other.left
    }
  }

  /// Adds a symbol at the end of the row.
  mutating func append(_ symbol: Symbol) {
    var symbol = symbol
    symbol.previous = Int32(symbols.count - 1)
    if symbol.previous >= 0 { symbols[Int(symbol.previous)].next = Int32(symbols.count) }
    symbols.append(symbol)
  }

  /// Empties the row.
  mutating func removeAll() { symbols.removeAll(keepingCapacity: true) }

  /// Joins symbols until no rule applies, and calls `body` with those that are left, in order.
  mutating func merge(by rule: some JoinRule, _ body: (Symbol) -> Void) {
    for left in symbols.indices.dropLast() { consider(left, by: rule) }
    while let join = joins.popFirst() {
      let left = Int(join.left)
      let right = Int(symbols[left].next)
      guard symbols[left].length > 0, right >= 0,
        symbols[left].length + symbols[right].length == join.length
      else { continue }
      symbols[left].length = join.length
      symbols[left].id = join.id
      symbols[left].next = symbols[right].next
      symbols[right].length = 0
      if symbols[right].next >= 0 { symbols[Int(symbols[right].next)].previous = join.left }
      consider(Int(symbols[left].previous), by: rule)
      consider(left, by: rule)
    }
    for symbol in symbols where symbol.length > 0 { body(symbol) }
  }

  /// Notes the pair that begins at `left`, if there is one and it may be joined.
  private mutating func consider(_ left: Int, by rule: some JoinRule) {
    guard left >= 0, symbols[left].next >= 0 else { return }
    let right = Int(symbols[left].next)
    guard let join = rule.join(symbols[left], symbols[right]) else { return }
    joins.insert(
      Join(
        priority: join.priority, left: Int32(left), length: symbols[left].length + symbols[right].length,
        id: join.id))
  }
}
