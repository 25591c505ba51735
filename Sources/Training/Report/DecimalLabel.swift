// Numbers as labels of axes and legends: whole multiples of a power of ten, so that 0.1 + 0.2 is never seen.
import Glibc

/// The decimal number `digits` · 10^`exponent`.
struct DecimalLabel: CustomStringConvertible {
  let digits: Int
  let exponent: Int

  /// The number `digits` · 10^`exponent`.
  init(digits: Int, exponent: Int) {
    self.digits = digits
    self.exponent = exponent
  }

  /// The largest value that is shown; a smaller one than its inverse counts as 0.
  static let limit = 1e30

  /// `value` to `significant` digits; nil when it is not finite or beyond the limit.
  init?(_ value: Double, significant: Int = 4) {
    guard abs(value) <= DecimalLabel.limit else { return nil }
    guard abs(value) >= 1 / DecimalLabel.limit else {
      self.init(digits: 0, exponent: 0)
      return
    }
    let exponent = Int(log10(abs(value)).rounded(.down)) - significant + 1
    self.init(digits: Int((value * pow(10, Double(-exponent))).rounded()), exponent: exponent)
  }

  /// Written out from 0.0001 to 999,999, otherwise with an exponent.
  var description: String {
    guard digits != 0 else { return "0" }
    let sign = digits < 0 ? "−" : ""
    var text = String(digits.magnitude)
    let leading = text.count - 1 + exponent
    if leading > 5 || leading < -4 {
      while text.count > 1, text.hasSuffix("0") { text.removeLast() }
      let fraction = text.count > 1 ? "." + text.dropFirst() : ""
      return "\(sign)\(text.prefix(1))\(fraction)e\(leading)"
    }
    if exponent >= 0 { return sign + text + String(repeating: "0", count: exponent) }
    text = String(repeating: "0", count: max(0, 1 - exponent - text.count)) + text
    return "\(sign)\(text.dropLast(-exponent)).\(text.suffix(-exponent))"
  }
}

/// The marks of an axis: round numbers (1, 2 or 5 times a power of ten apart) around a range of values.
struct AxisTicks {
  /// Where the axis begins and ends: the first and the last mark.
  let range: ClosedRange<Double>
  /// The marks with their labels.
  let marks: [(value: Double, label: String)]

  /// About `count` marks around `lower` to `upper`, both within a label's limit; whole numbers if `isWhole`.
  init(from lower: Double, to upper: Double, count: Int, isWhole: Bool = false) {
    let span = upper > lower ? upper - lower : abs(upper)
    let least = max(span / Double(count), isWhole ? 1 : 1 / DecimalLabel.limit)
    var exponent = Int(log10(least).rounded(.down))
    var multiple = [1, 2, 5].first { Double($0) * pow(10, Double(exponent)) >= least * 0.999_999 } ?? 10
    if multiple == 10 { (multiple, exponent) = (1, exponent + 1) }
    let step = Double(multiple) * pow(10, Double(exponent))
    // Far from 0 a step may vanish beside the value; a few hundred thousand steps are more than any axis shows.
    let first = (lower / step).rounded(.down)
    let last = (upper / step).rounded(.up)
    guard abs(first) < 1e9, abs(last) < 1e9 else {
      range = lower...max(upper, lower.nextUp)
      marks = [lower, upper].map { ($0, DecimalLabel($0)?.description ?? "") }
      return
    }
    let indices = Int(first)...max(Int(last), Int(first) + 1)
    range = Double(indices.lowerBound) * step...Double(indices.upperBound) * step
    marks = indices.map {
      (Double($0) * step, DecimalLabel(digits: $0 * multiple, exponent: exponent).description)
    }
  }
}
