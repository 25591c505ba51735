// Sketches of a long past: the kernels against a plain computation in double precision and against each other, and the
// engine's attention against that over the cache itself.
import CKernels
import Compute
import Foundation
import Testing

/// Keys, values and queries of one head's full chunk, stored as a cache stores them.
private struct SketchCase {
  let size: Int
  let format: Int32
  var keys: [Float] = []
  var values: [Float] = []
  let queries: [Float]
  let keyTiles: GuardedBytes
  let valueTiles: GuardedBytes
  static let positions = Int(HYPNOS_CHUNK)

  /// The keys of the positions `far` have scores 15 lower with the first query than they would have.
  init(size: Int, format: Int32, queries count: Int, seed: UInt64, far: Range<Int> = 0..<0) {
    (self.size, self.format) = (size, format)
    var random = Random(state: seed)
    let most = 4 / Float(size).squareRoot()
    queries = (0..<count * size).map { _ in random.float(-most...most) }
    // Some dimensions of keys are large, as many models give them, and common to all positions.
    let common = (0..<size).map { Float($0 % 32 == 3 ? 20 : 0) + random.float(-1...1) }
    let square = queries.prefix(size).reduce(0) { $0 + $1 * $1 }
    for position in 0..<Self.positions {
      let away = far.contains(position) ? -15 / square : 0
      keys += zip(common, queries).map { $0 + away * $1 + random.float(-2...2) }
      values += (0..<size).map { _ in random.float(-1...2) }
    }
    keyTiles = GuardedBytes([UInt8](repeating: 0, count: hypnos_key_tile_bytes(format, size) * 16))
    valueTiles = GuardedBytes([UInt8](repeating: 0, count: hypnos_value_tile_bytes(format, size) * 16))
    for position in 0..<Self.positions {
      scalar.store_key(format, Array(keys[position * size..<(position + 1) * size]), size, position, keyTiles.pointer)
      scalar.store_value(
        format, Array(values[position * size..<(position + 1) * size]), size, position, valueTiles.pointer)
    }
  }

  var queryCount: Int { queries.count / size }

  /// The whole of both passes, every query's bound the same share of all weights, or `bound` itself below zero. The
  /// sketch's codes of the values of the positions `spoiled` are made others before the second.
  func attend(_ table: hypnos_kernels, bound: Float, spoiling spoiled: Range<Int> = 0..<0) -> SketchResult {
    let (sketch, rounded) = (
      Aligned(hypnos_sketch_bytes(size)), Aligned(queryCount * hypnos_sketch_query_bytes(size))
    )
    let weights = Aligned(queryCount * Self.positions * 4)
    let outputs = Aligned(queries.count * 4)
    defer { keep(keyTiles, valueTiles, sketch, rounded, weights, outputs) }
    var (maxima, sums, noises) = (
      [Float](repeating: 0, count: queryCount), [Float](repeating: 0, count: queryCount),
      [Float](repeating: 0, count: queryCount)
    )
    table.sketch(format, size, keyTiles.pointer, valueTiles.pointer, sketch.pointer)
    for query in 0..<queryCount {
      table.sketch_query(
        Array(queries[query * size..<(query + 1) * size]), size,
        rounded.pointer + query * hypnos_sketch_query_bytes(size))
    }
    table.score_sketch(
      rounded.pointer, queryCount, size, sketch.pointer, nil, weights.floats, &maxima, &sums, &noises)
    let scored = (maxima, sums, weights.array(queryCount * Self.positions))
    let codes = hypnos_sketch_part_bytes(size, Int(HYPNOS_KEY_BLOCK))
    for byte in codes + spoiled.lowerBound * size / 2..<codes + spoiled.upperBound * size / 2 {
      sketch.pointer.storeBytes(of: 0x5a, toByteOffset: byte, as: UInt8.self)
    }
    sums.map { bound < 0 ? bound : bound * $0 }.withUnsafeBufferPointer { bounds in
      var part = hypnos_sketched_part(sketch: sketch.pointer, weights: weights.floats, bounds: bounds.baseAddress)
      var next = hypnos_sketched_part()
      table.attend_sketched(
        format, queries, rounded.pointer, queryCount, size, keyTiles.pointer, valueTiles.pointer, &part, &next, &maxima,
        &sums, outputs.floats)
    }
    return SketchResult(
      sketch: sketch.bytes, scoredMaxima: scored.0, scoredSums: scored.1, weights: scored.2, noises: noises,
      maxima: maxima, sums: sums, outputs: outputs.array(queries.count))
  }

  /// Softmax attention over the keys and values in double precision: each query's weighted mean of the values.
  func exact() -> [Double] {
    (0..<queryCount).flatMap { query -> [Double] in
      let scores = (0..<Self.positions).map { position in
        (0..<size).reduce(0.0) { $0 + Double(queries[query * size + $1]) * Double(keys[position * size + $1]) }
      }
      let weights = scores.map { exp($0 - scores.max()!) }
      let sum = weights.reduce(0, +)
      return (0..<size).map { d -> Double in
        let total = (0..<Self.positions).reduce(0.0) { $0 + weights[$1] * Double(values[$1 * size + d]) }
        return total / sum
      }
    }
  }
}

private struct SketchResult: Equatable {
  let sketch: [UInt8]
  let scoredMaxima: [Float]
  let scoredSums: [Float]
  let weights: [Float]
  let noises: [Float]
  let maxima: [Float]
  let sums: [Float]
  let outputs: [Float]

  /// The largest difference from `exact` of the outputs divided by their sums.
  func error(from exact: [Double]) -> Double {
    let size = outputs.count / sums.count
    return outputs.indices.reduce(0.0) {
      max($0, abs(Double(outputs[$1]) / Double(sums[$1 / size]) - exact[$1]))
    }
  }
}

@Suite struct SketchKernelTests {
  private static let formats = [Int32(HYPNOS_CACHE_F16), Int32(HYPNOS_CACHE_Q8)]

  @Test(arguments: [(64, 1), (64, 3), (64, 8), (128, 7), (192, 2), (256, 4), (512, 5)], formats)
  func everyKernelSetGivesTheSameBits(shape: (size: Int, queries: Int), format: Int32) {
    for far in [0..<0, 64..<192] {
      let example = SketchCase(size: shape.size, format: format, queries: shape.queries, seed: 7, far: far)
      for bound: Float in [.infinity, 0.5, 0.02, 0.001, -1] {
        let expected = example.attend(scalar, bound: bound)
        for (name, table) in tables where name != "scalar" {
          #expect(example.attend(table, bound: bound) == expected, "\(name), bound \(bound)")
        }
      }
    }
  }

  /// Where a group of 64 positions hardly weighs, its values are not read: what they have in common stands for them.
  @Test(arguments: [64, 128], formats) func valuesThatHardlyWeighAreNotRead(size: Int, format: Int32) {
    let example = SketchCase(size: size, format: format, queries: 1, seed: 17, far: 64..<192)
    let result = example.attend(scalar, bound: 0.1)
    #expect(example.attend(scalar, bound: 0.1, spoiling: 64..<192).outputs == result.outputs)
    for read in [0..<64, 192..<256] {
      #expect(example.attend(scalar, bound: 0.1, spoiling: read).outputs != result.outputs)
    }
    #expect(result.error(from: example.exact()) < 0.4)
  }

  /// The more is read from the cache itself, the nearer to the exact result: rounding to 4 bits errs by up to a
  /// fifteenth of what values lie apart, in the mean of many positions by far less.
  @Test(arguments: [64, 256], formats) func errorsAreWhatRoundingToFourBitsLeaves(size: Int, format: Int32) {
    let example = SketchCase(size: size, format: format, queries: 3, seed: 11)
    let exact = example.exact()
    let errors = [0.5, 0.004, -1].map { example.attend(scalar, bound: $0).error(from: exact) }
    #expect(errors[0] < 0.4)
    #expect(errors[1] < 0.5 * errors[0])
    #expect(errors[2] < (format == Int32(HYPNOS_CACHE_F16) ? 0.002 : 0.03))
  }

  /// What all keys have in common is in their mean, not in what is rounded: without the large dimension there is the
  /// same noise, and it is about that of scores that differ from exact ones by it.
  @Test func noiseIsThatOfTheKeysLessTheirMean() {
    let example = SketchCase(size: 64, format: Int32(HYPNOS_CACHE_F16), queries: 8, seed: 13)
    let result = example.attend(scalar, bound: .infinity)
    for query in 0..<8 {
      var squares = 0.0
      for position in 0..<SketchCase.positions {
        let exact = (0..<64).reduce(0.0) {
          $0 + Double(example.queries[query * 64 + $1]) * Double(example.keys[position * 64 + $1])
        }
        let weight = result.weights[query * SketchCase.positions + position]
        let score = Double(result.scoredMaxima[query]) + log(Double(weight))
        squares += (score - exact) * (score - exact)
      }
      let deviation = (squares / Double(SketchCase.positions)).squareRoot()
      #expect(deviation < Double(result.noises[query]) && deviation > 0.4 * Double(result.noises[query]))
      #expect(result.noises[query] < 0.6)
    }
  }
}
