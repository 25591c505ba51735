// Choosing the next token from logits. Without a temperature the best one is taken; either way the same seed and
// the same logits give the same choice.
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

/// SplitMix64: a small generator with one word of state.
struct SplitMix64: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// A number from 0 up to, not including, 1.
  mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }
}

/// Draws tokens by the options.
struct Sampler {
  let options: SamplingOptions
  private var generator: SplitMix64

  init(_ options: SamplingOptions) {
    self.options = options
    generator = SplitMix64(state: options.seed)
  }

  /// The next token, given the logits [vocabulary] and the tokens answered so far.
  mutating func choose(_ logits: [Float], answered: [Int32]) -> Int32 {
    var logits = logits
    penalize(&logits, answered.suffix(options.repetitionWindow))
    guard options.temperature > 0 else { return Int32(likeliest(logits)) }
    let candidates = candidates(logits)
    var rest = generator.unit() * candidates.reduce(0) { $0 + $1.weight }
    for candidate in candidates {
      rest -= candidate.weight
      if rest < 0 { return Int32(candidate.token) }
    }
    return Int32(candidates[0].token)
  }

  private func penalize(_ logits: inout [Float], _ recent: ArraySlice<Int32>) {
    guard options.repetitionPenalty != 1 else { return }
    for token in Set(recent) {
      let logit = logits[Int(token)]
      logits[Int(token)] = logit > 0 ? logit / options.repetitionPenalty : logit * options.repetitionPenalty
    }
  }

  private func likeliest(_ logits: [Float]) -> Int {
    var best = 0
    for index in logits.indices where logits[index] > logits[best] { best = index }
    return best
  }

  /// The tokens left by top-k, min-p and top-p, likeliest first, with weights relative to the likeliest.
  private func candidates(_ logits: [Float]) -> [(token: Int, weight: Double)] {
    let best = Double(logits[likeliest(logits)])
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
