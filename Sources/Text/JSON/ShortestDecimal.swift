// Floating-point numbers as text: the fewest digits that read back equal, laid out as Python's repr
// does (which is valid JSON, too). Swift finds the same digits but changes to exponents elsewhere.

extension Double {
  /// The shortest decimal that reads back as this number: "0.1", "1.0", "1e+16", "inf", "nan".
  var shortestText: String {
    guard isFinite else { return isNaN ? "nan" : (self < 0 ? "-inf" : "inf") }
    guard self != 0 else { return sign == .minus ? "-0.0" : "0.0" }
    let (digits, exponent) = shortestDigits
    let sign = self < 0 ? "-" : ""
    if exponent < -4 || exponent >= 16 {
      let fraction = digits.count > 1 ? "." + digits.dropFirst() : ""
      let magnitude = Swift.abs(exponent)
      return sign + digits.prefix(1) + fraction + (exponent < 0 ? "e-" : "e+")
        + (magnitude < 10 ? "0" : "") + String(magnitude)
    }
    if exponent < 0 {
      return sign + "0." + String(repeating: "0", count: -exponent - 1) + digits
    }
    let padded = digits + String(repeating: "0", count: Swift.max(0, exponent + 2 - digits.count))
    return sign + padded.prefix(exponent + 1) + "." + padded.dropFirst(exponent + 1)
  }

  /// The significant digits of the magnitude, without zeros at either end, and the power of ten of
  /// the first. Only for finite numbers other than zero.
  private var shortestDigits: (digits: String, exponent: Int) {
    let parts = magnitude.description.split(separator: "e", maxSplits: 1)
    let mantissa = parts[0].split(separator: ".", maxSplits: 1)
    let written = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
    let all = mantissa.joined()
    let leadingZeros = all.prefix { $0 == "0" }.count
    var digits = String(all.dropFirst(leadingZeros))
    while digits.count > 1, digits.hasSuffix("0") { digits.removeLast() }
    return (digits, mantissa[0].count - 1 + written - leadingZeros)
  }
}
