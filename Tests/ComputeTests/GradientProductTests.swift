import Compute
import Foundation
import Testing

/// The products of training with weights of every format, against sums in double precision over the decoded weights.
@Suite struct GradientProductTests {
  private static let (rows, width, columns) = (70, 256, 37)

  private func weight(_ format: BlockFormat, _ random: inout Random) throws -> WeightMatrix {
    let bytes =
      BlockFormat.quantized.contains(format)
      ? format.randomRows(Self.rows, width: Self.width, &random)
      : (0..<Self.rows * Self.width).flatMap { _ in
        let value = random.float(-1...1)
        switch format {
        case .f32: return withUnsafeBytes(of: value) { Array($0) }
        case .f16: return withUnsafeBytes(of: Float16(value)) { Array($0) }
        default: return withUnsafeBytes(of: UInt16(value.bitPattern >> 16)) { Array($0) }
        }
      }
    let path = NSTemporaryDirectory() + "hypnos-\(UUID().uuidString)"
    defer { unlink(path) }
    try Data(bytes).write(to: URL(filePath: path))
    let file = try MappedFile(path: path)
    let region = try #require(file.region(at: 0, length: file.count))
    return try #require(
      WeightMatrix(name: "w", format: format, rows: Self.rows, width: Self.width, region: region))
  }

  private func matrix(_ columns: Int, _ width: Int, _ random: inout Random) -> FloatMatrix {
    let matrix = FloatMatrix(rows: columns, width: width)
    for row in 0..<columns { matrix[row: row] = (0..<width).map { _ in random.float(-3...3) } }
    return matrix
  }

  private func decoded(_ weight: WeightMatrix) -> [[Double]] {
    let engine = ComputeEngine(kernels: KernelSet.available[0], threads: 1)
    let row = FloatMatrix(rows: 1, width: Self.width)
    return (0..<Self.rows).map { index in
      engine.decode(weight, row: index, into: row, row: 0)
      return row[row: 0].map(Double.init)
    }
  }

  /// Sixteen bits: an eight-bit input is a hundred times further off.
  @Test(arguments: BlockFormat.allCases) func fineProductsKeepSixteenBitsOfTheInput(format: BlockFormat) throws {
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
        let size = zip(values[row], x).reduce(0) { $0 + $1.0 * $1.0 * $1.1 * $1.1 }.squareRoot()
        #expect(abs(Double(first[column][row]) - wanted) < 2e-4 * size)
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
        .multiplyBackward([BackwardProduct(weight, gradients: gradients)], count: Self.columns, addingTo: output)
      return (0..<Self.columns).map { output[row: $0] }
    }
    let first = run(KernelSet.available[0], threads: 1)
    for column in 0..<Self.columns {
      let g = gradients[row: column].map(Double.init)
      for index in 0..<Self.width {
        let wanted = (0..<Self.rows).reduce(0) { $0 + g[$1] * values[$1][index] }
        let size = (0..<Self.rows).reduce(0) { $0 + abs(g[$1] * values[$1][index]) }
        #expect(abs(Double(first[column][index]) - wanted) <= 1e-6 * size)
      }
    }
    for kernels in KernelSet.available { #expect(run(kernels, threads: 3) == first, "\(kernels.name)") }
  }
}
