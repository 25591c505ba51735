import Foundation
import Testing

@testable import Compute

/// Attention in 16-bit integers beside that in float32, which is held against differences: over segments of several
/// blocks of 64 positions, and where a block ends amid a run.
@Suite struct FineAttentionTests {
  private static let (heads, shared, rows) = (4, 2, 330)

  /// Segments of one key and of several blocks, two of which begin with rows of another, and queries for some rows only.
  private static func layout(window: Int?) -> AttentionLayout {
    let runs: [[Range<Int>]] = [[0..<150], [0..<100, 150..<229], [0..<64, 229..<233], [233..<234], [234..<330]]
    var places: [Int] = []
    let segments = runs.enumerated().map { index, keys in
      let own = keys[keys.count - 1]
      let kept = index == 4 ? Array(own.suffix(70)) : Array(own)
      defer { places += kept }
      return AttentionSegment(keys: keys, queries: places.count..<places.count + kept.count)
    }
    return AttentionLayout(segments: segments, places: places, window: window)
  }

  private func matrix(_ rows: Int, _ width: Int, seed: UInt64) -> FloatMatrix {
    var random = Random(state: seed)
    let matrix = FloatMatrix(rows: rows, width: width)
    for row in 0..<rows { matrix[row: row] = (0..<width).map { _ in random.float(-2...2) } }
    return matrix
  }

  /// Output, logarithms, and the gradients of queries, keys and values, each a matrix.
  private func run(
    _ attention: any TrainingAttention, _ engine: ComputeEngine, _ layout: AttentionLayout, size: Int,
    lastValue: Float? = nil
  ) -> [[[Float]]] {
    let count = layout.places.count
    let queries = matrix(count, Self.heads * size, seed: 1)
    let keys = matrix(Self.rows, Self.shared * size, seed: 2)
    let values = matrix(Self.rows, Self.shared * size, seed: 3)
    if let lastValue { values[149, 0] = lastValue }
    let slopes = matrix(count, Self.heads * size, seed: 4)
    let (output, logSums) = (
      FloatMatrix(rows: count, width: queries.width), FloatMatrix(rows: count, width: Self.heads)
    )
    attention.forward(engine, layout, queries: queries, keys: keys, values: values, into: output, logSums: logSums)
    let found = [queries, keys, values].map { FloatMatrix(rows: $0.rows, width: $0.width) }
    attention.backward(
      engine, layout, gradients: slopes, queries: (found[0], queries), keys: (found[1], keys),
      values: (found[2], values), logSums: logSums)
    return ([output, logSums] + found).map { matrix in (0..<matrix.rows).map { matrix[row: $0] } }
  }

  @Test(arguments: [nil, 90], [40, 64, 96]) func isPlainAttentionToSixteenBits(window: Int?, size: Int) {
    let shape = AttentionShape(heads: Self.heads, keyValueHeads: Self.shared, size: size, scale: 0.1)
    let layout = Self.layout(window: window)
    func fine(_ kernels: KernelSet, threads: Int) -> [[[Float]]] {
      let engine = ComputeEngine(kernels: kernels, threads: threads)
      return run(FineAttention(shape, rows: Self.rows, engine), engine, layout, size: size)
    }
    let engine = ComputeEngine(kernels: KernelSet.available[0], threads: 1)
    let plain = run(PlainAttention(shape, rows: Self.rows), engine, layout, size: size)
    let first = fine(KernelSet.available[0], threads: 1)
    for (found, wanted) in zip(first, plain) {
      let peak = wanted.joined().map(abs).max() ?? 0
      let worst = zip(found.joined(), wanted.joined()).map { abs($0 - $1) }.max() ?? 0
      // Scores of such keys and queries are off by a few ten-thousandths, and so is what follows from them.
      #expect(peak > 0 && worst <= 1e-3 * peak, "\(worst / peak)")
    }
    for kernels in KernelSet.available { #expect(fine(kernels, threads: 3) == first, "\(kernels.name)") }
  }

  /// What a token gets does not depend on those behind it, not even by their rounding.
  @Test func nothingBehindAQueryChangesItsOutput() {
    let shape = AttentionShape(heads: Self.heads, keyValueHeads: Self.shared, size: 64, scale: 0.1)
    let engine = ComputeEngine(kernels: KernelSet.available[0], threads: 2)
    let attention = FineAttention(shape, rows: Self.rows, engine)
    let layout = Self.layout(window: nil)
    let before = run(attention, engine, layout, size: 64)[0]
    let after = run(attention, engine, layout, size: 64, lastValue: 1000)[0]
    #expect(before[149] != after[149])
    #expect(Array(before[..<149]) == Array(after[..<149]))
  }
}
