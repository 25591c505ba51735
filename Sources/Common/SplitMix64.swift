// The random numbers of shuffles, splits and resampling. They are written out here and not left to the standard
// library, whose shuffle may change from version to version: a run taken up again must see the same order.

/// SplitMix64 (Steele, Lea and Flood 2014): a small generator with one word of state.
package struct SplitMix64: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// A generator whose numbers follow from `seed` and `stream` alone.
  package init(seed: UInt64, stream: UInt64 = 0) {
    state = SplitMix64.mixed(seed) ^ SplitMix64.mixed(stream &+ 0x9e37_79b9_7f4a_7c15)
  }

  /// A generator that begins at `state`.
  package init(state: UInt64) { self.state = state }

  /// The next 64 bits.
  package mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    return SplitMix64.mixed(state)
  }

  /// A number from 0 up to, not including, 1.
  package mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// A number from 0 up to, not including, `bound`, which is above 0.
  package mutating func next(below bound: Int) -> Int {
    Int(next().multipliedFullWidth(by: UInt64(bound)).high)
  }

  /// `elements` in random order (Fisher and Yates).
  package mutating func shuffled<Element>(_ elements: [Element]) -> [Element] {
    var elements = elements
    for last in elements.indices.dropFirst().reversed() { elements.swapAt(last, next(below: last + 1)) }
    return elements
  }

  /// A number that looks random and follows from `value`; different values give different numbers.
  package static func mixed(_ value: UInt64) -> UInt64 {
    var mixed = value
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// A hash of `tokens` that is the same in every run.
  package static func hash(_ tokens: some Sequence<Int32>) -> UInt64 {
    tokens.reduce(0) { mixed($0 &+ 0x9e37_79b9_7f4a_7c15 ^ UInt64(UInt32(bitPattern: $1))) }
  }
}
