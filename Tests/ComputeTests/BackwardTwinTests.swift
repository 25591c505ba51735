import Compute
import Foundation
import Testing

/// Each backward twin against central differences of its forward function written down in double precision, the same
/// bits on every kernel set. The loss is always the sum of the outputs times fixed slopes.
@Suite struct BackwardTwinTests {
  private typealias Function = ([Double]) -> [Double]

  /// The gradients of `slopes` times `function` by each value of `x`.
  private func differences(_ function: Function, at x: [Float], slopes: [Float]) -> [Double] {
    let x = x.map(Double.init)
    func loss(_ x: [Double]) -> Double { zip(function(x), slopes).reduce(0) { $0 + $1.0 * Double($1.1) } }
    return x.indices.map { index in
      var (above, below) = (x, x)
      above[index] += 1e-5
      below[index] -= 1e-5
      return (loss(above) - loss(below)) / 2e-5
    }
  }

  /// Runs `twin` on every kernel set, and holds its result against `expected`.
  private func check(_ expected: [Double], within tolerance: Double = 2e-5, _ twin: (ComputeEngine) -> [Float]) {
    let first = twin(ComputeEngine(kernels: KernelSet.available[0], threads: 1))
    let peak = expected.map(abs).max() ?? 0
    #expect(first.count == expected.count && peak > 0)
    for (found, wanted) in zip(first, expected) { #expect(abs(Double(found) - wanted) < tolerance * peak) }
    for kernels in KernelSet.available {
      #expect(twin(ComputeEngine(kernels: kernels, threads: 3)) == first, "\(kernels.name)")
    }
  }

  private func numbers(_ count: Int, seed: UInt64, _ range: ClosedRange<Float> = -2...2) -> [Float] {
    var random = Random(state: seed)
    return (0..<count).map { _ in random.float(range) }
  }

  private func matrix(_ values: [Float], width: Int? = nil) -> FloatMatrix {
    let width = width ?? values.count
    let matrix = FloatMatrix(rows: values.count / width, width: width)
    for row in 0..<matrix.rows { matrix[row: row] = Array(values[row * width..<(row + 1) * width]) }
    return matrix
  }

  private func values(_ matrix: FloatMatrix) -> [Float] { (0..<matrix.rows).flatMap { matrix[row: $0] } }

  private func rmsNorm(_ x: [Double], _ weights: [Float]) -> [Double] {
    let scale = 1 / (x.reduce(0) { $0 + $1 * $1 } / Double(x.count) + 1e-5).squareRoot()
    return zip(x, weights).map { $0 * scale * Double($1) }
  }

  @Test(arguments: [5, 32, 50]) func norms(width: Int) {
    let (x, weights, slopes) = (numbers(width, seed: 1), numbers(width, seed: 2), numbers(width, seed: 3))
    check(differences({ rmsNorm($0, weights) }, at: x, slopes: slopes)) { engine in
      let gradients = matrix(slopes)
      engine.normalizeBackward(gradients, input: matrix(x), weights: matrix(weights), epsilon: 1e-5, row: 0)
      return values(gradients)
    }
  }

  @Test func normsOfHeads() {
    let (x, weights, slopes) = (numbers(60, seed: 4), numbers(20, seed: 5), numbers(60, seed: 6))
    let function: Function = { x in
      stride(from: 0, to: 60, by: 20).flatMap { rmsNorm(Array(x[$0..<$0 + 20]), weights) }
    }
    check(differences(function, at: x, slopes: slopes)) { engine in
      let gradients = matrix(slopes)
      engine.normalizeHeadsBackward(gradients, input: matrix(x), weights: matrix(weights), epsilon: 1e-5, row: 0)
      return values(gradients)
    }
  }

  @Test(arguments: [RotaryPairing.halves, .neighbours]) func rotation(pairing: RotaryPairing) {
    // Two heads of twelve values, ten of them rotated.
    let (x, slopes, turns) = (numbers(24, seed: 7), numbers(24, seed: 8), numbers(5, seed: 9))
    let function: Function = { x in
      var result = x
      for start in [0, 12] {
        for pair in 0..<5 {
          let (i, j) = pairing == .halves ? (pair, pair + 5) : (2 * pair, 2 * pair + 1)
          let (c, s) = (cos(Double(turns[pair])), sin(Double(turns[pair])))
          result[start + i] = x[start + i] * c - x[start + j] * s
          result[start + j] = x[start + i] * s + x[start + j] * c
        }
      }
      return result
    }
    check(differences(function, at: x, slopes: slopes)) { engine in
      let (gradients, angles) = (matrix(slopes), RotaryAngles(rows: 1, size: 10))
      angles.set(row: 0, cosines: turns.map { Float(cos(Double($0))) }, sines: turns.map { Float(sin(Double($0))) })
      engine.rotateBackward(gradients, headSize: 12, angles: angles, pairing: pairing, row: 0)
      return values(gradients)
    }
  }

  @Test(arguments: [GatedActivation.silu, .gelu]) func gatedActivations(activation: GatedActivation) {
    let (x, slopes) = (numbers(2 * 35, seed: 10, -4...4), numbers(35, seed: 11))
    let function: Function = { x in
      (0..<35).map { index in
        let gate = x[index]
        let inner = (2 / Double.pi).squareRoot() * (gate + 0.044715 * gate * gate * gate)
        let value = activation == .silu ? gate / (1 + exp(-gate)) : 0.5 * gate * (1 + tanh(inner))
        return value * x[35 + index]
      }
    }
    check(differences(function, at: x, slopes: slopes)) { engine in
      let (gate, up) = (matrix(Array(x[..<35])), matrix(Array(x[35...])))
      engine.gateBackward(matrix(slopes), gate: gate, up: up, activation: activation, row: 0)
      return values(gate) + values(up)
    }
  }

  /// Segments of which some begin with rows of others, six query heads over two of keys and values, a window shorter
  /// than most of them. Rounded to 16 bits, a score is off by some ten-thousandths.
  @Test(arguments: [nil, 3], [false, true]) func attention(window: Int?, isFine: Bool) {
    let (rows, heads, shared, size) = (14, 6, 2, 5)
    let runs: [[Range<Int>]] = [[0..<6], [0..<4, 6..<9], [0..<4, 6..<7, 9..<11], [0..<2, 11..<12], [12..<14]]
    let segments = runs.map { AttentionSegment(keys: $0, queries: $0[$0.count - 1]) }
    let layout = AttentionLayout(segments: segments, places: Array(0..<rows), window: window)
    func seen(_ row: Int) -> ArraySlice<Int> {
      let keys = runs.first { $0[$0.count - 1].contains(row) }!.flatMap(Array.init).prefix { $0 <= row }
      return keys.suffix(window ?? keys.count)
    }
    let (queryCount, keyCount) = (rows * heads * size, rows * shared * size)
    let x = numbers(queryCount + 2 * keyCount, seed: 12)
    let slopes = numbers(queryCount, seed: 13)
    let function: Function = { x in
      var result: [Double] = []
      for row in 0..<rows {
        for head in 0..<heads {
          func value(_ base: Int, _ key: Int, _ index: Int) -> Double {
            x[base + (key * shared + head / (heads / shared)) * size + index]
          }
          let scores = seen(row).map { key in
            (0..<size).reduce(0.0) { $0 + x[(row * heads + head) * size + $1] * value(queryCount, key, $1) } * 0.4
          }
          let weights = scores.map { exp($0) }
          let sum = weights.reduce(0, +)
          result += (0..<size).map { index in
            zip(seen(row), weights).reduce(0) { $0 + $1.1 / sum * value(queryCount + keyCount, $1.0, index) }
          }
        }
      }
      return result
    }
    check(differences(function, at: x, slopes: slopes), within: isFine ? 5e-4 : 2e-5) { engine in
      let queries = matrix(Array(x[..<queryCount]), width: heads * size)
      let keys = matrix(Array(x[queryCount..<queryCount + keyCount]), width: shared * size)
      let values = matrix(Array(x[(queryCount + keyCount)...]), width: shared * size)
      let found = [queries, keys, values].map { FloatMatrix(rows: rows, width: $0.width) }
      let (output, logSums) = (FloatMatrix(rows: rows, width: heads * size), FloatMatrix(rows: rows, width: heads))
      let shape = AttentionShape(heads: heads, keyValueHeads: shared, size: size, scale: 0.4)
      let attention: any TrainingAttention =
        isFine ? FineAttention(shape, rows: rows, engine) : PlainAttention(shape, rows: rows)
      attention.forward(
        engine, layout, queries: queries, keys: keys, values: values, into: output, logSums: logSums)
      attention.backward(
        engine, layout, gradients: matrix(slopes, width: heads * size), queries: (found[0], queries),
        keys: (found[1], keys), values: (found[2], values), logSums: logSums)
      return found.flatMap { self.values($0) }
    }
  }

  /// The softmax over a vocabulary in slices: sums of exponentials and what rises with the maximum.
  @Test func slicesOfASoftmax() {
    let logits = numbers(90, seed: 14, -6...6)
    let total = logits.reduce(0.0) { $0 + exp(Double($1)) }
    check(logits.map { exp(Double($0)) / total }) { engine in
      let running = matrix([-.infinity, 0])
      var shares: [Float] = []
      for first in stride(from: 0, to: 90, by: 30) {
        let slice = matrix(Array(logits[first..<first + 30]))
        let factor = engine.exponentiate(slice, row: 0, running: running)
        shares = shares.map { $0 * factor } + values(slice)
      }
      return shares.map { $0 / running[0, 1] }
    }
  }

  @Test func lowRankTerms() {
    let (rank, inputs, outputs, columns) = (3, 20, 18, 40)
    let a = numbers(rank * inputs, seed: 15)
    let b = numbers(outputs * rank, seed: 16)
    let (x, slopes) = (numbers(columns * inputs, seed: 17), numbers(columns * outputs, seed: 18))
    let function: Function = { all in
      let (a, b, x) = (
        all[..<a.count], all[a.count..<a.count + b.count], all[(a.count + b.count)...]
      )
      return (0..<columns).flatMap { column in
        let reduced = (0..<rank).map { r in
          (0..<inputs).reduce(0.0) { $0 + a[r * inputs + $1] * x[x.startIndex + column * inputs + $1] } * 0.5
        }
        return (0..<outputs).map { row in
          (0..<rank).reduce(0.0) { $0 + b[b.startIndex + row * rank + $1] * reduced[$1] }
        }
      }
    }
    check(differences(function, at: a + b + x, slopes: slopes)) { engine in
      let term = TrainedLowRank(rank: rank, inputWidth: inputs, outputWidth: outputs, scale: 0.5)
      term.set(a: a, b: b)
      let (input, gradients) = (matrix(x, width: inputs), matrix(slopes, width: outputs))
      let (reduced, reducedGradients) = (
        FloatMatrix(rows: columns, width: rank), FloatMatrix(rows: columns, width: rank)
      )
      let (output, inputGradients) = (
        FloatMatrix(rows: columns, width: outputs), FloatMatrix(rows: columns, width: inputs)
      )
      engine.addLowRank([LowRankProduct(term, input: input, reduced: reduced, output: output)], count: columns)
      engine.addLowRankBackward(
        [LowRankProduct(term, input: inputGradients, reduced: reducedGradients, output: gradients)], count: columns,
        toInputs: true)
      var (ofA, ofB) = ([Float](repeating: 0, count: a.count), [Float](repeating: 0, count: b.count))
      engine.addTransposedProduct(reducedGradients, input, count: columns, to: &ofA)
      engine.addTransposedProduct(gradients, reduced, count: columns, to: &ofB)
      return ofA + ofB + values(inputGradients)
    }
  }
}
