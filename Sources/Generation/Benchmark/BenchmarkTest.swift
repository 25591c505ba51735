// What can be measured: reading a prompt and generating, each of so many tokens at some depth of the context; and the
// least time the machine's limits leave for it.
import Compute
import Model

/// One thing to measure.
public struct BenchmarkTest: Sendable, Equatable {
  /// What is done.
  public enum Kind: Sendable {
    /// One sequence's tokens all known beforehand, in batches of `Transformer.batchLimit`; logits of the last.
    case prompt
    /// Token after token, the likeliest of the logits each.
    case generation
  }
  /// What is done.
  public let kind: Kind
  /// Tokens of each sequence.
  public let tokens: Int
  /// Positions in each sequence's cache before them.
  public let depth: Int
  /// Sequences that go side by side, a row each in every batch.
  public let parallel: Int

  /// A prompt of `tokens` at `depth`.
  public static func prompt(_ tokens: Int, depth: Int = 0) -> BenchmarkTest {
    BenchmarkTest(kind: .prompt, tokens: tokens, depth: depth, parallel: 1)
  }

  /// `tokens` generated at `depth` in `parallel` sequences.
  public static func generation(_ tokens: Int, depth: Int = 0, parallel: Int = 1) -> BenchmarkTest {
    BenchmarkTest(kind: .generation, tokens: tokens, depth: depth, parallel: parallel)
  }

  /// Its usual name, such as pp512 or tg128.
  public var name: String { (kind == .prompt ? "pp" : "tg") + String(tokens) }
  /// Positions each sequence needs.
  public var positions: Int { depth + tokens }

  /// The most tokens a second, of all sequences together, that the limits allow for a model of these costs.
  ///
  /// A forward pass reads every matrix of the layers once, the head when it gives logits, and the cache of each of
  /// its sequences; it multiplies and adds once for each weight and row, in the head for rows that give logits. It
  /// takes at least the longer of both:
  ///
  ///     seconds(pass) = max((weight bytes + cache bytes) / read speed, multiply-accumulates / int8 peak)
  ///     limit = tokens / sum of seconds(pass)
  ///
  /// A prompt is limited by the int8 peak, generation of few sequences by reading. What is left out, such as
  /// attention's own arithmetic and what of a sketched past is read from the cache itself, only makes the limit higher than it could be; weights in F16, BF16 or F32 are
  /// counted as if they were multiplied in 8 bits, too.
  public func limit(costs: ModelCosts, limits: MachineLimits) -> Double {
    let seconds = passes.reduce(0) { sum, pass in
      let head = pass.logitRows > 0
      let cache = Double(parallel) * costs.cacheBytes(seeing: pass.end, isGenerated: kind == .generation)
      return sum
        + limits.leastSeconds(
          bytes: costs.layerBytes + (head ? costs.headBytes : 0) + cache,
          multiplyAccumulates: Double(pass.rows) * costs.layerMultiplyAccumulates
            + Double(pass.logitRows) * costs.headMultiplyAccumulates)
    }
    return Double(tokens * parallel) / seconds
  }

  /// A forward pass: its rows, how many give logits, and the positions of each sequence at its end.
  private struct Pass {
    let rows: Int
    let logitRows: Int
    let end: Int
  }

  private var passes: [Pass] {
    switch kind {
    case .generation:
      return (0..<tokens).map { Pass(rows: parallel, logitRows: parallel, end: depth + $0 + 1) }
    case .prompt:
      return stride(from: 0, to: tokens, by: Transformer.batchLimit).map { start in
        let end = min(start + Transformer.batchLimit, tokens)
        return Pass(rows: end - start, logitRows: end == tokens ? 1 : 0, end: depth + end)
      }
    }
  }
}

/// Every combination of sizes that is asked for.
public struct BenchmarkPlan: Sendable, Equatable {
  /// Prompt lengths; 0 leaves the test out.
  public var prompts = [512]
  /// Tokens to generate; 0 leaves the test out.
  public var generations = [128]
  /// Depths of the context to begin at.
  public var depths = [0]
  /// Numbers of sequences that generate side by side. A prompt is read one at a time.
  public var parallel = [1]

  /// The defaults.
  public init() {}

  /// All tests, depth after depth.
  public var tests: [BenchmarkTest] {
    depths.flatMap { depth in
      prompts.filter { $0 > 0 }.map { BenchmarkTest.prompt($0, depth: depth) }
        + generations.filter { $0 > 0 }.flatMap { tokens in
          parallel.map { BenchmarkTest.generation(tokens, depth: depth, parallel: $0) }
        }
    }
  }
}

/// What came out of one test.
public struct BenchmarkResult: Sendable {
  /// The test.
  public let test: BenchmarkTest
  /// Threads it ran on.
  public let threads: Int
  /// Tokens a second, of all sequences together, of each repetition.
  public let speeds: [Double]
  /// The most tokens a second that the machine's limits allow.
  public let limit: Double

  /// What `test` came to on `threads` threads.
  public init(test: BenchmarkTest, threads: Int, speeds: [Double], limit: Double) {
    self.test = test
    self.threads = threads
    self.speeds = speeds
    self.limit = limit
  }

  /// The speeds' mean.
  public var mean: Double { speeds.reduce(0, +) / Double(speeds.count) }
  /// The median speed; of an even number, the faster of the two in the middle.
  public var median: Double { speeds.sorted()[speeds.count / 2] }
  /// The best speed.
  public var best: Double { speeds.max() ?? 0 }
  /// The speeds' standard deviation, of a sample; 0 for one repetition.
  public var deviation: Double {
    guard speeds.count > 1 else { return 0 }
    let squares = speeds.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return (squares / Double(speeds.count - 1)).squareRoot()
  }
  /// The mean as a part of the limit.
  public var limitShare: Double { mean / limit }
}
