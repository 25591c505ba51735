import Foundation
import Testing

@testable import Compute

/// The products of training with weights of every format, against sums in double precision over the decoded weights.
@Suite struct GradientProductTests {
  private static let (rows, width, columns) = (70, 256, 37)

  private func weight(
    _ format: BlockFormat, rows: Int = rows, width: Int = width, _ random: inout Random
  ) throws -> WeightMatrix {
    let bytes =
      BlockFormat.quantized.contains(format)
      ? format.randomRows(rows, width: width, &random)
      : (0..<rows * width).flatMap { _ in
        let value = random.float(-1...1)
        switch format {
        case .f32: return withUnsafeBytes(of: value) { Array($0) }
        case .f16: return withUnsafeBytes(of: Float16(value)) { Array($0) }
        default: return withUnsafeBytes(of: UInt16(value.bitPattern >> 16)) { Array($0) }
        }
      }
    return try mappedWeight(bytes, format, rows: rows, width: width)
  }

  private func matrix(_ columns: Int, _ width: Int, _ random: inout Random) -> FloatMatrix {
    let matrix = FloatMatrix(rows: columns, width: width)
    for row in 0..<columns { matrix[row: row] = (0..<width).map { _ in random.float(-3...3) } }
    return matrix
  }

  private func decoded(_ weight: WeightMatrix) -> [[Double]] {
    let engine = ComputeEngine(kernels: KernelSet.available[0], threads: 1)
    let row = FloatMatrix(rows: 1, width: weight.width)
    return (0..<weight.rows).map { index in
      engine.decode(weight, row: index, into: row, row: 0)
      return row[row: 0].map(Double.init)
    }
  }

  /// How far off a fine product may be: half of a 5791st of the largest value, for each value on both sides. With 8
  /// bits it would be 45 times as much.
  private func roundingBound(_ x: [Double], _ y: [Double]) -> Double {
    let (largestX, largestY) = (x.map(abs).max() ?? 0, y.map(abs).max() ?? 0)
    return zip(x, y).reduce(0) { $0 + (abs($1.0) * largestY + abs($1.1) * largestX) * 0.505 / 5791 }
  }

  @Test(arguments: BlockFormat.allCases) func fineProductsAreThoseOfTheValues(format: BlockFormat) throws {
    var random = Random(state: 21)
    let weight = try weight(format, &random)
    let (input, values) = (matrix(Self.columns, Self.width, &random), decoded(weight))
    func run(_ kernels: KernelSet, threads: Int, count: Int) -> [[Float]] {
      let output = FloatMatrix(rows: count, width: Self.rows)
      ComputeEngine(kernels: kernels, threads: threads)
        .multiplyFinely([Product(weight, into: output)], input: input, count: count)
      return (0..<count).map { output[row: $0] }
    }
    let first = run(KernelSet.available[0], threads: 1, count: Self.columns)
    for column in 0..<Self.columns {
      let x = input[row: column].map(Double.init)
      for row in 0..<Self.rows {
        let wanted = zip(values[row], x).reduce(0) { $0 + $1.0 * $1.1 }
        #expect(abs(Double(first[column][row]) - wanted) <= roundingBound(values[row], x))
      }
    }
    for kernels in KernelSet.available {
      #expect(run(kernels, threads: 3, count: Self.columns) == first, "\(kernels.name)")
      #expect(run(kernels, threads: 1, count: 1) == [first[0]], "\(kernels.name)")
    }
  }

  @Test(arguments: BlockFormat.allCases) func everyFormatGivesTheGradientsOfItsValues(format: BlockFormat) throws {
    var random = Random(state: 22)
    let weight = try weight(format, &random)
    let (gradients, values) = (matrix(Self.columns, Self.rows, &random), decoded(weight))
    func run(_ kernels: KernelSet, threads: Int) -> [[Float]] {
      let output = FloatMatrix(rows: Self.columns, width: Self.width)
      ComputeEngine(kernels: kernels, threads: threads)
        .multiplyBackward([BackwardProduct(weight, gradients: gradients)], count: Self.columns, into: output)
      return (0..<Self.columns).map { output[row: $0] }
    }
    let first = run(KernelSet.available[0], threads: 1)
    let isPlain = !BlockFormat.quantized.contains(format)
    for column in 0..<Self.columns {
      let g = gradients[row: column].map(Double.init)
      for index in 0..<Self.width {
        let w = (0..<Self.rows).map { values[$0][index] }
        let wanted = zip(w, g).reduce(0) { $0 + $1.0 * $1.1 }
        let size = isPlain ? zip(w, g).reduce(0) { $0 + 1e-6 * abs($1.0 * $1.1) } : roundingBound(w, g)
        #expect(abs(Double(first[column][index]) - wanted) <= size)
      }
    }
    for kernels in KernelSet.available { #expect(run(kernels, threads: 3) == first, "\(kernels.name)") }
  }

  /// Products with a common input, quantized and not, of widths that fill no block: their gradients add up, replace
  /// what stood there or are added to it.
  @Test func severalProductsAddUp() throws {
    var random = Random(state: 25)
    let (width, count) = (160, 9)
    let weights = try [(BlockFormat.q4_1, 70), (.f32, 33), (.q8_0, 130)].map {
      try weight($0.0, rows: $0.1, width: width, &random)
    }
    let products = weights.map { BackwardProduct($0, gradients: matrix(count, $0.rows, &random)) }
    let gradients = products.map { product in (0..<count).map { product.gradients[row: $0].map(Double.init) } }
    let values = weights.map(decoded)
    for kernels in KernelSet.available {
      let output = FloatMatrix(rows: count, width: width)
      for row in 0..<count { output[row: row] = [Float](repeating: .nan, count: width) }
      let engine = ComputeEngine(kernels: kernels, threads: 2)
      for (times, isAdding) in [(1.0, false), (2.0, true)] {
        engine.multiplyBackward(products, count: count, into: output, isAdding: isAdding)
        for row in 0..<count {
          for column in 0..<width {
            let terms = zip(values, gradients).map { (values: $0.0.map { $0[column] }, gradients: $0.1[row]) }
            let wanted = terms.reduce(0) { $0 + zip($1.values, $1.gradients).reduce(0) { $0 + $1.0 * $1.1 } }
            let bound = terms.reduce(0) { $0 + roundingBound($1.values, $1.gradients) }
            #expect(abs(Double(output[row, column]) - times * wanted) <= times * bound)
          }
        }
      }
    }
  }

  /// More rows, values and columns than are laid out or multiplied at once, and ends that fill no block and no panel.
  @Test func productsLongerThanAPanelAreSummedToTheirEnd() throws {
    var random = Random(state: 23)
    let (rows, width, count) = (1105, 1120, 150)
    let weight = try weight(.q4_1, rows: rows, width: width, &random)
    let values = decoded(weight)
    func expect(_ results: FloatMatrix, _ left: (_ index: Int) -> [Double], _ right: (_ column: Int) -> [Double]) {
      for (column, index) in [(0, 0), (149, results.width - 1), (77, 1024), (13, 513), (140, 1100)] {
        let (x, y) = (left(index), right(column))
        let wanted = zip(x, y).reduce(0) { $0 + $1.0 * $1.1 }
        #expect(abs(Double(results[column, index]) - wanted) <= roundingBound(x, y))
      }
    }
    let (input, gradients) = (matrix(count, width, &random), matrix(count, rows, &random))
    let engine = ComputeEngine(kernels: KernelSet.available[0], threads: 2)
    let (output, inputGradients) = (FloatMatrix(rows: count, width: rows), FloatMatrix(rows: count, width: width))
    engine.multiplyFinely([Product(weight, into: output)], input: input, count: count)
    engine.multiplyBackward([BackwardProduct(weight, gradients: gradients)], count: count, into: inputGradients)
    expect(output, { values[$0] }, { input[row: $0].map(Double.init) })
    expect(inputGradients, { index in values.map { $0[index] } }, { gradients[row: $0].map(Double.init) })
  }

  /// What is not a number reaches every result it belongs to, and nothing else.
  @Test func valuesThatAreNotFiniteAreNotRounded() throws {
    var random = Random(state: 24)
    let weight = try weight(.q8_0, &random)
    let input = matrix(3, Self.width, &random)
    input[1, 5] = .infinity
    input[2, 7] = .nan
    for kernels in KernelSet.available {
      let output = FloatMatrix(rows: 3, width: Self.rows)
      ComputeEngine(kernels: kernels, threads: 1)
        .multiplyFinely([Product(weight, into: output)], input: input, count: 3)
      #expect(output.isFinite(row: 0))
      for row in 1...2 { #expect(output[row: row].allSatisfy { !$0.isFinite }) }
    }
  }
}
