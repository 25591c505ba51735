// The two hash tables a tokenizer stands on: from a token's bytes to its id, and from a pair of
// integers to an integer. Open addressing over flat arrays: building one for 262,144 tokens takes
// milliseconds and a few allocations, which a Dictionary of Strings does not.
//
// Each table hashes with its own random multiplier, so that a hostile vocabulary cannot be made to
// collide; nothing that is looked up depends on it.

/// An odd multiplier and a start for multiplicative hashing.
private struct HashSeed: Sendable {
  let start = UInt64.random(in: .min ... .max)
  let multiplier = UInt64.random(in: .min ... .max) | 1

  @inline(__always)
  func mix(_ hash: UInt64, _ part: UInt64) -> UInt64 { (hash ^ part) &* multiplier }

  /// Folds the high bits, where a product is well mixed, back into the low ones.
  @inline(__always)
  func finish(_ hash: UInt64) -> UInt64 {
    let folded = (hash ^ (hash >> 32)) &* multiplier
    return folded ^ (folded >> 29)
  }
}

/// The places of a hash table whose entries are numbered and kept elsewhere. A place is 32 bits, to
/// have many of them in a cache line: in a table of 2ⁿ places the low n bits are the entry's number
/// plus one, zero being free, and the others are bits of its hash, which spare most comparisons.
private struct HashPlaces: Sendable {
  private var places: [UInt32]

  /// How many entries leave at least half of the places free.
  var capacity: Int { places.count / 2 }

  init(capacity: Int) {
    var count = 16
    while count < capacity * 2 { count *= 2 }
    places = [UInt32](repeating: 0, count: count)
  }

  /// The entry of this hash that satisfies `isWanted`, or nil, and its place or the one it would get.
  @inline(__always)
  func find(_ hash: UInt64, where isWanted: (Int) -> Bool) -> (place: Int, entry: Int?) {
    let mask = places.count - 1
    let numberMask = UInt32(truncatingIfNeeded: mask)
    let tag = UInt32(truncatingIfNeeded: hash >> 32) & ~numberMask
    var place = Int(truncatingIfNeeded: hash) & mask
    while places[place] != 0 {
      if places[place] & ~numberMask == tag {
        let entry = Int(places[place] & numberMask) - 1
        if isWanted(entry) { return (place, entry) }
      }
      place = (place + 1) & mask
    }
    return (place, nil)
  }

  mutating func fill(_ place: Int, _ hash: UInt64, entry: Int) {
    let tag = UInt32(truncatingIfNeeded: hash >> 32) & ~UInt32(truncatingIfNeeded: places.count - 1)
    places[place] = tag | UInt32(truncatingIfNeeded: entry + 1)
  }
}

/// Finds the index of a byte string among packed strings.
struct TextIndex: Sendable {
  private let strings: PackedStrings
  private let seed = HashSeed()
  private var places: HashPlaces

  /// Indexes all strings but the empty ones, which cannot be found. When two are alike the first
  /// one stays, and `duplicate` is called with both indices.
  init(_ strings: PackedStrings, duplicate: (_ first: Int, _ second: Int) -> Void) {
    self.strings = strings
    places = HashPlaces(capacity: strings.count)
    for index in 0..<strings.count {
      let range = strings.range(of: index)
      if range.isEmpty { continue }
      let text = strings.bytes.span.extracting(range)
      let hash = hash(of: text)
      let (place, found) = places.find(hash) { strings.equal($0, text) }
      if let found {
        duplicate(found, index)
      } else {
        places.fill(place, hash, entry: index)
      }
    }
  }

  /// The index of the string equal to `text`, or nil.
  func index(of text: Span<UInt8>) -> Int? {
    places.find(hash(of: text)) { strings.equal($0, text) }.entry
  }

  private func hash(of text: Span<UInt8>) -> UInt64 {
    var hash = seed.start
    for offset in text.indices { hash = seed.mix(hash, UInt64(text[offset])) }
    return seed.finish(hash)
  }
}

extension PackedStrings {
  /// Whether string `index` is `text`.
  func equal(_ index: Int, _ text: Span<UInt8>) -> Bool {
    let range = range(of: index)
    guard text.count == range.count else { return false }
    for offset in text.indices where text[offset] != bytes[range.lowerBound + offset] { return false }
    return true
  }
}

/// A map from pairs of 32-bit integers to 64-bit integers.
struct PairTable: Sendable {
  private let seed = HashSeed()
  private var places: HashPlaces
  private var entries: [Entry] = []

  private struct Entry: Sendable {
    let key: UInt64
    let value: UInt64
  }

  /// An empty table with room for `capacity` entries; it grows past that.
  init(capacity: Int) {
    places = HashPlaces(capacity: capacity)
    entries.reserveCapacity(capacity)
  }

  /// The value of (`first`, `second`), or nil.
  subscript(first: Int32, second: Int32) -> UInt64? {
    let key = key(first, second)
    guard let entry = places.find(hash(of: key), where: { entries[$0].key == key }).entry else { return nil }
    return entries[entry].value
  }

  /// Adds an entry unless the key is there already.
  mutating func insert(_ first: Int32, _ second: Int32, value: UInt64) {
    if entries.count == places.capacity { grow() }
    let key = key(first, second)
    let hash = hash(of: key)
    let (place, found) = places.find(hash) { entries[$0].key == key }
    if found != nil { return }
    places.fill(place, hash, entry: entries.count)
    entries.append(Entry(key: key, value: value))
  }

  private func key(_ first: Int32, _ second: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: first)) << 32 | UInt64(UInt32(bitPattern: second))
  }

  private func hash(of key: UInt64) -> UInt64 { seed.finish(seed.mix(seed.start, key)) }

  private mutating func grow() {
    places = HashPlaces(capacity: places.capacity * 2)
    for (number, entry) in entries.enumerated() {
      let hash = hash(of: entry.key)
      places.fill(places.find(hash) { _ in false }.place, hash, entry: number)
    }
  }
}
