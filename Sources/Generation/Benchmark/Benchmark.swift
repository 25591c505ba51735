// Runs the tests of a benchmark on one checkpoint. What is measured is the forward pass as answers use it, with the
// choice of the likeliest token; the tokens themselves are arbitrary, since their number is all that counts.
import Common
import Compute
import Model

/// Measures one checkpoint's speed.
public final class Benchmark {
  private let checkpoint: Checkpoint
  private let capacity: Int
  private var model: Transformer
  private var measured: [Int: MachineLimits] = [:]
  /// One cache a sequence, all filled with the same `filled` positions.
  private var stores: [KeyValueStore] = []
  private var filled = 0

  /// A benchmark of `checkpoint` with `adapters`, whose tests need at most `capacity` positions.
  public init(
    _ checkpoint: Checkpoint, adapters: [LoadedAdapter] = [], capacity: Int, threads: Int,
    cacheFormat: CacheFormat = .f16
  ) throws(AdapterError) {
    self.checkpoint = checkpoint
    self.capacity = capacity
    model = Transformer(checkpoint, threads: threads, cacheFormat: cacheFormat)
    try model.setAdapters(adapters)
  }

  /// The machine's limits with `threads` threads: the best measured so far, which is when first asked for and after
  /// every test.
  public func limits(threads: Int) -> MachineLimits { measured[threads] ?? measureLimits(threads: threads, passes: 8) }

  /// Measures the limits once more: a neighbour may have been at work before.
  private func measureLimits(threads: Int, passes: Int) -> MachineLimits {
    use(threads: threads)
    let limits = MachineLimits(measuredOn: model.engine, reading: checkpoint.matrixRegions, passes: passes)
    let best = measured[threads].map(limits.best) ?? limits
    measured[threads] = best
    return best
  }

  /// Runs `test` once to warm up and then `repetitions` times. `progress` is told how many runs are done.
  public func run(
    _ test: BenchmarkTest, threads: Int, repetitions: Int, progress: (_ done: Int) -> Void = { _ in }
  ) throws(ModelError) -> BenchmarkResult {
    precondition(test.positions <= capacity && test.parallel <= Transformer.batchLimit, "a test there is room for")
    _ = limits(threads: threads)
    use(threads: threads)
    if test.kind == .generation, ComputeEngine.packedColumns.contains(test.parallel) {
      model.packWeights(within: BatchLimit.standard.weightBytes)
    }
    try fill(test.depth, sequences: test.parallel)
    var speeds: [Double] = []
    for repetition in 0...repetitions {
      progress(repetition)
      let start = monotonicSeconds()
      switch test.kind {
      case .prompt: try read(test.depth..<test.positions, wantsLogits: true)
      case .generation: try generate(test)
      }
      let seconds = max(monotonicSeconds() - start, 1e-9)
      if repetition > 0 { speeds.append(Double(test.tokens * test.parallel) / seconds) }
    }
    let limits = measureLimits(threads: threads, passes: 2)
    return BenchmarkResult(
      test: test, threads: threads, speeds: speeds,
      limit: test.limit(costs: checkpoint.costs(cacheFormat: model.cacheFormat), limits: limits))
  }

  private func use(threads: Int) {
    if model.engine.pool.threads != threads {
      let other = Transformer(checkpoint, threads: threads, cacheFormat: model.cacheFormat)
      other.takeAdapters(of: model)
      model = other
    }
  }

  /// Sees to `sequences` caches that hold `depth` positions. The first is computed, the others are copies of it.
  private func fill(_ depth: Int, sequences: Int) throws(ModelError) {
    if filled != depth || stores.isEmpty {
      stores = [model.makeStore(capacity: capacity)]
      filled = depth
      try read(0..<depth, wantsLogits: false)
    }
    while stores.count < sequences {
      let copy = model.makeStore(capacity: capacity)
      for chunk in 0..<(depth + KeyValueStore.chunkLength - 1) / KeyValueStore.chunkLength {
        for piece in copy.pieces(chunk: chunk, end: depth) {
          guard copy.restore(piece, from: stores[0].export(piece)) else {
            throw .memory(bytes: model.cacheBytes(positions: depth))
          }
        }
      }
      stores.append(copy)
    }
  }

  /// Computes `positions` of the first sequence, in batches; `wantsLogits` for the last of them.
  private func read(_ positions: Range<Int>, wantsLogits: Bool) throws(ModelError) {
    for start in stride(from: positions.lowerBound, to: positions.upperBound, by: Transformer.batchLimit) {
      let end = min(start + Transformer.batchLimit, positions.upperBound)
      let batch = (start..<end).map { BatchRow(token: token($0), store: stores[0], position: $0) }
      _ = try model.forward(batch, logitRows: wantsLogits && end == positions.upperBound ? [batch.count - 1] : [])
    }
  }

  private func generate(_ test: BenchmarkTest) throws(ModelError) {
    var tokens = (0..<test.parallel).map { token(test.depth + $0) }
    let rows = Array(tokens.indices)
    for position in test.depth..<test.positions {
      let batch = rows.map { BatchRow(token: tokens[$0], store: stores[$0], position: position, isGenerated: true) }
      let logits = try model.forward(batch, logitRows: rows)
      tokens = model.engine.pool.map(rows.count) { Int32(logits.largestColumn(row: $0)) }
    }
  }

  /// An arbitrary token of the vocabulary, another one at each position.
  private func token(_ position: Int) -> Int32 {
    Int32((position &* 7919 &+ 13) % checkpoint.vocabularySize)
  }
}
