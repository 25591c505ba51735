import Common
import Testing

@testable import Training

/// The optimizer, clipping and schedules against their definitions.
@Suite struct OptimizerTests {
  /// Values from the definition, computed apart in 64 bits.
  @Test func stepsAreThoseOfTheDefinition() {
    let gradients: [[Float]] = [[0.5, -0.25, 0], [1.5, 0.125, 1e-3], [-2, 0.75, -1e-3], [0.25, 0.25, 4]]
    let rates = [0.1, 0.05, 0.02, 0.01]
    let expected: [[Float]] = [
      [0.89000000, -0.39500000, 0.24750000],
      [0.83966095, -0.37970815, 0.20905618],
      [0.83920964, -0.38948517, 0.20954171],
      [0.83830347, -0.39494816, 0.20352101],
    ]
    // Spread over two matrices: their order must not matter.
    var parameters: [[Float]] = [[1, -0.5], [0.25]]
    var optimizer = AdamW(for: parameters)
    for (index, rate) in rates.enumerated() {
      optimizer.step(
        &parameters, gradients: [Array(gradients[index][..<2]), [gradients[index][2]]], rate: rate, weightDecay: 0.1)
      for (value, wanted) in zip(parameters.flatMap { $0 }, expected[index]) {
        #expect(abs(value - wanted) < 1e-6, "step \(index)")
      }
    }
    #expect(optimizer.steps == 4)
  }

  @Test func aScaledGradientIsTheSameAsASmallerOne() {
    var (left, right): ([[Float]], [[Float]]) = ([[1, 2]], [[1, 2]])
    var (first, second) = (AdamW(for: left), AdamW(for: right))
    first.step(&left, gradients: [[4, -8]], gradientScale: 0.25, rate: 0.1, weightDecay: 0)
    second.step(&right, gradients: [[1, -2]], rate: 0.1, weightDecay: 0)
    #expect(left == right)
    #expect(first == second)
  }

  @Test func clippingBoundsTheNormOfAllTogether() {
    let gradients: [[Float]] = [[3], [0, -4]]
    #expect(GradientClipping.norm(of: gradients) == 5)
    #expect(GradientClipping.scale(norm: 5, limit: nil) == 1)
    #expect(GradientClipping.scale(norm: 5, limit: 6) == 1)
    #expect(abs(GradientClipping.scale(norm: 5, limit: 1) - 0.2) < 1e-6)
    #expect(GradientClipping.scale(norm: 0, limit: 1) == 1)
  }

  @Test func schedules() {
    func rates(_ schedule: LearningRateSchedule, steps: Int, warmUp: Double) -> [Double] {
      (0..<steps).map { schedule.rate(step: $0, steps: steps, peak: 8, warmUp: warmUp) }
    }
    #expect(rates(.constant, steps: 8, warmUp: 0.375) == [2, 4, 6, 8, 8, 8, 8, 8])
    #expect(rates(.linear, steps: 4, warmUp: 0) == [8, 6, 4, 2])
    #expect(rates(.linear, steps: 5, warmUp: 0.2) == [4, 8, 6, 4, 2])
    for (rate, wanted) in zip(rates(.cosine, steps: 4, warmUp: 0), [8, 6.828427, 4, 1.171573]) {
      #expect(abs(rate - wanted) < 1e-6)
    }
    #expect(rates(.cosine, steps: 1, warmUp: 0.03) == [8])
    // A stage that is all warm-up rises to its end.
    #expect(rates(.cosine, steps: 3, warmUp: 1) == [2, 4, 6])
    for schedule in LearningRateSchedule.allCases {
      #expect(rates(schedule, steps: 500, warmUp: 0.03).allSatisfy { $0 > 0 && $0 <= 8 })
    }
  }

  @Test func figures() {
    #expect((-0.04 as Double).fixed(1) == "0.0")
    #expect((-1.25 as Double).fixed(1) == "-1.3")
    #expect((2 as Double).fixed(0) == "2")
    #expect(Double.nan.fixed(2) == "nan")
    // Times ten thousand it is more than a whole number holds.
    #expect((9.5e14 as Double).fixed(4) == "950000000000000.0")
    #expect((0.995 as Double).fixed(4) == "0.9950")
    #expect(Figure.loss(0.00004) == "0.0000")
    #expect(Figure.perplexity(88.0763) == "over 1e30" && Figure.perplexity(1000) == "inf")
    #expect(Figure.rate(2e-4) == "2e-4")
    #expect(Figure.rate(1.3749e-5) == "1.37e-5")
    #expect(Figure.duration(59.4) == "59 s")
    #expect(Figure.duration(3599) == "59 min 59 s")
    #expect(Figure.duration(90_000) == "1 d 1 h")
    #expect(Figure.duration(-1) == "?")
    #expect(grouped(1_234_567) == "1,234,567")
    #expect(Figure.bytes(3 << 29) == "1.50 GiB")
    #expect(Figure.bytes(5 << 19) == "2.5 MiB")
  }
}
