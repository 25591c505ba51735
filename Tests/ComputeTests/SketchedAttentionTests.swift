// The engine's attention by sketches: when it is used, that it comes near that over the cache itself, and that a row's
// result depends on nothing but its own past.
import Compute
import Testing

@Suite struct SketchedAttentionTests {
  private static let (heads, group, size) = (2, 3, 64)
  private static let width = heads * group * size

  private func engine(_ threads: Int) -> ComputeEngine {
    ComputeEngine(kernels: KernelSet.available[0], threads: threads)
  }

  private func emptyStore(_ format: CacheFormat) -> KeyValueStore {
    KeyValueStore(layers: 2, heads: Self.heads, headSize: Self.size, capacity: 4096, format: format)
  }

  /// Stores random keys and values at `positions` of the second layer.
  private func fill(_ store: KeyValueStore, _ positions: Range<Int>, seed: UInt64) {
    let (keys, values) = (
      FloatMatrix(rows: 1, width: Self.heads * Self.size), FloatMatrix(rows: 1, width: Self.heads * Self.size)
    )
    let engine = engine(1)
    for position in positions {
      var random = Random(state: seed &+ UInt64(position) &* 0x9E37_79B9_7F4A_7C15)
      keys[row: 0] = (0..<keys.width).map { _ in random.float(-2...2) }
      values[row: 0] = (0..<values.width).map { _ in random.float(-1...2) }
      #expect(store.reserve(position))
      let plan = AttentionPlan([CachePosition(store: store, position: position)], group: Self.group, window: nil)
      engine.store(keys: keys, values: values, row: 0, layer: 1, plan: plan)
    }
  }

  private func filled(_ count: Int, seed: UInt64, format: CacheFormat = .f16) -> KeyValueStore {
    let store = emptyStore(format)
    fill(store, 0..<count, seed: seed)
    return store
  }

  private func queries(_ count: Int, seed: UInt64) -> [[Float]] {
    var random = Random(state: seed)
    return (0..<count).map { _ in (0..<Self.width).map { _ in random.float(-1.5...1.5) } }
  }

  private func attended(
    _ rows: [CachePosition], _ queries: [[Float]], window: Int? = nil, engine: ComputeEngine
  ) -> [[Float]] {
    let (input, output) = (
      FloatMatrix(rows: rows.count, width: Self.width), FloatMatrix(rows: rows.count, width: Self.width)
    )
    for row in rows.indices { input[row: row] = queries[row] }
    #expect(engine.sketchPasts(of: rows, layers: [1]))
    let plan = AttentionPlan(rows, group: Self.group, window: window)
    engine.attend(queries: input, layer: 1, plan: plan, scale: 0.125, into: output)
    return rows.indices.map { output[row: $0] }
  }

  private func largestDifference(_ a: [Float], _ b: [Float]) -> Float {
    zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) }
  }

  @Test(arguments: [CacheFormat.f16, .q8_0]) func generatedRowsComeNearThoseOfPrompts(format: CacheFormat) {
    let store = filled(1900, seed: 1, format: format)
    let queries = queries(1, seed: 2)
    func row(_ position: Int, _ isGenerated: Bool, window: Int? = nil) -> [Float] {
      let place = CachePosition(store: store, position: position, isGenerated: isGenerated)
      return attended([place], queries, window: window, engine: engine(2))[0]
    }
    for position in [1024, 1500, 1899] {
      let difference = largestDifference(row(position, true), row(position, false))
      #expect(difference > 0 && difference < 0.05, "\(position): \(difference)")
    }
    // A short past and one behind a window are read from the cache itself.
    #expect(row(1023, true) == row(1023, false))
    #expect(row(1899, true, window: 1500) == row(1899, false, window: 1500))
  }

  /// Sketches of heads that are no whole blocks do not exist, nor where all is to be read.
  @Test func othersGoWithout() {
    #expect(CacheFormat.f16.hasSketches(headSize: 64) && CacheFormat.q8_0.hasSketches(headSize: 512))
    #expect(!CacheFormat.f16.hasSketches(headSize: 80) && !CacheFormat.f16.hasSketches(headSize: 576))
    #expect(!CacheFormat.f16Whole.hasSketches(headSize: 64))
    let store = filled(1300, seed: 1, format: .f16Whole)
    let queries = queries(1, seed: 2)
    let both = [true, false].map {
      attended([CachePosition(store: store, position: 1299, isGenerated: $0)], queries, engine: engine(2))
    }
    #expect(both[0] == both[1])
    #expect(KeyValueSketch.chunks(before: 1023) == 0)
    #expect(KeyValueSketch.chunks(before: 1024) == 3)
    #expect(KeyValueSketch.chunks(before: 1311) == 4)
    #expect(KeyValueSketch.chunks(before: 1312) == 5)
  }

  @Test(arguments: CacheFormat.allCases) func rowsOfABatchAreThoseTheyAreAlone(format: CacheFormat) {
    let (long, short, other) = (
      filled(1300, seed: 1, format: format), filled(40, seed: 2, format: format), filled(1800, seed: 3, format: format)
    )
    // A draft, from whose third row on a chunk more is sketched, a short answer, a prompt and another long answer.
    var rows = (1054..<1059).map { CachePosition(store: long, position: $0, isGenerated: true) }
    rows += [17, 39].map { CachePosition(store: short, position: $0, isGenerated: true) }
    rows += [1500, 1799].map { CachePosition(store: other, position: $0, isGenerated: $0 == 1799) }
    let queries = queries(rows.count, seed: 4)
    let alone = rows.indices.map { attended([rows[$0]], [queries[$0]], engine: engine(1))[0] }
    for threads in [1, 2, 3] {
      let engine = engine(threads)
      #expect(attended(rows, queries, engine: engine) == alone)
      for few in [[1], [8], [0, 1, 2, 3, 4], [2, 6, 8]] {
        #expect(attended(few.map { rows[$0] }, few.map { queries[$0] }, engine: engine) == few.map { alone[$0] })
      }
    }
  }

  /// Positions that are forgotten and filled with others, in a cache alone or shared, leave nothing of their sketch.
  @Test func rewrittenPositionsAreSketchedAgain() throws {
    let store = filled(1600, seed: 1)
    let queries = queries(1, seed: 2)
    func row(_ store: KeyValueStore) -> [Float] {
      attended([CachePosition(store: store, position: 1599, isGenerated: true)], queries, engine: engine(2))[0]
    }
    let before = row(store)
    let shared = try #require(KeyValueStore(beginningWith: 1600, of: store, capacity: 4096))
    #expect(row(shared) == before)
    fill(shared, 700..<1600, seed: 9)
    let fresh = emptyStore(.f16)
    fill(fresh, 0..<700, seed: 1)
    fill(fresh, 700..<1600, seed: 9)
    #expect(row(shared) == row(fresh))
    #expect(row(store) == before)
    fill(store, 700..<1600, seed: 9)
    #expect(row(store) == row(fresh))
    #expect(row(store) != before)
  }
}
