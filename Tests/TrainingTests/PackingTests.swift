import Common
import Testing

@testable import Training

/// What holds for every packing, on examples of random lengths.
@Suite struct PackingTests {
  /// `count` examples of random lengths up to `longest`; the first token says which one it is.
  private func examples(_ count: Int, longest: Int, seed: UInt64) -> [TrainingExample] {
    var generator = SplitMix64(seed: seed)
    return (0..<count).map { index in
      let length = 2 + generator.next(below: longest - 1)
      let tokens = [Int32(index)] + (1..<length).map { _ in Int32(generator.next(below: 1000)) }
      let mask = tokens.map { _ in generator.next(below: 2) == 0 }
      return TrainingExample(tokens: tokens, lossMask: mask, source: .init(file: 0, line: index + 1))
    }
  }

  @Test(arguments: [(1, 64, 1), (2, 64, 2), (37, 64, 3), (500, 64, 4), (500, 10, 5), (333, 33, 6)])
  func everyExampleOnceAndNothingTooLong(count: Int, longest: Int, seed: Int) {
    let all = examples(count, longest: longest, seed: UInt64(seed))
    let packing = Packing(all, sequenceLength: 64)
    let plain = packing.sequences()
    for sequences in [plain, packing.sequences(seed: 9, epoch: 0), packing.sequences(seed: 9, epoch: 1)] {
      #expect(sequences.allSatisfy { $0.tokenCount <= 64 && !$0.segments.isEmpty })
      let packed = sequences.flatMap(\.segments).sorted { $0.tokens[0] < $1.tokens[0] }
      #expect(packed == all)
      #expect(sequences.reduce(0) { $0 + $1.targetCount } == all.reduce(0) { $0 + $1.targetCount })
      #expect(sequences.count == plain.count)
      // First fit leaves at most one sequence half empty.
      #expect(sequences.count { 2 * $0.tokenCount <= 64 } <= 1)
    }
  }

  @Test func theOrderFollowsFromSeedAndEpochAlone() {
    let all = examples(200, longest: 64, seed: 7)
    let packing = Packing(all, sequenceLength: 64)
    let first = packing.sequences(seed: 3, epoch: 2)
    _ = packing.sequences(seed: 3, epoch: 0)
    #expect(Packing(all, sequenceLength: 64).sequences(seed: 3, epoch: 2) == first)
    #expect(packing.sequences(seed: 3, epoch: 3) != first)
    #expect(packing.sequences(seed: 4, epoch: 2) != first)
  }

  @Test func lengthsThatFitTogetherShare() {
    let lengths = [10, 6, 4, 7, 3, 10]
    let all = lengths.map {
      TrainingExample(
        tokens: [Int32](repeating: 1, count: $0), lossMask: [Bool](repeating: true, count: $0),
        source: .init(file: 0, line: 1))
    }
    let sequences = Packing(all, sequenceLength: 10).sequences()
    #expect(sequences.map { $0.segments.map(\.tokens.count) } == [[10], [10], [7, 3], [6, 4]])
    #expect(Packing([], sequenceLength: 10).sequences(seed: 0, epoch: 0).isEmpty)
  }

  /// The generator's first numbers from state 1234567, as the author's program prints them, are reached from any
  /// seed that mixes to that state; here the mixing itself is held against them.
  @Test func mixingIsSplitMix64() {
    let increment: UInt64 = 0x9e37_79b9_7f4a_7c15
    #expect(SplitMix64.mixed(1_234_567 &+ increment) == 6_457_827_717_110_365_317)
    #expect(SplitMix64.mixed(1_234_567 &+ 2 &* increment) == 3_203_168_211_198_807_973)
  }
}
