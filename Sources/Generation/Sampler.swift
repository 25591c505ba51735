// Choosing the next token from logits. Without a temperature the best one is taken; either way the same seed and
// the same logits give the same choice.
import Common
import Compute
import Glibc

/// How the next token is chosen.
public struct SamplingOptions: Sendable, Equatable {
  /// 0 takes the likeliest token; above, logits are divided by it and the token is drawn.
  public var temperature: Float = 0
  /// Draw from at most this many of the likeliest tokens; 0 for all.
  public var topK = 40
  /// Draw from the likeliest tokens that together reach this probability.
  public var topP: Float = 0.95
  /// Leave out tokens less likely than this part of the likeliest.
  public var minP: Float = 0.05
  /// Divides positive logits, and multiplies negative ones, of tokens seen lately; 1 for none.
  public var repetitionPenalty: Float = 1.15
  /// How many of the last answered tokens count as seen lately.
  public var repetitionWindow = 256
  /// Where the random numbers start.
  public var seed: UInt64 = 0

  /// The defaults: deterministic, with a light penalty on repetition.
  public init() {}
}

/// Chooses the tokens of one answer by the options.
struct Sampler {
  let options: SamplingOptions
  private var generator: SplitMix64
  private var recent: RecentTokens

  init(_ options: SamplingOptions) {
    self.options = options
    generator = SplitMix64(state: options.seed)
    recent = RecentTokens(window: options.repetitionPenalty == 1 ? 0 : options.repetitionWindow)
  }

  /// The answer's next token by row `row` of `logits` [rows, vocabulary], which are the same afterwards.
  mutating func choose(_ logits: FloatMatrix, row: Int) -> Int32 {
    let unchanged = penalize(logits, row: row)
    let token = Int32(options.temperature > 0 ? draw(logits, row: row) : logits.largestColumn(row: row))
    for (token, logit) in unchanged { logits[row, token] = logit }
    recent.append(token)
    return token
  }

  /// Penalizes the tokens seen lately, and returns their logits as they were.
  private func penalize(_ logits: FloatMatrix, row: Int) -> [(token: Int, logit: Float)] {
    recent.distinct.map { token in
      let logit = logits[row, Int(token)]
      logits[row, Int(token)] = logit > 0 ? logit / options.repetitionPenalty : logit * options.repetitionPenalty
      return (Int(token), logit)
    }
  }

  private mutating func draw(_ logits: FloatMatrix, row: Int) -> Int {
    let candidates = candidates(logits[row: row], likeliest: logits.largestColumn(row: row))
    var rest = generator.unit() * candidates.reduce(0) { $0 + $1.weight }
    for candidate in candidates {
      rest -= candidate.weight
      if rest < 0 { return candidate.token }
    }
    return candidates[0].token
  }

  /// The tokens left by top-k, min-p and top-p, likeliest first, with weights relative to the likeliest.
  private func candidates(_ logits: [Float], likeliest: Int) -> [(token: Int, weight: Double)] {
    let best = Double(logits[likeliest])
    let temperature = Double(options.temperature)
    let floor = options.minP > 0 ? best + temperature * log(Double(options.minP)) : -Double.infinity
    var kept = logits.indices.filter { Double(logits[$0]) >= floor }
    kept.sort { logits[$0] != logits[$1] ? logits[$0] > logits[$1] : $0 < $1 }
    if options.topK > 0 { kept.removeLast(max(0, kept.count - options.topK)) }
    var weighted = kept.map { (token: $0, weight: exp((Double(logits[$0]) - best) / temperature)) }
    guard options.topP < 1 else { return weighted }
    let limit = Double(options.topP) * weighted.reduce(0) { $0 + $1.weight }
    var sum = 0.0
    let end = weighted.firstIndex { candidate in
      sum += candidate.weight
      return sum >= limit
    }
    if let end { weighted.removeLast(weighted.count - end - 1) }
    return weighted
  }
}

/// The distinct tokens among the last of an answer, kept as they come.
private struct RecentTokens {
  private let window: Int
  private var tokens: [Int32] = []
  private var counts: [Int32: Int] = [:]

  /// None at first, and at most the last `window`.
  init(window: Int) {
    self.window = window
  }

  var distinct: Dictionary<Int32, Int>.Keys { counts.keys }

  mutating func append(_ token: Int32) {
    guard window > 0 else { return }
    tokens.append(token)
    counts[token, default: 0] += 1
    guard tokens.count > window else { return }
    let old = tokens[tokens.count - 1 - window]
    counts[old] = counts[old] == 1 ? nil : counts[old].map { $0 - 1 }
  }
}
