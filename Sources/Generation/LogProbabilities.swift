// Logits as log-probabilities.
import Glibc

/// Arithmetic on one position's logits.
public enum LogProbabilities {
  /// The logarithm of the sum of the exponentials of `logits`.
  public static func logSumExp(_ logits: [Float]) -> Double {
    var best = -Float.infinity
    for logit in logits where logit > best { best = logit }
    var sum = 0.0
    for logit in logits { sum += exp(Double(logit - best)) }
    return Double(best) + log(sum)
  }

  /// The `count` likeliest tokens, likeliest first, and their logits.
  public static func top(_ count: Int, of logits: [Float]) -> [(token: Int, logit: Float)] {
    let order = logits.indices.sorted { logits[$0] != logits[$1] ? logits[$0] > logits[$1] : $0 < $1 }
    return order.prefix(count).map { ($0, logits[$0]) }
  }
}
