// Answering many prompts at once: their sequences join and leave a batch as they start and end, and each step is one
// forward pass over a row of every one. An answer is the one its prompt gets alone, since a row's result does not
// depend on what else is computed.
import Compute
import Model

/// How many sequences are computed at once.
public struct BatchLimit: Sendable {
  /// More sequences than this are never computed at once: prompts must find room beside them in a step.
  public static let mostSequences = 64

  /// The most sequences.
  public var sequences: Int
  /// The most bytes that their KV caches may come to take; one sequence runs whatever it takes.
  public var cacheBytes: Int
  /// The most bytes that copies of the weights may take which make batches faster.
  public var weightBytes: Int

  /// At most `sequences` sequences, `cacheBytes` bytes of KV cache, a quarter of the memory without, and `weightBytes`
  /// bytes of copied weights, without a sixteenth of what is available.
  public init(
    sequences: Int, cacheBytes: Int = SystemMemory.total / 4, weightBytes: Int = SystemMemory.available / 16
  ) {
    self.sequences = min(max(sequences, 1), BatchLimit.mostSequences)
    self.cacheBytes = cacheBytes
    self.weightBytes = weightBytes
  }

  /// As many as pay. A step with sixteen rows does little more than read the weights once; beyond, arithmetic takes
  /// the time, and more sequences only make each slower.
  public static var standard: BatchLimit { BatchLimit(sequences: 16) }
}

/// How one prompt of a batch came out.
public struct BatchResult {
  /// The number that `submit` gave it.
  public let ticket: Int
  /// The answer, or why there is none.
  public let answer: Result<Answer, any Error>
}

/// Generates the answers to many prompts side by side.
public final class BatchGenerator {
  /// The most rows of a step that read prompts; few enough for answers to go on meanwhile.
  private static let rowLimit = 128
  /// Shared tokens that make it worth waiting until another sequence has computed them.
  private static let worthWaiting = 16
  /// The number of the first prompt, which the prefix cache is asked for and keeps.
  private static let firstTicket = 1

  private let model: Transformer
  private let context: Int
  private let options: GenerationOptions
  private let limit: BatchLimit
  private let prefixCache: PrefixCache?
  /// Positions that came from the prefix cache.
  private var recalled = 0
  private var waiting: [(ticket: Int, prompt: [Int32], options: GenerationOptions)] = []
  private var running: [BatchSequence] = []
  /// The last sequence that ended: what comes next often begins as it did.
  private var last: BatchSequence?
  private var tickets = 0

  /// A generator that runs `model` with a context of `context` tokens for each sequence. The first prompt is kept in
  /// `prefixCache` and looked for there; the others share what they begin with alike.
  public init(
    model: Transformer, context: Int, options: GenerationOptions, limit: BatchLimit, prefixCache: PrefixCache? = nil
  ) {
    self.prefixCache = prefixCache
    self.model = model
    self.context = context
    self.options = options
    self.limit = limit
  }

  /// Whether another prompt could be computed beside those there are.
  public var hasRoom: Bool { waiting.count + running.count < limit.sequences }

  /// Whether there is nothing to compute.
  public var isIdle: Bool { waiting.isEmpty && running.isEmpty }

  /// Takes in a prompt, not empty, and returns the number its result will bear. It is answered with `options` of its
  /// own where they are given.
  public func submit(_ prompt: [Int32], options: GenerationOptions? = nil) throws(ContextExceeded) -> Int {
    precondition(!prompt.isEmpty, "a prompt has a token")
    try ContextExceeded.check(prompt: prompt.count, context: context)
    tickets += 1
    waiting.append((tickets, prompt, options ?? self.options))
    return tickets
  }

  /// Computes one step and returns the results it brought.
  public func step() -> [BatchResult] {
    var results = admit()
    results += compute(turns())
    for sequence in running where sequence.decoding.finish != nil {
      results.append(BatchResult(ticket: sequence.ticket, answer: .success(sequence.decoding.answer)))
      last = sequence
      remember(sequence)
    }
    let ended = Set(results.map(\.ticket))
    running.removeAll { ended.contains($0.ticket) }
    return results
  }

  // MARK: Joining

  /// Lets waiting prompts join in their order, as far as there is room; those for which no memory can be had fail.
  private func admit() -> [BatchResult] {
    var failed: [BatchResult] = []
    while running.count < limit.sequences, let next = waiting.first,
      running.isEmpty || fits(longest(next.prompt, next.options))
    {
      let others = running + (last.map { [$0] } ?? [])
      let best = others.max { $0.computed(of: next.prompt) < $1.computed(of: next.prompt) }
      var shared = best?.computed(of: next.prompt) ?? 0
      let later = others.map { $0.shared(with: next.prompt) }.max() ?? 0
      if later - shared >= BatchGenerator.worthWaiting { break }
      waiting.removeFirst()
      let isFirst = next.ticket == BatchGenerator.firstTicket
      let kept = isFirst && shared < PrefixCache.leastTokens ? recall(next.prompt) : nil
      if let kept { (shared, recalled) = (kept.count, kept.count) }
      guard let store = kept?.store ?? store(sharing: shared, of: best) else {
        let error = ModelError.memory(bytes: model.cacheBytes(positions: shared))
        failed.append(BatchResult(ticket: next.ticket, answer: .failure(error)))
        continue
      }
      let decoding = Decoding(
        next.prompt, reused: shared, context: context, options: next.options, tokenizer: model.checkpoint.tokenizer)
      running.append(
        BatchSequence(ticket: next.ticket, prompt: next.prompt, store: store, shared: shared, decoding: decoding))
      if let last, !fits(last.tokens.count) { self.last = nil }
    }
    return failed
  }

  private func store(sharing count: Int, of other: BatchSequence?) -> KeyValueStore? {
    guard let other, count > 0 else { return model.makeStore(capacity: context) }
    return KeyValueStore(beginningWith: count, of: other.store, capacity: context)
  }

  /// What the prefix cache has of `prompt`, in a cache of its own.
  private func recall(_ prompt: [Int32]) -> (store: KeyValueStore, count: Int)? {
    guard let prefixCache else { return nil }
    let store = model.makeStore(capacity: context)
    let count = prefixCache.restore(prompt, model: model, into: store)
    return count > 0 ? (store, count) : nil
  }

  /// Whether the caches of the sequences, grown to their ends, leave room for `positions` more.
  private func fits(_ positions: Int) -> Bool {
    let taken = running.reduce(0) { $0 + model.cacheBytes(positions: longest($1.prompt, $1.decoding.options)) }
    return taken + model.cacheBytes(positions: positions) <= limit.cacheBytes
  }

  /// The most positions that `prompt` and its answer may come to.
  private func longest(_ prompt: [Int32], _ options: GenerationOptions) -> Int {
    min(context, prompt.count + min(context, options.maxTokens))
  }

  /// Keeps the first prompt in the prefix cache, unless most of it came from there.
  private func remember(_ sequence: BatchSequence) {
    guard let prefixCache, sequence.ticket == BatchGenerator.firstTicket else { return }
    guard sequence.tokens.starts(with: sequence.prompt) else { return }
    prefixCache.keep(sequence.prompt, recalled: recalled, model: model, from: sequence.store)
  }

  // MARK: Computing

  /// Shares out the rows of a step: one for each answer, and its draft where it is alone; the rest for prompts, in
  /// the order in which they joined.
  private func turns() -> [BatchTurn] {
    let drafts = running.count == 1 && running[0].decoding.options.speculates
    var turns: [BatchTurn] = []
    for index in running.indices where !running[index].isReading {
      let tokens = running[index].decoding.nextTokens(drafts: drafts)
      turns.append(BatchTurn(index: index, tokens: tokens, logitRows: tokens.count))
    }
    var room = BatchGenerator.rowLimit - turns.reduce(0) { $0 + $1.tokens.count }
    for index in running.indices where running[index].isReading && room > 0 {
      let unread = running[index].unread
      let tokens = Array(unread.prefix(room))
      room -= tokens.count
      turns.append(BatchTurn(index: index, tokens: tokens, logitRows: tokens.count == unread.count ? 1 : 0))
    }
    return turns
  }

  /// Computes the rows of `turns` together; where that fails, each on its own, so that only those fail that must.
  private func compute(_ turns: [BatchTurn]) -> [BatchResult] {
    guard !turns.isEmpty else { return [] }
    do {
      let logits = try forward(turns)
      var (rows, count): ([Int], Int) = ([], 0)
      for turn in turns {
        rows.append(count)
        count += turn.logitRows
      }
      model.engine.pool.run(turns.count) { index, _ in
        running[turns[index].index].take(turns[index], logits, from: rows[index])
      }
      return []
    } catch {
      guard turns.count > 1 else {
        return [BatchResult(ticket: running[turns[0].index].ticket, answer: .failure(error))]
      }
      return turns.flatMap { compute([$0]) }
    }
  }

  private func forward(_ turns: [BatchTurn]) throws(ModelError) -> FloatMatrix {
    var batch: [BatchRow] = []
    var logitRows: [Int] = []
    for turn in turns {
      let sequence = running[turn.index]
      for (offset, token) in turn.tokens.enumerated() {
        batch.append(
          BatchRow(
            token: token, store: sequence.store, position: sequence.tokens.count + offset,
            isGenerated: !sequence.isReading))
      }
      logitRows += batch.count - turn.logitRows..<batch.count
    }
    if ComputeEngine.packedColumns.contains(running.count) { model.packWeights(within: limit.weightBytes) }
    return try model.forward(batch, logitRows: logitRows)
  }
}
