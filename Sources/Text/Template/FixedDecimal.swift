// A floating-point number with a fixed number of decimals, rounded once and exactly (half to even), as
// Python's "%.2f" and round() do. The value is scaled as a big integer, so nothing is lost on the way.

extension Double {
  /// Decimals beyond which formatting is refused.
  static let decimalsLimit = 64

  /// The magnitude in decimal notation with `decimals` (up to `decimalsLimit`) digits behind the
  /// point and no point if there are none. For finite numbers.
  func fixedMagnitude(decimals: Int) -> String {
    let significand = magnitude.significandBitPattern | (isNormal ? 1 << 52 : 0)
    var scaled = BigNatural(significand)
    for _ in 0..<decimals { scaled.multiply(by: 10) }
    let exponent = Int(Swift.max(magnitude.exponentBitPattern, 1)) - 1075
    if exponent >= 0 {
      for _ in 0..<exponent { scaled.multiply(by: 2) }
    } else {
      scaled.divideByPowerOfTwo(-exponent)
    }
    var digits = scaled.decimalDigits
    if decimals == 0 { return digits }
    digits = String(repeating: "0", count: Swift.max(0, decimals + 1 - digits.count)) + digits
    return digits.dropLast(decimals) + "." + digits.suffix(decimals)
  }
}

/// A whole number of any size; only what the formatting above needs.
private struct BigNatural {
  /// Base 2³², least significant first.
  private var limbs: [UInt32]

  init(_ value: UInt64) { limbs = [UInt32(truncatingIfNeeded: value), UInt32(value >> 32)] }

  mutating func multiply(by factor: UInt64) {
    var carry: UInt64 = 0
    for index in limbs.indices {
      let product = UInt64(limbs[index]) * factor + carry
      limbs[index] = UInt32(truncatingIfNeeded: product)
      carry = product >> 32
    }
    if carry > 0 { limbs.append(UInt32(carry)) }
  }

  /// Divides by 2^`power` and rounds to nearest, half to even.
  mutating func divideByPowerOfTwo(_ power: Int) {
    let isHalfOrMore = bit(power - 1)
    let hasLess = (0..<power - 1).contains { bit($0) }
    var quotient: [UInt32] = []
    for index in 0..<max(1, limbs.count - power / 32) {
      let low = limb(index + power / 32) >> (power % 32)
      let high = power % 32 == 0 ? 0 : limb(index + power / 32 + 1) << (32 - power % 32)
      quotient.append(low | high)
    }
    limbs = quotient
    if isHalfOrMore, hasLess || bit(0) { increment() }
  }

  private func limb(_ index: Int) -> UInt32 { index < limbs.count ? limbs[index] : 0 }

  private func bit(_ index: Int) -> Bool { limb(index / 32) >> (index % 32) & 1 == 1 }

  private mutating func increment() {
    for index in limbs.indices {
      let (sum, overflow) = limbs[index].addingReportingOverflow(1)
      limbs[index] = sum
      if !overflow { return }
    }
    limbs.append(1)
  }

  /// The number in decimal.
  var decimalDigits: String {
    var remaining = limbs
    var groups: [String] = []
    while let highest = remaining.last {
      if highest == 0 {
        remaining.removeLast()
        continue
      }
      var remainder: UInt64 = 0
      for index in remaining.indices.reversed() {
        let value = remainder << 32 | UInt64(remaining[index])
        remaining[index] = UInt32(value / 1_000_000_000)
        remainder = value % 1_000_000_000
      }
      let group = String(remainder)
      groups.append(String(repeating: "0", count: 9 - group.count) + group)
    }
    let digits = groups.reversed().joined().drop { $0 == "0" }
    return digits.isEmpty ? "0" : String(digits)
  }
}
