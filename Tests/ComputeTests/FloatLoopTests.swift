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
      var halves = [UInt16](repeating: 0, count: values.count)
      table.store_value(values, values.count, &halves)
      #expect(halves == values.map { Float16($0).bitPattern }, "\(name)")
    }
  }

  @Test(arguments: [64, 80, 24]) func attention(size: Int) {
    var random = Random(state: 11)
    let count = 200
    let queries = (0..<3 * size).map { _ in random.float(-0.5...0.5) }
    let keys = (0..<count * size).map { _ in random.float(-1...1) }
    let values = (0..<count * size).map { _ in random.float(-1...1) }
    let firsts: [Int32] = [0, 7, 150]
    let lasts: [Int32] = [200, 33, 199]
    let result = onEveryTable { table in
      let tiles = Aligned(256 * size * 2)
      let rows = Aligned(256 * size * 2)
      let tilePointer = tiles.pointer.assumingMemoryBound(to: UInt16.self)
      let rowPointer = rows.pointer.assumingMemoryBound(to: UInt16.self)
      for position in 0..<count {
        table.store_key(Array(keys[position * size..<(position + 1) * size]), size, position, tilePointer)
        table.store_value(
          Array(values[position * size..<(position + 1) * size]), size, rowPointer + position * size)
      }
      var maxima = [Float](repeating: 0, count: 3)
      var sums = maxima
      var outputs = [Float](repeating: 0, count: 3 * size)
      let scratch = Aligned(8 * 256 * 4)
      table.attend(
        queries, 3, size, tilePointer, rowPointer, firsts, lasts, &maxima, &sums, &outputs,
        scratch.pointer.assumingMemoryBound(to: Float.self))
      return (0..<3 * size).map { outputs[$0] / sums[$0 / size] }
    }
    for query in 0..<3 {
      var weights: [(Int, Double)] = []
      for position in Int(firsts[query])..<Int(lasts[query]) {
        let score = (0..<size).reduce(0.0) {
          $0 + Double(queries[query * size + $1]) * Double(Float16(keys[position * size + $1]))
        }
        weights.append((position, exp(score)))
      }
      let total = weights.reduce(0) { $0 + $1.1 }
      for index in 0..<size {
        let exact = weights.reduce(0.0) { $0 + $1.1 * Double(Float16(values[$1.0 * size + index])) } / total
        #expect(abs(Double(result[query * size + index]) - exact) < 1e-5)
      }
    }
  }
}
