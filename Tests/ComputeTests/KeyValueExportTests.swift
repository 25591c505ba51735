// Positions of a KV cache exported and restored: the same bits for attention, and nothing of what lies beyond.
import Compute
import Testing

@Suite struct KeyValueExportTests {
  private static let (layers, heads, size) = (2, 3, 20)

  private func store(_ capacity: Int, _ format: CacheFormat) -> KeyValueStore {
    KeyValueStore(layers: Self.layers, heads: Self.heads, headSize: Self.size, capacity: capacity, format: format)
  }

  /// A cache with `count` random positions, the same for every capacity and count.
  private func filled(
    _ count: Int, capacity: Int, format: CacheFormat, engine: ComputeEngine
  ) -> KeyValueStore {
    let store = store(capacity, format)
    let row = FloatMatrix(rows: 1, width: Self.heads * Self.size)
    let values = FloatMatrix(rows: 1, width: Self.heads * Self.size)
    for layer in 0..<Self.layers {
      var random = Random(state: UInt64(layer + 1))
      for position in 0..<count {
        row[row: 0] = (0..<row.width).map { _ in random.float(-2...2) }
        values[row: 0] = (0..<row.width).map { _ in random.float(-2...2) }
        #expect(store.reserve(position))
        let plan = AttentionPlan([CachePosition(store: store, position: position)], group: 1, window: nil)
        engine.store(keys: row, values: values, row: 0, layer: layer, plan: plan)
      }
    }
    return store
  }

  private func exported(_ store: KeyValueStore, _ count: Int) -> [[UInt8]] {
    (0..<(count + KeyValueStore.chunkLength - 1) / KeyValueStore.chunkLength).flatMap { chunk in
      let pieces = store.pieces(chunk: chunk, end: count)
      let bytes = pieces.map { store.export($0) }
      #expect(bytes.map(\.count) == pieces.map(\.byteCount))
      #expect(bytes.reduce(0) { $0 + $1.count } == store.exportedBytes(chunk: chunk, end: count))
      return bytes
    }
  }

  private func attended(_ store: KeyValueStore, position: Int, engine: ComputeEngine) -> [[Float]] {
    let queries = FloatMatrix(rows: 1, width: Self.heads * Self.size)
    queries[row: 0] = (0..<queries.width).map { Float($0 % 7) - 3 }
    let output = FloatMatrix(rows: 1, width: queries.width)
    let plan = AttentionPlan([CachePosition(store: store, position: position)], group: 1, window: nil)
    return (0..<Self.layers).map { layer in
      engine.attend(queries: queries, layer: layer, plan: plan, scale: 0.3, into: output)
      return output[row: 0]
    }
  }

  @Test(arguments: [1, 16, 17, 255, 256, 257, 300], CacheFormat.allCases)
  func restoredPositionsGiveTheSameBits(count: Int, format: CacheFormat) {
    let engine = ComputeEngine(kernels: KernelSet.available[0], threads: 1)
    let original = filled(count, capacity: 400, format: format, engine: engine)
    let copy = store(count, format)
    for chunk in 0..<(count + KeyValueStore.chunkLength - 1) / KeyValueStore.chunkLength {
      for piece in copy.pieces(chunk: chunk, end: count) {
        #expect(copy.restore(piece, from: original.export(piece)))
        #expect(!copy.restore(piece, from: Array(original.export(piece).dropLast())))
      }
    }
    #expect(
      attended(copy, position: count - 1, engine: engine) == attended(original, position: count - 1, engine: engine))
  }

  @Test(arguments: [1, 17, 250], CacheFormat.allCases)
  func whatLiesBeyondIsNotExported(count: Int, format: CacheFormat) {
    let engine = ComputeEngine(kernels: KernelSet.available[0], threads: 1)
    let longer = filled(300, capacity: 300, format: format, engine: engine)
    let exact = filled(count, capacity: 300, format: format, engine: engine)
    #expect(exported(longer, count) == exported(exact, count))
    #expect(exported(longer, count + 1) != exported(exact, count + 1))
  }
}
