import CKernels
import Compute
import Foundation
import Testing

/// The float loops: the same bits on every table, and close to the same formulas in Double.
@Suite struct FloatLoopTests {
  private let sizes = [1, 15, 16, 17, 64, 100]

  private func onEveryTable(_ body: (hypnos_kernels) -> [Float]) -> [Float] {
    let expected = body(scalar)
    for (name, table) in tables { #expect(body(table) == expected, "\(name)") }
    return expected
  }

  @Test func rmsNorm() {
    var random = Random(state: 1)
    for size in sizes {
      let x = (0..<size).map { _ in random.float(-4...4) }
      let w = (0..<size).map { _ in random.float(0...2) }
      let found = onEveryTable { table in
        var out = [Float](repeating: 0, count: size)
        table.rms_norm(x, w, 1e-5, size, &out)
        return out
      }
      let square = x.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(size)
      for index in 0..<size {
        let exact = Double(x[index]) / (square + 1e-5).squareRoot() * Double(w[index])
        #expect(abs(Double(found[index]) - exact) < 2e-6)
      }
    }
  }

  @Test func gatedActivations() {
    var random = Random(state: 2)
    for size in sizes {
      let gate = (0..<size).map { _ in random.float(-30...30) }
      let up = (0..<size).map { _ in random.float(-2...2) }
      let silu = onEveryTable { table in
        var out = gate
        table.silu_multiply(&out, up, size)
        return out
      }
      let gelu = onEveryTable { table in
        var out = gate
        table.gelu_multiply(&out, up, size)
        return out
      }
      for index in 0..<size {
        let (x, u) = (Double(gate[index]), Double(up[index]))
        #expect(abs(Double(silu[index]) - x / (1 + exp(-x)) * u) < 1e-5)
        let inner = (2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)
        #expect(abs(Double(gelu[index]) - 0.5 * x * (1 + tanh(inner)) * u) < 1e-5)
      }
    }
  }

  @Test func rotation() {
    let head: [Float] = [1, 2, 3, 4]
    let cosines: [Float] = [Float(cos(0.5)), Float(cos(2.0))]
    let sines: [Float] = [Float(sin(0.5)), Float(sin(2.0))]
    let neighbours = onEveryTable { table in
      var out = head
      table.rotate(&out, cosines, sines, 4, 0)
      return out
    }
    let halves = onEveryTable { table in
      var out = head
      table.rotate(&out, cosines, sines, 4, 1)
      return out
    }
    func turned(_ x: Double, _ y: Double, _ angle: Double) -> (Double, Double) {
      (x * cos(angle) - y * sin(angle), x * sin(angle) + y * cos(angle))
    }
    let (a, b) = (turned(1, 2, 0.5), turned(3, 4, 2))
    for (found, exact) in zip(neighbours, [a.0, a.1, b.0, b.1]) { #expect(abs(Double(found) - exact) < 1e-6) }
    let (c, d) = (turned(1, 3, 0.5), turned(2, 4, 2))
    for (found, exact) in zip(halves, [c.0, d.0, c.1, d.1]) { #expect(abs(Double(found) - exact) < 1e-6) }
  }

  @Test func halvesRoundAsTheTypeDoes() {
    let values: [Float] = [
      0, -0.0, 1, -2.5, 65504, 65519, 65520, 1e9, 6e-8, 3e-8, 2.9e-8, 6.1e-5, 1.0009766, 0.33325195, .infinity, 1e-9,
    ]
    for (name, table) in tables {
      var halves = [UInt16](repeating: 0, count: 16 * values.count)
      table.store_value(Int32(HYPNOS_CACHE_F16), values, values.count, 0, &halves)
      #expect(Array(halves[..<values.count]) == values.map { Float16($0).bitPattern }, "\(name)")
    }
  }

  /// What a cache of `format` makes of one key.
  private func cachedKey(_ key: ArraySlice<Float>, _ format: Int) -> [Double] {
    guard format == HYPNOS_CACHE_Q8 else { return key.map { Double(Float16($0)) } }
    return blocks(key, of: 32).flatMap { block in
      block.count < 32 ? rounded(block) : transformed(rounded(transformed(block))).map { $0 / 32 }
    }
  }

  /// What it makes of one value.
  private func cachedValue(_ value: ArraySlice<Float>, _ format: Int) -> [Double] {
    guard format == HYPNOS_CACHE_Q8 else { return value.map { Double(Float16($0)) } }
    return blocks(value, of: 64).flatMap(rounded)
  }

  private func blocks(_ values: ArraySlice<Float>, of length: Int) -> [[Float]] {
    stride(from: values.startIndex, to: values.endIndex, by: length).map { start in
      Array(values[start..<min(start + length, values.endIndex)])
    }
  }

  /// A block in 8 bits.
  private func rounded(_ block: [Float]) -> [Double] {
    let scale = Double(Float16(block.reduce(0) { max($0, abs($1)) } / 127))
    return block.map { scale * max(-127, min(127, (Double($0) / scale).rounded(.toNearestOrEven))) }
  }

  /// The Walsh-Hadamard transform, not normalized, its largest strides first.
  private func transformed<Value: BinaryFloatingPoint>(_ values: [Value]) -> [Value] {
    var (result, distance) = (values, values.count / 2)
    while distance > 0 {
      for index in values.indices where index & distance == 0 {
        let (a, b) = (result[index], result[index + distance])
        (result[index], result[index + distance]) = (a + b, a - b)
      }
      distance /= 2
    }
    return result
  }

  @Test(arguments: [64, 80, 24, 37, 272], [HYPNOS_CACHE_F16, HYPNOS_CACHE_Q8].map { Int($0) })
  func attention(size: Int, format: Int) {
    var random = Random(state: 11)
    let count = 200
    let queries = (0..<3 * size).map { _ in random.float(-0.5...0.5) }
    let keys = (0..<count * size).map { _ in random.float(-1...1) }
    let values = (0..<count * size).map { _ in random.float(-1...1) }
    let firsts: [Int32] = [0, 7, 150]
    let lasts: [Int32] = [200, 33, 199]
    let result = onEveryTable { table in
      let cache = Int32(format)
      let tiles = CacheTiles(cache, size: size, keys: keys, values: values, table: table)
      var maxima = [Float](repeating: 0, count: 3)
      var sums = maxima
      var outputs = [Float](repeating: 0, count: 3 * size)
      let scratch = Aligned(8 * 256 * 4)
      defer { keep(tiles.keys, tiles.values, scratch) }
      table.attend(
        cache, queries, 3, size, tiles.keys.pointer, tiles.values.pointer, firsts, lasts, &maxima, &sums, &outputs,
        scratch.floats, nil)
      // What is read afterwards is fetched and changes nothing.
      let alone = outputs
      var next = hypnos_cache_part(keys: tiles.keys.pointer, values: tiles.values.pointer, positions: 21)
      table.attend(
        cache, queries, 3, size, tiles.keys.pointer, tiles.values.pointer, firsts, lasts, &maxima, &sums, &outputs,
        scratch.floats, &next)
      #expect(outputs == alone)
      return (0..<3 * size).map { outputs[$0] / sums[$0 / size] }
    }
    let cachedKeys = (0..<count).map { cachedKey(keys[$0 * size..<($0 + 1) * size], format) }
    let cachedValues = (0..<count).map { cachedValue(values[$0 * size..<($0 + 1) * size], format) }
    // With 8 bits, queries and weights are rounded to 1 of 32767 of their largest, each product by up to half of that.
    let tolerance = format == HYPNOS_CACHE_Q8 ? 2e-4 : 1e-5
    for query in 0..<3 {
      var weights: [(Int, Double)] = []
      for position in Int(firsts[query])..<Int(lasts[query]) {
        let score = (0..<size).reduce(0.0) {
          $0 + Double(queries[query * size + $1]) * cachedKeys[position][$1]
        }
        weights.append((position, exp(score)))
      }
      let total = weights.reduce(0) { $0 + $1.1 }
      for index in 0..<size {
        let exact = weights.reduce(0.0) { $0 + $1.1 * cachedValues[$1.0][index] } / total
        #expect(abs(Double(result[query * size + index]) - exact) < tolerance)
      }
    }
  }

  /// A few large dimensions, as keys of real models have, take no precision from the others. Rounded as they are, to
  /// 127 steps of 30, each of the others would be off by 30 / 127 / sqrt(12) = 0.068 and a score by that times the
  /// query's length; a step of a transformed block is at most (30 + 31) / 127, a 32nd of whose squares comes back.
  @Test func largeDimensionsOfKeysAreSpread() {
    var random = Random(state: 17)
    let (size, count, cache) = (64, 200, Int32(HYPNOS_CACHE_Q8))
    let query = (0..<size).map { _ in random.float(-0.5...0.5) }
    let length = query.reduce(0) { $0 + Double($1 * $1) }.squareRoot()
    let keys = (0..<count).map { _ in
      (0..<size).map { $0 == 5 || $0 == 40 ? 30 * (random.float(-1...1) < 0 ? -1 : 1) : random.float(-1...1) }
    }
    let scores = onEveryTable { table in
      let all = keys.flatMap { $0 }
      let tiles = CacheTiles(cache, size: size, keys: all, values: all, table: table)
      let scratch = Aligned(8 * 256 * 4)
      defer { keep(tiles.keys, tiles.values, scratch) }
      // The largest score of a query that sees one key is that key's.
      return (0..<Int32(count)).map { position in
        var (score, sum): (Float, Float) = (0, 0)
        var output = [Float](repeating: 0, count: size)
        table.attend(
          cache, query, 1, size, tiles.keys.pointer, tiles.values.pointer, [position], [position + 1], &score, &sum,
          &output, scratch.floats, nil)
        return score
      }
    }
    let squares = zip(scores, keys).map { score, key in
      let exact = zip(query, key).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
      return (Double(score) - exact) * (Double(score) - exact)
    }
    #expect((squares.reduce(0, +) / Double(count)).squareRoot() < 0.025 * length)
  }

  /// What is not a number reaches the queries that see it, and only those: a cache may hold anything behind its end.
  @Test(arguments: [HYPNOS_CACHE_F16, HYPNOS_CACHE_Q8].map { Int32($0) }) func attentionToWhatIsNoNumber(cache: Int32) {
    let size = 32
    let plain = [Float](repeating: 0.5, count: size)
    let broken: [Float] = Array(plain.dropLast()) + [.nan]
    for (key, value) in [(broken, plain), (plain, broken)] {
      let outputs = onEveryTable { table in
        let tiles = CacheTiles(
          cache, size: size, keys: (0..<10).flatMap { $0 == 5 ? key : plain },
          values: (0..<10).flatMap { $0 == 5 ? value : plain }, table: table)
        var (maxima, sums) = ([Float](repeating: 0, count: 2), [Float](repeating: 0, count: 2))
        var outputs = [Float](repeating: 0, count: 2 * size)
        let scratch = Aligned(8 * 256 * 4)
        defer { keep(tiles.keys, tiles.values, scratch) }
        // Both at once, and the one that sees nothing of it alone.
        table.attend(
          cache, plain + plain, 2, size, tiles.keys.pointer, tiles.values.pointer, [0, 0], [10, 5], &maxima, &sums,
          &outputs, scratch.floats, nil)
        let seen = outputs[..<size].contains(where: \.isNaN) || sums[0].isNaN
        table.attend(
          cache, plain, 1, size, tiles.keys.pointer, tiles.values.pointer, [0], [5], &maxima, &sums, &outputs,
          scratch.floats, nil)
        return [seen ? 1 : 0] + outputs[..<size].map { $0 / sums[0] }
      }
      #expect(outputs[0] == 1)
      #expect(outputs.dropFirst().allSatisfy { abs($0 - 0.5) < 0.002 })
    }
  }

  /// Tiles that are decoded first give the bits of those that are decoded as they are read, whole vectors or not.
  @Test(arguments: [64, 72, 9]) func decodedTilesGiveTheSame(size: Int) {
    var random = Random(state: 23)
    let (count, number) = (150, 6)
    let keys = (0..<count * size).map { _ in random.float(-1...1) }
    let values = (0..<count * size).map { _ in random.float(-1...1) }
    let queries = (0..<number * size).map { _ in random.float(-1...1) }
    _ = onEveryTable { table in
      let tiles = CacheTiles(Int32(HYPNOS_CACHE_F16), size: size, keys: keys, values: values, table: table)
      defer { keep(tiles.keys, tiles.values) }
      let all = (count + 15) / 16 * 16 * size
      let decoded = [tiles.keys, tiles.values].map { tiles in
        let floats = Aligned(all * 4)
        table.decode(
          Int32(HYPNOS_F16), tiles.pointer.assumingMemoryBound(to: UInt8.self), all, floats.floats)
        return floats
      }
      defer { keep(decoded[0], decoded[1]) }
      func attended(_ cache: Int32, _ keys: UnsafeMutableRawPointer, _ values: UnsafeMutableRawPointer) -> [Float] {
        var (maxima, sums) = ([Float](repeating: 0, count: number), [Float](repeating: 0, count: number))
        var outputs = [Float](repeating: 0, count: number * size)
        let scratch = Aligned(8 * 256 * 4)
        defer { keep(scratch) }
        table.attend(
          cache, queries, number, size, keys, values, [0, 0, 3, 17, 40, 0], [150, 149, 148, 100, 41, 0], &maxima, &sums,
          &outputs, scratch.floats, nil)
        return maxima + sums + outputs
      }
      let result = attended(Int32(HYPNOS_CACHE_F32), decoded[0].pointer, decoded[1].pointer)
      #expect(result == attended(Int32(HYPNOS_CACHE_F16), tiles.keys.pointer, tiles.values.pointer))
      return result
    }
  }

  /// Registers hold the sums of fewer queries than a call may have: however many come together, each gets its own bits.
  @Test(arguments: [HYPNOS_CACHE_F16, HYPNOS_CACHE_Q8].map { Int32($0) })
  func queriesTogetherGetWhatEachGetsAlone(cache: Int32) {
    var random = Random(state: 17)
    let (size, count, most) = (72, 150, Int(HYPNOS_ATTEND_QUERIES))
    let keys = (0..<count * size).map { _ in random.float(-1...1) }
    let values = (0..<count * size).map { _ in random.float(-1...1) }
    let queries = (0..<most * size).map { _ in random.float(-1...1) }
    let lasts = (0..<most).map { Int32(count - 9 * $0) }
    _ = onEveryTable { table in
      let tiles = CacheTiles(cache, size: size, keys: keys, values: values, table: table)
      func attended(from first: Int, _ number: Int) -> [Float] {
        var (maxima, sums) = ([Float](repeating: 0, count: number), [Float](repeating: 0, count: number))
        var outputs = [Float](repeating: 0, count: number * size)
        let scratch = Aligned(8 * 256 * 4)
        defer { keep(tiles.keys, tiles.values, scratch) }
        table.attend(
          cache, Array(queries[(first * size)...]), number, size, tiles.keys.pointer, tiles.values.pointer,
          [Int32](repeating: 0, count: number), Array(lasts[first...]), &maxima, &sums, &outputs,
          scratch.floats, nil)
        return (0..<number).flatMap { [maxima[$0], sums[$0]] + outputs[($0 * size)...].prefix(size) }
      }
      let alone = (0..<most).flatMap { attended(from: $0, 1) }
      for number in 1...most {
        #expect(attended(from: 0, number) == Array(alone.prefix(number * (size + 2))), "\(number) queries")
      }
      return alone
    }
  }
}
