// A batch's attention: each row's result is the one it gets alone, whatever stands beside it and however many threads.
import Compute
import Testing

@Suite struct AttentionPlanTests {
  private static let (heads, group, size) = (2, 3, 24)

  /// A cache with `count` random positions.
  private func filled(_ count: Int, seed: UInt64, format: CacheFormat, engine: ComputeEngine) -> KeyValueStore {
    let store = KeyValueStore(
      layers: 1, heads: Self.heads, headSize: Self.size, capacity: count, format: format)
    let keys = FloatMatrix(rows: 1, width: Self.heads * Self.size)
    let values = FloatMatrix(rows: 1, width: Self.heads * Self.size)
    var random = Random(state: seed)
    for position in 0..<count {
      keys[row: 0] = (0..<keys.width).map { _ in random.float(-2...2) }
      values[row: 0] = (0..<values.width).map { _ in random.float(-2...2) }
      #expect(store.reserve(position))
      let plan = AttentionPlan([CachePosition(store: store, position: position)], group: Self.group, window: nil)
      engine.store(keys: keys, values: values, row: 0, layer: 0, plan: plan)
    }
    return store
  }

  private func attended(
    _ rows: [CachePosition], _ queries: [[Float]], window: Int?, engine: ComputeEngine
  ) -> [[Float]] {
    let width = Self.heads * Self.group * Self.size
    let (input, output) = (FloatMatrix(rows: rows.count, width: width), FloatMatrix(rows: rows.count, width: width))
    for row in rows.indices { input[row: row] = queries[row] }
    let plan = AttentionPlan(rows, group: Self.group, window: window)
    #expect(plan.rowCount == rows.count)
    engine.attend(queries: input, layer: 0, plan: plan, scale: 0.2, into: output)
    return rows.indices.map { output[row: $0] }
  }

  @Test(arguments: [nil, 1, 20, 181, 270], CacheFormat.allCases)
  func rowsOfABatchAreThoseTheyAreAlone(window: Int?, format: CacheFormat) {
    let one = ComputeEngine(kernels: KernelSet.available[0], threads: 1)
    let long = filled(600, seed: 1, format: format, engine: one)
    let short = filled(40, seed: 2, format: format, engine: one)
    // A prompt's rows, enough that some are taken together.
    var rows = (532..<600).map { CachePosition(store: long, position: $0) }
    rows += [0, 17, 39].map { CachePosition(store: short, position: $0) }
    rows.append(CachePosition(store: long, position: 256))
    var random = Random(state: 3)
    let queries = rows.map { _ in
      (0..<Self.heads * Self.group * Self.size).map { _ in random.float(-1...1) }
    }
    let alone = rows.indices.map { attended([rows[$0]], [queries[$0]], window: window, engine: one)[0] }
    for threads in [1, 2, 3] {
      let engine = ComputeEngine(kernels: KernelSet.available[0], threads: threads)
      #expect(attended(rows, queries, window: window, engine: engine) == alone)
      #expect(attended([rows[67]], [queries[67]], window: window, engine: engine)[0] == alone[67])
      // Few rows, whose chunks the threads share out, of pasts of different lengths.
      let few = [67, 70, 71]
      #expect(
        attended(few.map { rows[$0] }, few.map { queries[$0] }, window: window, engine: engine)
          == few.map { alone[$0] })
    }
  }
}
