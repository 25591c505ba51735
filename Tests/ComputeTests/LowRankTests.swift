import CKernels
import Compute
import Foundation
import Testing

/// Low-rank terms: the kernel, the same bits whoever computes them, and the values of the definition.
@Suite struct LowRankTests {
  @Test(arguments: [HYPNOS_F32, HYPNOS_I8]) func everyTableAddsTheSameAndTheRight(format: Int) {
    var random = Random(state: 3)
    for (rank, width, columns) in [(1, 1, 1), (3, 15, 5), (16, 64, 4), (5, 100, 9), (40, 17, 2)] {
      let padded = (width + 15) / 16 * 16
      let tiles = (0..<padded * rank).map { _ in
        format == HYPNOS_I8 ? random.float(-127...127).rounded() : random.float(-1...1)
      }
      let bytes =
        format == HYPNOS_I8
        ? tiles.map { UInt8(bitPattern: Int8($0)) } : tiles.withUnsafeBytes { Array($0) }
      let factors = (0..<columns * rank).map { _ in random.float(-1...1) }
      let start = (0..<columns * width).map { _ in random.float(-1...1) }
      func run(_ table: hypnos_kernels) -> [Float] {
        var out = start
        table.add_low_rank(Int32(format), bytes, rank, width, factors, rank, columns, &out, width)
        return out
      }
      let expected = run(scalar)
      for (name, table) in tables { #expect(run(table) == expected, "\(name)") }
      for column in 0..<columns {
        for index in 0..<width {
          let sum = (0..<rank).reduce(Double(start[column * width + index])) {
            $0 + Double(factors[column * rank + $1]) * Double(tiles[(index / 16 * rank + $1) * 16 + index % 16])
          }
          #expect(abs(Double(expected[column * width + index]) - sum) < (format == HYPNOS_I8 ? 1e-3 : 1e-5))
        }
      }
    }
  }

  /// A mapped float32 weight.
  private func weight(_ values: [Float], rows: Int, width: Int) throws -> WeightMatrix {
    try mappedWeight(values.withUnsafeBytes { Array($0) }, .f32, rows: rows, width: width)
  }

  private func term(_ rank: Int, _ inputs: Int, _ outputs: Int, _ scale: Float, _ random: inout Random) -> LowRankTerm {
    LowRankTerm(
      LowRankMatrix(
        rank: rank, inputWidth: inputs, outputWidth: outputs,
        a: (0..<rank * inputs).map { _ in random.float(-1...1) },
        b: (0..<outputs * rank).map { _ in random.float(-1e-4...1e-4) }), scale: scale)
  }

  /// What `terms` add to output `row` for input `x`, in Double.
  private func exact(_ terms: [LowRankTerm], row: Int, x: [Float]) -> Double {
    terms.reduce(0.0) { sum, term in
      let matrix = term.matrix
      return sum
        + (0..<matrix.rank).reduce(0.0) { partial, index in
          let inner = x.indices.reduce(0.0) { $0 + Double(matrix.a[index * x.count + $1]) * Double(x[$1]) }
          return partial + Double(term.scale) * Double(matrix.b[row * matrix.rank + index]) * inner
        }
    }
  }

  @Test(arguments: [LowRankPrecision.exact, .halves, .bytes])
  func termsAreAddedBesideTheProduct(precision: LowRankPrecision) throws {
    var random = Random(state: 5)
    let (width, rows, count) = (precision == .bytes ? 192 : 50, [70, 33, 16], 37)
    // The weights are zero, so that the products are the terms alone.
    let weights = try rows.map { rows in
      guard precision == .bytes else {
        return try weight(Array(repeating: 0, count: rows * width), rows: rows, width: width)
      }
      return try mappedWeight(Array(repeating: 0, count: rows * width / 32 * 34), .q8_0, rows: rows, width: width)
    }
    let terms = [
      [term(3, width, 70, 2, &random), term(16, width, 70, -0.5, &random)], [], [term(4, width, 16, 1, &random)],
    ]
    let input = FloatMatrix(rows: count, width: width)
    for row in 0..<count { input[row: row] = (0..<width).map { _ in random.float(-1...1) } }
    func run(_ kernels: KernelSet, threads: Int, count: Int) -> [[Float]] {
      let engine = ComputeEngine(kernels: kernels, threads: threads)
      let outputs = rows.map { FloatMatrix(rows: count, width: $0) }
      engine.multiply(
        zip(weights, outputs).map { Product($0, into: $1) }, input: input, count: count,
        adding: LowRankUpdate(terms, precision: precision))
      return outputs.flatMap { output in (0..<count).map { output[row: $0] } }
    }
    let expected = run(KernelSet.available[0], threads: 1, count: count)
    for kernels in KernelSet.available {
      for threads in [1, 3] { #expect(run(kernels, threads: threads, count: count) == expected) }
      let alone = run(kernels, threads: 3, count: 1)
      #expect(alone == [0, count, 2 * count].map { expected[$0] })
    }
    // In bytes the input, A and B are off by up to 1/254 of their largest values, 1, 1 and 1e-4: by a thousandth in the
    // mean, some 4e-4 for each of up to 19 ranks with sums of 192 products in the mean of 4.6.
    let tolerance = precision == .exact ? 1e-9 : precision == .halves ? 2e-6 : 4e-5
    for (product, size) in rows.enumerated() {
      for column in [0, 5, 36] {
        for row in 0..<size {
          let found = Double(expected[product * count + column][row])
          #expect(abs(found - exact(terms[product], row: row, x: input[row: column])) < tolerance)
        }
      }
    }
  }

  @Test(arguments: [LowRankPrecision.exact, .halves, .bytes])
  func whatIsNotFiniteIsNotLost(precision: LowRankPrecision) throws {
    for (spoiled, scale) in [(0, Float(1)), (1, 1), (2, .infinity)] {
      var matrix = LowRankMatrix(
        rank: 1, inputWidth: 32, outputWidth: 16, a: Array(repeating: 1, count: 32), b: Array(repeating: 1, count: 16))
      if spoiled == 0 { matrix.a[3] = .nan }
      if spoiled == 1 { matrix.b[3] = .infinity }
      let weight = try mappedWeight(Array(repeating: 0, count: 16 * 34), .q8_0, rows: 16, width: 32)
      let output = FloatMatrix(rows: 1, width: 16)
      let input = FloatMatrix(rows: 1, width: 32)
      input[row: 0] = Array(repeating: 1, count: 32)
      ComputeEngine(kernels: KernelSet.available[0], threads: 1).multiply(
        [Product(weight, into: output)], input: input, count: 1,
        adding: LowRankUpdate([[LowRankTerm(matrix, scale: scale)]], precision: precision))
      #expect(!output.isFinite(row: 0))
    }
  }

  @Test func mergedRowsAreTheSum() throws {
    var random = Random(state: 9)
    let values = (0..<20 * 30).map { _ in random.float(-1...1) }
    let terms = [term(3, 30, 20, 2, &random), term(2, 30, 20, 1, &random)]
    let merged = MergedWeight(
      try weight(values, rows: 20, width: 30), adding: terms, kernels: KernelSet.available[0])
    for row in [0, 7, 19] {
      let (base, change) = merged.row(row)
      #expect(base == Array(values[row * 30..<(row + 1) * 30]))
      for column in 0..<30 {
        let unit = (0..<30).map { $0 == column ? Float(1) : 0 }
        #expect(abs(Double(change[column]) - exact(terms, row: row, x: unit)) < 1e-9)
      }
    }
  }

  @Test func poolMapKeepsTheOrder() {
    let pool = WorkerPool(threads: 3)
    #expect(pool.map(100) { "\($0)" } == (0..<100).map(String.init))
    #expect(pool.map(0) { $0 }.isEmpty)
  }
}

/// Encoding into blocks, against the bytes of the `gguf` package's reference quantizers.
@Suite struct EncodingTests {
  /// Sixty-four values, the second half mostly zero.
  static let values: [Float] = (0..<64).map { (index: Int) -> Float in
    guard index < 40 else { return index == 41 ? 1e-3 : 0 }
    let step: Int = index * 7919 % 101 - 50
    return Float(Double(step) / 37)
  }

  @Test(arguments: [
    (
      BlockFormat.q8_0,
      "732181e951b92189f159c02990f861c830980068d0389f0870d740a70f77df47af1773217fe74fb61e86ee56"
        + "000000000000000000000000000000000000000000000000"
    ),
    (.q5_1, "6a2d68bd94526bad00ddaa774411eebb885522ffcc996633782d30bd95000000fffcf9f6f3f0fdfaffffffffffffffff"),
    (.q5_0, "682d94526bad00ddaa774411eebb885522ffcc99663368ad6affffff000306090c0f02050000000000000000"),
    (.q4_1, "983168bd80e65db32a80f75dc42a91f76ec43b91a73130bd7f767c737970767d7777777777777777"),
    (.q4_0, "683180f75dc42a80f75ec42b91f86ec43b9168b1808a838d868f89838888888888888888"),
  ])
  func bytesAreTheReferences(format: BlockFormat, expected: String) throws {
    let bytes = try #require(format.encode(Self.values))
    #expect(bytes.map { String(format: "%02x", $0) }.joined() == expected)
  }

  /// The K-quants, whose sub-blocks here differ in range: each value is off by half a step of its sub-block, and by what
  /// the rounding of scales adds.
  @Test(arguments: [(BlockFormat.q4_k, 15), (.q5_k, 31), (.q6_k, 63)])
  func superBlocksKeepTheirValues(format: BlockFormat, steps: Int) throws {
    var random = Random(state: 44)
    let ranges: [Float] = (0..<32).map { [1, 0.3, 0.02, 0, 2, 0.5, 1.5, 0.7][$0 / 2 % 8] }
    let values = (0..<512).map { index in random.float(-1...1) * ranges[index / 16] }
    let bytes = try #require(format.encode(values))
    for table in tables {
      var decoded = [Float](repeating: 0, count: 512)
      table.table.decode(Int32(format.rawValue), bytes, 512, &decoded)
      for (index, (found, value)) in zip(decoded, values).enumerated() {
        // From -1 to 1 the step is two parts of so many; six-bit scales of a range of 2 are off by a 126th of it, at
        // each of as many steps as the value is away from the lowest.
        let largest: Float = 2
        let bound = ranges[index / 16] / Float(steps) + largest / 63 * (format == .q6_k ? 0.3 : 1.1)
        #expect(abs(found - value) <= bound, "\(index)")
      }
      let errors = zip(decoded, values).map { Double($0 - $1) * Double($0 - $1) }
      let energy = values.reduce(0.0) { $0 + Double($1) * Double($1) }
      // Evenly spread over a step, the error is a twelfth of its square: for values evenly spread over the range, a
      // part of 1 in the steps' square; scales that are rounded may double it.
      #expect(errors.reduce(0, +) / energy < 2 / Double(steps * steps))
    }
  }

  @Test(arguments: BlockFormat.encodable.filter { $0.blockWidth <= 32 })
  func theirOwnValuesComeBack(format: BlockFormat) throws {
    let bytes = try #require(format.encode(Self.values))
    func decode(_ bytes: [UInt8]) -> [Float] {
      var out = [Float](repeating: 0, count: 64)
      scalar.decode(Int32(format.rawValue), bytes, 64, &out)
      return out
    }
    let decoded = decode(bytes)
    // Q4_0 holds the largest of these, 1.35, as seven of the eight steps that the smallest takes.
    let tolerance: Float = format == .q4_0 ? 0.18 : format == .q4_1 ? 0.11 : 0.09
    #expect(zip(decoded, Self.values).allSatisfy { abs($0 - $1) <= tolerance })
    if [.f32, .f16, .bf16].contains(format) { #expect(format.encode(decoded) == bytes) }
  }

  @Test func whatCannotBeWrittenIsRefused() {
    #expect(BlockFormat.q3_k.encode(Array(repeating: 0, count: 256)) == nil)
    #expect(BlockFormat.q4_k.encode(Array(repeating: 0, count: 255)) == nil)
    #expect(BlockFormat.q4_0.encode(Array(repeating: 0, count: 33)) == nil)
  }

  @Test(arguments: BlockFormat.encodable) func valuesThatAreNotFiniteDoNotTrap(format: BlockFormat) throws {
    for value in [Float.nan, .infinity, -.infinity, .greatestFiniteMagnitude, .leastNonzeroMagnitude] {
      var values = [Float](repeating: 1, count: 256)
      values[3] = value
      #expect(format.encode(values)?.count == format.rowBytes(width: 256))
    }
  }
}
