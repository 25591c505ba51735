// One timeline of tokens over one model. Callers hand over the full prefix they want; the session decides what of
// its cache to keep, what to compute and what to forget.
import Compute
import Model

/// A prompt that does not fit the context.
public struct ContextExceeded: Error, Equatable, Sendable, CustomStringConvertible {
  /// Tokens the prompt has.
  public let tokens: Int
  /// Tokens the context holds, room for one answered token left out.
  public let available: Int

  /// The counts, and what to do.
  public var description: String {
    "the text has \(tokens) tokens, but the context has room for \(available); shorten it, or ask for a larger "
      + "context with -c"
  }
}

/// The computation was interrupted while a prompt was read.
public struct Interrupted: Error, Sendable {}

/// One sequence of tokens and its KV cache.
public final class Session {
  /// The model that runs it.
  public let model: Transformer
  /// The most tokens it can hold.
  public let context: Int
  /// The tokens whose keys and values are in the cache. Those computed under other adapters than the model's present
  /// ones do not count: whoever asks finds none.
  public private(set) var tokens: [Int32] {
    get { adapterGeneration == model.adapterGeneration ? computed : [] }
    set { (computed, adapterGeneration) = (newValue, model.adapterGeneration) }
  }
  private var computed: [Int32] = []
  private var adapterGeneration = 0
  private let store: KeyValueStore
  /// Tokens computed between two looks at the progress and at a request to stop.
  private static let stepLength = 128

  /// A session of at most `context` tokens.
  public init(model: Transformer, context: Int) throws(ModelError) {
    self.model = model
    self.context = context
    store = try model.makeStore(capacity: context)
  }

  /// How many of the first tokens of `prefix` need not be computed again.
  public func reusable(of prefix: [Int32]) -> Int {
    let common = zip(tokens, prefix).prefix { $0 == $1 }.count
    return min(common, prefix.count - 1)
  }

  /// Moves the session to `prefix` and returns the logits that follow its last token, [vocabulary].
  public func advance(
    to prefix: [Int32], progress: (_ done: Int, _ total: Int) -> Void = { _, _ in },
    isCancelled: () -> Bool = { false }
  ) throws -> [Float] {
    precondition(!prefix.isEmpty, "a prefix has a token")
    guard prefix.count <= context else { throw ContextExceeded(tokens: prefix.count, available: context) }
    let kept = reusable(of: prefix)
    tokens.removeLast(tokens.count - min(tokens.count, kept))
    var logits: [Float] = []
    while tokens.count < prefix.count {
      if isCancelled() { throw Interrupted() }
      let end = min(tokens.count + Session.stepLength, prefix.count)
      let result = try run(prefix[tokens.count..<end], wantsAll: false, isLast: end == prefix.count)
      if end == prefix.count { logits = result[row: 0] }
      progress(tokens.count - kept, prefix.count - kept)
    }
    return logits
  }

  /// The logits behind every token of `ids`, computed afresh, handed over row by row as they come.
  public func evaluate(_ ids: [Int32], receive: (_ position: Int, _ logits: [Float]) throws -> Void) throws {
    guard ids.count <= context else { throw ContextExceeded(tokens: ids.count, available: context) }
    tokens = []
    let step = 32
    while tokens.count < ids.count {
      let start = tokens.count
      let end = min(start + step, ids.count)
      let result = try run(ids[start..<end], wantsAll: true, isLast: true)
      for position in start..<end { try receive(position, result[row: position - start]) }
    }
  }

  private func run(_ slice: ArraySlice<Int32>, wantsAll: Bool, isLast: Bool) throws(ModelError) -> FloatMatrix {
    let start = tokens.count
    let batch = slice.enumerated().map { BatchRow(token: $1, store: store, position: start + $0) }
    let rows = wantsAll ? Array(batch.indices) : (isLast ? [batch.count - 1] : [])
    let logits = try model.forward(batch, logitRows: rows)
    tokens += slice
    return logits
  }
}
