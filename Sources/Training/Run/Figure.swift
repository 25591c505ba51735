// Numbers for people: losses, times, sizes. The same on the terminal, in log lines and in the report.
import Common
import Glibc

/// Numbers as text.
public enum Figure {
  /// A loss in nats.
  public static func loss(_ loss: Double) -> String { loss.fixed(4) }

  /// The perplexity of a loss; from a million on in powers of ten, as far as one can tell them.
  public static func perplexity(_ loss: Double) -> String {
    let perplexity = exp(loss)
    guard perplexity >= 1e6, perplexity.isFinite else { return perplexity.fixed(2) }
    return DecimalLabel(perplexity, significant: 3)?.scientific ?? "over 1e30"
  }

  /// A learning rate, such as 2e-4 or 1.37e-4.
  public static func rate(_ rate: Double) -> String { DecimalLabel(rate, significant: 3)?.scientific ?? "0" }

  /// A time in its two largest units.
  public static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "?" }
    let whole = Int(seconds.rounded())
    switch whole {
    case ..<60: return "\(whole) s"
    case ..<3600: return "\(whole / 60) min \(whole % 60) s"
    case ..<86400: return "\(whole / 3600) h \(whole % 3600 / 60) min"
    default: return "\(whole / 86400) d \(whole % 86400 / 3600) h"
    }
  }

  /// A size in MiB or GiB.
  public static func bytes(_ bytes: Int) -> String {
    let mebibytes = Double(bytes) / 1_048_576
    return mebibytes < 1024 ? mebibytes.fixed(mebibytes < 10 ? 1 : 0) + " MiB" : (mebibytes / 1024).fixed(2) + " GiB"
  }
}

extension DecimalLabel {
  /// The number with an exponent, such as 1.37e-4.
  fileprivate var scientific: String {
    guard digits != 0 else { return "0" }
    var text = String(digits.magnitude)
    let leading = text.count - 1 + exponent
    while text.count > 1, text.hasSuffix("0") { text.removeLast() }
    let fraction = text.count > 1 ? "." + text.dropFirst() : ""
    return "\(digits < 0 ? "-" : "")\(text.prefix(1))\(fraction)e\(leading)"
  }
}
