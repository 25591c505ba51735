import Common
import Compute
import Foundation
import Model
import Testing

@testable import Training

/// Gradients of whole models against finite differences of their losses, on the tiny checkpoints of every architecture,
/// whose weights are floats; and what must not change them.
@Suite struct GradientTests {
  static let checkpoints = [
    "llama-separate-output", "llama-frequency-factors", "llama-linear-scaling", "llama-odd-sizes",
    "llama-partial-rotation", "llama-yarn", "qwen2", "qwen3", "qwen3-yarn", "gemma3", "gemma3-long",
  ]

  private static func checkpoint(_ name: String, _ kernels: KernelSet = KernelSet.available[0]) throws -> Checkpoint {
    let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    return try Checkpoint(
      path: tests.path + "/ModelTests/Fixtures/Architectures/\(name).checkpoint", kernels: kernels)
  }

  /// An engine whose A and B are both random, since a B of zeros hides A.
  private static func engine(
    _ checkpoint: Checkpoint, threads: Int = 1, dropout: Float = 0, memoryLimit: Int? = nil
  ) throws -> GradientEngine {
    let adapter = try LoRASettings(rank: 2, alpha: 4).newAdapter(for: checkpoint, seed: 5)
    let engine = try GradientEngine(
      checkpoint: checkpoint, adapter: adapter, dropout: dropout, sequenceLength: 48, threads: threads,
      memoryLimit: memoryLimit)
    var random = SplitMix64(seed: 11)
    var parameters = engine.parameters
    for index in parameters.values.indices where parameters.matrices[index].half == .b {
      for place in parameters.values[index].indices {
        parameters.values[index][place] = Float(random.next(below: 601) - 300) / 1000
      }
    }
    engine.parameters = parameters
    return engine
  }

  /// Two dialogues; the first has targets in its midst, so that not every row is one.
  private static func examples(_ checkpoint: Checkpoint) -> [TrainingExample] {
    [(22, 9..<15), (17, 1..<17)].map { length, targets in
      let tokens = (0..<length).map { Int32(($0 * 37 + length) % checkpoint.vocabularySize) }
      return TrainingExample(
        tokens: tokens, lossMask: tokens.indices.map { targets.contains($0) }, source: .init(file: 0, line: 1))
    }
  }

  /// Four dialogues, three of which begin alike, two of them longer than the third; the fourth is a stranger.
  private static func kin(_ checkpoint: Checkpoint) -> [TrainingExample] {
    let beginning = (0..<14).map { $0 * 29 + 3 }
    let longer = beginning + (0..<4).map { $0 * 41 + 8 }
    let ends = [(beginning, 7, 6), (longer, 6, 5), (longer, 9, 4), ([7], 6, 5)]
    return ends.enumerated().map { index, end in
      let (start, rest, targets) = end
      let tokens = (start + (0..<rest).map { $0 * 53 + index * 17 + 1 }).map { Int32($0 % checkpoint.vocabularySize) }
      return TrainingExample(
        tokens: tokens, lossMask: tokens.indices.map { $0 >= tokens.count - targets }, source: .init(file: 0, line: 1))
    }
  }

  private static func gradients(_ engine: GradientEngine, _ sequences: [PackedSequence]) throws -> AdapterParameters {
    var gradients = AdapterParameters(zerosLike: engine.parameters)
    for sequence in sequences { _ = try engine.accumulate(sequence, weight: 1, dropoutSeed: 3, into: &gradients) }
    return gradients
  }

  /// Along each matrix' own gradient the loss rises by its norm: the slope is taken over two widths, whose errors cancel
  /// to the fourth order.
  @Test(arguments: checkpoints, [false, true])
  func everyMatrixHasTheSlopeOfItsGradient(name: String, beginningAlike: Bool) throws {
    let checkpoint = try Self.checkpoint(name)
    let engine = try Self.engine(checkpoint)
    let sequence = PackedSequence(segments: beginningAlike ? Self.kin(checkpoint) : Self.examples(checkpoint))
    let gradients = try Self.gradients(engine, [sequence])
    let start = engine.parameters
    for (index, matrix) in gradients.matrices.enumerated() {
      let gradient = gradients.values[index]
      let norm = gradient.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
      func slope(_ width: Double) throws -> Double {
        var losses: [Double] = []
        for side in [width, -width] {
          var moved = start
          for place in gradient.indices {
            moved.values[index][place] += Float(side * Double(gradient[place]) / norm)
          }
          engine.parameters = moved
          losses.append(try engine.loss(sequence).loss)
        }
        return (losses[0] - losses[1]) / (2 * width)
      }
      // So wide that the loss, some hundred nats in float32, moves by some hundredths of a nat.
      let found = (4 * (try slope(0.03 / norm)) - (try slope(0.06 / norm))) / 3
      #expect(abs(found / norm - 1) < 1e-3, "\(matrix.name): \(found) and \(norm)")
    }
  }

  @Test(arguments: ["llama-odd-sizes", "qwen3", "gemma3"]) func nothingElseChangesABit(name: String) throws {
    let checkpoint = try Self.checkpoint(name)
    let together = [Self.examples(checkpoint), Self.kin(checkpoint)].map(PackedSequence.init(segments:))
    let wanted = try Self.gradients(try Self.engine(checkpoint), together)
    #expect(try Self.gradients(try Self.engine(checkpoint, threads: 3), together) == wanted)
    for kernels in KernelSet.available {
      #expect(
        try Self.gradients(try Self.engine(try Self.checkpoint(name, kernels)), together) == wanted,
        "\(kernels.name)")
    }
    let recomputing = try Self.engine(checkpoint, memoryLimit: Self.engine(checkpoint).memoryNeeded - 1)
    #expect(recomputing.recomputedLayers > 0)
    #expect(try Self.gradients(recomputing, together) == wanted)
  }

  /// Examples in one sequence do not see one another, and those that begin alike share the rows of their beginning:
  /// apart they give the same sum, up to its order.
  @Test(arguments: checkpoints, [false, true])
  func packedExamplesAreStrangers(name: String, beginningAlike: Bool) throws {
    let checkpoint = try Self.checkpoint(name)
    let examples = beginningAlike ? Self.kin(checkpoint) : Self.examples(checkpoint)
    #expect(PackedSequence(segments: examples).sharedTokenCount == (beginningAlike ? 14 + 18 : 0))
    let apart = try Self.gradients(try Self.engine(checkpoint), examples.map { PackedSequence(segments: [$0]) })
    let together = try Self.gradients(try Self.engine(checkpoint), [PackedSequence(segments: examples)])
    for (left, right) in zip(apart.values, together.values) {
      let peak = left.map(abs).max() ?? 0
      #expect(zip(left, right).allSatisfy { abs($0 - $1) <= 1e-5 * peak })
    }
    let engine = try Self.engine(checkpoint)
    let sum = try examples.reduce(0.0) { try $0 + engine.loss(PackedSequence(segments: [$1])).loss }
    #expect(abs(try engine.loss(PackedSequence(segments: examples)).loss - sum) < 1e-5 * sum)
  }

  /// Whoever is stopped in any layer can begin again.
  @Test func stoppedBeforeAnyLayer() throws {
    let checkpoint = try Self.checkpoint("gemma3")
    let engine = try Self.engine(checkpoint)
    let sequence = PackedSequence(segments: Self.kin(checkpoint))
    let wanted = try Self.gradients(engine, [sequence])
    for questions in 0..<2 * checkpoint.parameters.layers {
      var (asked, gradients) = (0, AdapterParameters(zerosLike: engine.parameters))
      let error = #expect(throws: GradientError.self) {
        _ = try engine.accumulate(sequence, weight: 1, dropoutSeed: 3, into: &gradients) {
          asked += 1
          return asked > questions
        }
      }
      #expect(error?.description == "stopped")
    }
    #expect(try Self.gradients(engine, [sequence]) == wanted)
  }

  @Test func dropoutFollowsFromItsSeedAndIsOffInTheLoss() throws {
    let checkpoint = try Self.checkpoint("llama-odd-sizes")
    let sequence = PackedSequence(segments: Self.examples(checkpoint))
    let plain = try Self.engine(checkpoint)
    let dropping = try Self.engine(checkpoint, dropout: 0.25)
    let again = try Self.engine(checkpoint, threads: 3, dropout: 0.25)
    #expect(try Self.gradients(dropping, [sequence]) == Self.gradients(again, [sequence]))
    #expect(try Self.gradients(dropping, [sequence]) != Self.gradients(plain, [sequence]))
    #expect(try dropping.loss(sequence) == plain.loss(sequence))
  }
}
