// One timeline of tokens over one model. Callers hand over the full prefix they want; the session decides what of
// its cache to keep, what to compute and what to forget.
import Common
import Compute
import Model

/// A prompt that does not fit the context.
public struct ContextExceeded: Error, Equatable, Sendable, CustomStringConvertible {
  /// Tokens the prompt has.
  public let tokens: Int
  /// Tokens there is room for; where an answer follows, room for its first token left out.
  public let available: Int

  /// The counts, and what to do.
  public var description: String {
    "the text has \(tokens) tokens, but the context has room for \(available); shorten it, or ask for a larger "
      + "context with -c"
  }
}

extension ContextExceeded {
  /// Throws unless a prompt of `tokens` tokens leaves room for an answered one in `context`.
  static func check(prompt tokens: Int, context: Int) throws(ContextExceeded) {
    guard tokens < context else { throw ContextExceeded(tokens: tokens, available: context - 1) }
  }
}

/// The computation was interrupted while a prompt was read.
public struct Interrupted: Error, Sendable {
  /// An interruption.
  public init() {}
}

/// One sequence of tokens and its KV cache.
public final class Session {
  /// The model that runs it.
  public let model: Transformer
  /// The most tokens it can hold.
  public let context: Int
  /// The tokens whose keys and values are in the cache. Those computed under other adapters than the model's present
  /// ones do not count: whoever asks finds none.
  public internal(set) var tokens: [Int32] {
    get { adapterGeneration == model.adapterGeneration ? computed : [] }
    set { (computed, adapterGeneration) = (newValue, model.adapterGeneration) }
  }
  private var computed: [Int32] = []
  private var adapterGeneration = 0
  /// The first token that was generated and not read as part of a prompt.
  private var generatedFrom: Int?
  let store: KeyValueStore
  /// Where beginnings are kept from one start of the program to the next.
  public let prefixCache: PrefixCache?
  /// Positions that came from the prefix cache on disk.
  var recalled = 0
  /// The first prompt, which alone is kept there.
  var firstPrompt: [Int32]?
  /// Whether the prompt answered last is that.
  var isAtFirstPrompt = false
  /// Whether the first prompt was kept, or found not worth it.
  var hasRemembered = false
  /// Tokens computed between two looks at the progress and at a request to stop.
  private static let stepLength = 128

  /// A session of at most `context` tokens, whose first prompt is kept in `prefixCache` and looked for there. Where it
  /// goes on with what was said in `earlier`, the first prompt is that one's.
  public init(model: Transformer, context: Int, prefixCache: PrefixCache? = nil, after earlier: Session? = nil) {
    self.model = model
    self.context = context
    self.prefixCache = prefixCache
    (firstPrompt, hasRemembered) = (earlier?.firstPrompt, earlier?.hasRemembered ?? false)
    store = model.makeStore(capacity: context)
  }

  /// How many of the first tokens of `prefix` need not be computed again.
  ///
  /// Of a long answer that was generated none but its beginning: as part of a prompt it is read in full, so that a
  /// conversation gets the answers it would get if it began with what was said.
  public func reusable(of prefix: [Int32]) -> Int {
    let exact = generatedFrom.map(store.exactPositions) ?? tokens.count
    return max(0, min(tokens.commonPrefixLength(prefix), prefix.count - 1, exact))
  }

  /// Moves the session to `prefix` and returns the logits that follow its last token,
  /// [1, vocabulary].
  public func advance(
    to prefix: [Int32], progress: (_ done: Int, _ total: Int) -> Void = { _, _ in },
    isCancelled: () -> Bool = { false }
  ) throws -> FloatMatrix {
    precondition(!prefix.isEmpty, "a prefix has a token")
    guard prefix.count <= context else { throw ContextExceeded(tokens: prefix.count, available: context) }
    let kept = reusable(of: prefix)
    tokens.removeLast(tokens.count - min(tokens.count, kept))
    generatedFrom = nil
    while true {
      if isCancelled() { throw Interrupted() }
      let end = min(tokens.count + Session.stepLength, prefix.count)
      let result = try run(prefix[tokens.count..<end], wantsAll: false, isLast: end == prefix.count)
      progress(tokens.count - kept, prefix.count - kept)
      if end == prefix.count { return result }
    }
  }

  /// Runs `next`, generated or drafted, behind the tokens in the cache and returns the logits behind each of them,
  /// [next.count, vocabulary].
  func extend(by next: [Int32]) throws(ModelError) -> FloatMatrix {
    precondition(tokens.count + next.count <= context, "tokens that fit the context")
    return try run(next[...], wantsAll: true, isLast: true, isGenerated: true)
  }

  /// Forgets the last `count` tokens.
  func forget(last count: Int) { tokens.removeLast(count) }

  /// The logits behind every token of `ids`, computed afresh, handed over row by row as they come.
  public func evaluate(_ ids: [Int32], receive: (_ position: Int, _ logits: [Float]) throws -> Void) throws {
    guard ids.count <= context else { throw ContextExceeded(tokens: ids.count, available: context) }
    (tokens, generatedFrom) = ([], nil)
    let step = 32
    while tokens.count < ids.count {
      let start = tokens.count
      let end = min(start + step, ids.count)
      let result = try run(ids[start..<end], wantsAll: true, isLast: true)
      for position in start..<end { try receive(position, result[row: position - start]) }
    }
  }

  private func run(
    _ slice: ArraySlice<Int32>, wantsAll: Bool, isLast: Bool, isGenerated: Bool = false
  ) throws(ModelError) -> FloatMatrix {
    let start = tokens.count
    let batch = slice.enumerated().map {
      BatchRow(token: $1, store: store, position: start + $0, isGenerated: isGenerated)
    }
    let rows = wantsAll ? Array(batch.indices) : (isLast ? [batch.count - 1] : [])
    if isGenerated { generatedFrom = generatedFrom ?? start }
    let logits = try model.forward(batch, logitRows: rows)
    tokens += slice
    return logits
  }
}
