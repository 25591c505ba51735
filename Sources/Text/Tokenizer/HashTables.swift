// The two hash tables a tokenizer stands on: from a token's bytes to its id, and from a pair of
// integers to an integer. Open addressing over flat arrays: building one for 262,144 tokens takes
// milliseconds and three allocations, which a Dictionary of Strings does not.
//
// Each table hashes with its own random multiplier, so that a hostile vocabulary cannot be made to
// collide; nothing that is looked up depends on it.

/// An odd multiplier and a start for multiplicative hashing.
private struct HashSeed: Sendable {
  let start = UInt64.random(in: .min ... .max)
  let multiplier = UInt64.random(in: .min ... .max) | 1

  /// Folds the high bits, where a product is well mixed, back into the low ones.
  @inline(__always)
  func finish(_ hash: UInt64) -> UInt64 {
    let folded = (hash ^ (hash >> 32)) &* multiplier
    return folded ^ (folded >> 29)
  }
}

/// The smallest power of two that leaves a table of `count` entries at most half full.
private func tableSize(for count: Int) -> Int {
  var size = 16
  while size < count * 2 { size *= 2 }
  return size
}

/// Finds the index of a byte string among packed strings.
struct TextIndex: Sendable {
  let strings: PackedStrings
  private let seed = HashSeed()
  /// High half: upper half of the hash. Low half: index + 1. Zero: free.
  private var slots: [UInt64]

  /// Indexes all strings but the empty ones, which cannot be found. When two are alike the first
  /// one stays, and `duplicate` is called with both indices.
  init(_ strings: PackedStrings, duplicate: (_ first: Int, _ second: Int) -> Void) {
    self.strings = strings
    slots = [UInt64](repeating: 0, count: tableSize(for: strings.count))
    for index in 0..<strings.count {
      let range = strings.range(of: index)
      if range.isEmpty { continue }
      let (slot, found) = find(strings.bytes.span.extracting(range))
      if let found {
        duplicate(found, index)
      } else {
        slots[slot.position] = slot.fingerprint | UInt64(index + 1)
      }
    }
  }

  /// The index of the string equal to `text`, or nil.
  func index(of text: Span<UInt8>) -> Int? { find(text).index }

  private func find(_ text: Span<UInt8>) -> (slot: (position: Int, fingerprint: UInt64), index: Int?) {
    var hash = seed.start
    for offset in text.indices { hash = (hash ^ UInt64(text[offset])) &* seed.multiplier }
    hash = seed.finish(hash)
    let fingerprint = hash & 0xFFFF_FFFF_0000_0000
    let mask = slots.count - 1
    var position = Int(truncatingIfNeeded: hash) & mask
    while slots[position] != 0 {
      let slot = slots[position]
      if slot & 0xFFFF_FFFF_0000_0000 == fingerprint {
        let index = Int(slot & 0xFFFF_FFFF) - 1
        if equal(text, strings.range(of: index)) { return ((position, fingerprint), index) }
      }
      position = (position + 1) & mask
    }
    return ((position, fingerprint), nil)
  }

  private func equal(_ text: Span<UInt8>, _ range: Range<Int>) -> Bool {
    guard text.count == range.count else { return false }
    for offset in text.indices where text[offset] != strings.bytes[range.lowerBound + offset] {
      return false
    }
    return true
  }
}

/// A map from pairs of 32-bit integers to 64-bit integers.
struct PairTable: Sendable {
  private let seed = HashSeed()
  /// Key and value in turn; the key of a free place is `free`.
  private var slots: [UInt64]
  private var count = 0

  /// No pair of numbers from 0 up packs to this.
  private static let free = UInt64.max

  /// An empty table with room for `capacity` entries; it grows past that.
  init(capacity: Int) {
    slots = [UInt64](repeating: Self.free, count: tableSize(for: capacity) * 2)
  }

  /// The value of (`first`, `second`), or nil. No key has a negative part.
  subscript(first: Int32, second: Int32) -> UInt64? {
    let position = find(key(first, second))
    return slots[position] == Self.free ? nil : slots[position + 1]
  }

  /// Adds an entry unless the key is there already; says whether it did.
  @discardableResult
  mutating func insert(_ first: Int32, _ second: Int32, value: UInt64) -> Bool {
    let key = key(first, second)
    let position = find(key)
    guard slots[position] == Self.free else { return false }
    slots[position] = key
    slots[position + 1] = value
    count += 1
    if count * 4 > slots.count { grow() }
    return true
  }

  private func key(_ first: Int32, _ second: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: first)) << 32 | UInt64(UInt32(bitPattern: second))
  }

  private func find(_ key: UInt64) -> Int {
    let mask = slots.count / 2 - 1
    var place = Int(truncatingIfNeeded: seed.finish((seed.start ^ key) &* seed.multiplier)) & mask
    while slots[place * 2] != key && slots[place * 2] != Self.free { place = (place + 1) & mask }
    return place * 2
  }

  private mutating func grow() {
    let old = slots
    slots = [UInt64](repeating: Self.free, count: old.count * 2)
    for position in stride(from: 0, to: old.count, by: 2) where old[position] != Self.free {
      let free = find(old[position])
      slots[free] = old[position]
      slots[free + 1] = old[position + 1]
    }
  }
}
