import Foundation
import Testing

@testable import Compute

/// Copies of weights for batches: used or not, products are the same, and what is not allowed is not made.
@Suite struct PackedWeightsTests {
  private static let width = 256

  /// Mapped weights of `rows` rows each, in formats of nibbles, of whole bytes and of floats.
  private static func weights(_ rows: [Int], _ random: inout Random) throws -> [WeightMatrix] {
    try zip(rows, [BlockFormat.q4_1, .q6_k, .q4_k, .f16]).map { count, format in
      let bytes =
        format == .f16
        ? (0..<count * width).flatMap { _ in
          withUnsafeBytes(of: Float16(random.float(-1...1)).bitPattern) { Array($0) }
        } : format.randomRows(count, width: width, &random)
      return try mappedWeight(bytes, format, rows: count, width: width)
    }
  }

  @Test func productsAreTheSame() throws {
    var random = Random(state: 11)
    let rows = [100, 33, 192, 40]
    let weights = try Self.weights(rows, &random)
    let input = FloatMatrix(rows: 49, width: Self.width)
    for row in 0..<49 { input[row: row] = (0..<Self.width).map { _ in random.float(-2...2) } }
    func run(_ engine: ComputeEngine, count: Int) -> [[Float]] {
      let outputs = rows.map { FloatMatrix(rows: count, width: $0) }
      engine.multiply(zip(weights, outputs).map { Product($0, into: $1) }, input: input, count: count)
      return outputs.flatMap { output in (0..<count).map { output[row: $0] } }
    }
    for kernels in KernelSet.available {
      let plain = ComputeEngine(kernels: kernels, threads: 1)
      for threads in [1, 3] {
        let packing = ComputeEngine(kernels: kernels, threads: threads)
        packing.pack(weights, within: .max)
        let used = [1, 4, 5, 48, 49].map { packing.copies(count: $0) != nil }
        let isOfUse = kernels.name != "scalar"
        #expect(used == [false, false, isOfUse, isOfUse, false])
        for count in [1, 4, 5, 16, 48, 49] {
          #expect(run(packing, count: count) == run(plain, count: count), "\(kernels.name), \(count) columns")
        }
      }
    }
  }

  /// Parts of a weight begin where the whole does.
  @Test func weightsAtOnePlaceAreNotMixedUp() throws {
    var random = Random(state: 13)
    let whole = try mappedWeight(
      BlockFormat.q4_1.randomRows(2000, width: Self.width, &random), .q4_1, rows: 2000, width: Self.width)
    let part = whole.rows(0..<40)
    let region = try #require(whole.region.file.region(at: 0, length: 20 * 144))
    let other = try #require(
      WeightMatrix(name: "o", format: .q4_k, rows: 20, width: Self.width, region: region))
    let input = FloatMatrix(rows: 6, width: Self.width)
    for row in 0..<6 { input[row: row] = (0..<Self.width).map { _ in random.float(-2...2) } }
    for kernels in KernelSet.available {
      let (plain, packing) = (ComputeEngine(kernels: kernels, threads: 1), ComputeEngine(kernels: kernels, threads: 2))
      packing.pack([whole, part, other, part], within: .max)
      for weight in [whole, part] {
        let (expected, found) = (FloatMatrix(rows: 6, width: weight.rows), FloatMatrix(rows: 6, width: weight.rows))
        plain.multiply([Product(weight, into: expected)], input: input, count: 6)
        packing.multiply([Product(weight, into: found)], input: input, count: 6)
        #expect((0..<6).allSatisfy { found[row: $0] == expected[row: $0] })
      }
    }
  }

  @Test func takesNoMoreThanAllowed() throws {
    var random = Random(state: 12)
    let weights = try Self.weights([64, 32, 32, 32], &random)
    for kernels in KernelSet.available {
      let engine = ComputeEngine(kernels: kernels, threads: 2)
      // Codes and float32 scales of 128 rows: Q4_1 and Q4_K have nibbles and, for 32 values, a scale and a minimum, Q6_K
      // has bytes and, for 16 values, a scale. Floats are not copied.
      let bytes = 96 * Self.width / 32 * (16 + 8) + 32 * Self.width / 32 * (32 + 8)
      let isOfUse = kernels.name != "scalar"
      let copies = PackedWeights(weights, within: bytes, engine: engine)
      #expect((copies != nil) == isOfUse)
      #expect(PackedWeights(weights, within: bytes - 1, engine: engine) == nil)
      #expect(PackedWeights([], within: bytes, engine: engine) == nil)
      #expect((copies?.start(of: weights[0]) != nil) == isOfUse)
      #expect(copies?.start(of: weights[3]) == nil)
    }
  }
}
