// The benchmark: its formulas against numbers worked out by hand for a tiny model, and runs of every kind of test.
import Compute
import TestModels
import Testing

@testable import Generation
@testable import Model

@Suite struct BenchmarkTests {
  /// Layer matrices of 32x32, 32x16 twice, 32x32, and 32x48 three times: 7,680 weights; two layers; float32.
  @Test func costsAreTheShapes() throws {
    let costs = try TinyModel.open().checkpoint.costs()
    #expect(costs.layerMultiplyAccumulates == 15_360)
    #expect(costs.headMultiplyAccumulates == 8_384)
    #expect(costs.layerBytes == 61_440)
    #expect(costs.headBytes == 33_536)
    // One key and one value of 16 values, two bytes each.
    #expect(costs.positionBytes == 64)
    #expect(costs.cacheBytes(seeing: 10) == 1_280)
  }

  @Test func aWindowBoundsWhatIsRead() {
    let costs = ModelCosts(
      layerMultiplyAccumulates: 1, headMultiplyAccumulates: 1, layerBytes: 1, headBytes: 1, positionBytes: 10,
      windows: [8, nil], sketchBytes: 3)
    #expect(costs.cacheBytes(seeing: 5) == 100)
    #expect(costs.cacheBytes(seeing: 20) == 280)
    // Of 2,001 positions a generated token reads 7 chunks by their sketches in the layer that sees all.
    #expect(costs.cacheBytes(seeing: 2001) == 80 + 20_010)
    #expect(costs.cacheBytes(seeing: 2001, isGenerated: true) == 80 + 2_090 + 5_376)
  }

  @Test func limitsByHand() throws {
    let costs = try TinyModel.open().checkpoint.costs()
    func limit(_ test: BenchmarkTest, bytes: Double, operations: Double) -> Double {
      test.limit(
        costs: costs, limits: MachineLimits(bytesPerSecond: bytes, multiplyAccumulatesPerSecond: operations))
    }
    // Two steps of two sequences, which see 4 and then 5 positions of 128 bytes each: 94,976 + 1,024 bytes, then
    // 94,976 + 1,280; or 2 * 23,744 multiply-accumulates each.
    let generation = BenchmarkTest.generation(2, depth: 3, parallel: 2)
    #expect(abs(limit(generation, bytes: 1e6, operations: 1e9) - 4 / 0.192256) < 1e-9)
    #expect(abs(limit(generation, bytes: 1e9, operations: 1e6) - 4 / 0.094976) < 1e-9)
    // 600 tokens: 600 * 15,360 multiply-accumulates and 8,384 for the last row's logits. Batches of 512 and 88 read
    // 61,440 + 512 * 128 bytes, and 94,976 + 600 * 128.
    let prompt = BenchmarkTest.prompt(600)
    #expect(abs(limit(prompt, bytes: 1e9, operations: 1e6) - 600 / 9.224384) < 1e-9)
    #expect(abs(limit(prompt, bytes: 1e6, operations: 1e9) - 600 / 0.298752) < 1e-9)
  }

  @Test func everyCombinationIsPlanned() {
    var plan = BenchmarkPlan()
    #expect(plan.tests.map(\.name) == ["pp512", "tg128"])
    plan.prompts = [8, 0]
    plan.generations = [4]
    plan.depths = [0, 16]
    plan.parallel = [1, 3]
    #expect(plan.tests.map(\.name) == ["pp8", "tg4", "tg4", "pp8", "tg4", "tg4"])
    #expect(plan.tests.map(\.parallel) == [1, 1, 3, 1, 1, 3])
    #expect(plan.tests.map(\.positions) == [8, 4, 4, 24, 20, 20])
  }

  @Test func speedsAreSummedUp() {
    let result = BenchmarkResult(test: .prompt(1), threads: 1, speeds: [10, 12, 14], limit: 48)
    #expect(result.mean == 12 && result.best == 14 && result.deviation == 2 && result.limitShare == 0.25)
    #expect(BenchmarkResult(test: .prompt(1), threads: 1, speeds: [3], limit: 6).deviation == 0)
  }

  @Test func everyKindOfTestRuns() throws {
    let benchmark = try Benchmark(TinyModel.open().checkpoint, capacity: 700, threads: 1)
    let tests: [BenchmarkTest] = [
      .prompt(1), .prompt(600), .generation(3, parallel: 5), .prompt(3, depth: 20),
      .generation(2, depth: 520, parallel: 3), .generation(2, depth: 1),
    ]
    for threads in [1, 2] {
      for test in tests {
        var told: [Int] = []
        let result = try benchmark.run(test, threads: threads, repetitions: 2) { told.append($0) }
        #expect(told == [0, 1, 2])
        #expect(result.test == test && result.threads == threads && result.speeds.count == 2)
        #expect(result.speeds.allSatisfy { $0 > 0 && $0.isFinite } && result.limit > 0)
      }
    }
  }
}
