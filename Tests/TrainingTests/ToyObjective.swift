// An objective whose minimum can be written down: each target pulls the parameters towards a point of its token's.
import Compute
import Foundation
import Model

@testable import Training

/// The loss of a target is half the squared distance of the parameters from its token's point, so that the least loss
/// over some targets is at the mean of their points.
final class ToyObjective: TrainingObjective {
  static let (inputs, outputs) = (3, 2)

  var parameters: AdapterParameters
  /// No loss of it is ever too high.
  let evenGuess = Double.infinity
  /// Calls of `accumulate` so far.
  private(set) var calls = 0
  /// From this call on the loss is no number.
  var breaksAtCall = Int.max
  /// What gradients are multiplied with; a negative one climbs.
  var direction: Float = 1

  init() {
    let matrix = LowRankMatrix(
      rank: 1, inputWidth: Self.inputs, outputWidth: Self.outputs, a: [0.5, -0.25, 0.125], b: [0, 0])
    let target = AdapterTarget(layer: 0, projection: .query)
    parameters = AdapterParameters(
      Adapter(
        base: Adapter.Base(architecture: .llama, headSize: nil), alpha: 1,
        parts: [Adapter.Part(target: target, matrix: matrix)]))
  }

  /// The point of `token`, between -1 and 1 everywhere.
  static func point(_ token: Int32, _ index: Int) -> Float {
    Float((Int(token) * 31 + index * 17) % 21 - 10) / 10
  }

  /// Asks whether to stop before every target.
  func accumulate(
    _ sequence: PackedSequence, weight: Float, dropoutSeed: UInt64, into gradients: inout AdapterParameters,
    isStopped: () -> Bool
  ) throws(GradientError) -> (loss: Double, targets: Int) {
    calls += 1
    // A little noise from the seed: a wrong seed after a resumption must show.
    let noise = 1 + Float(dropoutSeed % 1000) * 1e-5
    for token in sequence.targets {
      if isStopped() { throw .stopped }
      forEachParameter { matrix, place, index in
        let pull = parameters.values[matrix][place] - Self.point(token, index)
        gradients.values[matrix][place] += weight * direction * noise * pull
      }
    }
    let (loss, targets) = try loss(sequence, isStopped: isStopped)
    return (calls >= breaksAtCall ? .nan : loss, targets)
  }

  func loss(_ sequence: PackedSequence, isStopped: () -> Bool) throws(GradientError) -> (loss: Double, targets: Int) {
    var sum = 0.0
    for token in sequence.targets {
      if isStopped() { throw .stopped }
      forEachParameter { matrix, place, index in
        let distance = Double(parameters.values[matrix][place] - Self.point(token, index))
        sum += distance * distance / 2
      }
    }
    return (sum, sequence.targets.count)
  }

  private func forEachParameter(_ body: (_ matrix: Int, _ place: Int, _ index: Int) -> Void) {
    for place in 0..<Self.inputs { body(0, place, place) }
    for place in 0..<Self.outputs { body(1, place, Self.inputs + place) }
  }
}

extension PackedSequence {
  /// The tokens that are targets.
  fileprivate var targets: [Int32] { segments.flatMap(\.targets) }
}

/// Stages and settings for the toy.
enum ToyRun {
  /// `count` examples of different lengths over tokens from `first` on.
  static func examples(_ count: Int, first: Int32 = 1) -> [TrainingExample] {
    (0..<count).map { index in
      let tokens = (0...(1 + index % 5)).map { first + Int32((index * 7 + $0 * 3) % 40) }
      return TrainingExample(
        tokens: tokens, lossMask: tokens.map { _ in true }, source: .init(file: 0, line: index + 1))
    }
  }

  static func stage(
    _ name: String = "data", epochs: Double = 3, rate: Double = 0.02, count: Int = 23, first: Int32 = 1,
    heldOut: Int = 4
  ) -> TrainingStage {
    let all = examples(count + heldOut, first: first)
    return TrainingStage(
      name: name, epochs: epochs, rate: rate, training: Array(all[..<count]), heldOut: Array(all[count...]))
  }

  /// Sequences of 16 tokens, two a step, held-out loss every second step, no early end.
  static var settings: TrainingSettings {
    var settings = TrainingSettings()
    settings.sequenceLength = 16
    settings.sequencesPerStep = 2
    settings.evaluationInterval = 2
    settings.patience = 0
    settings.seed = 11
    return settings
  }

  static let twoStages = [
    stage("general", count: 13), stage("specific", epochs: 1.5, rate: 0.05, count: 9, first: 90),
  ]

  static func identity(
    _ stages: [TrainingStage] = twoStages, _ settings: TrainingSettings = settings
  ) -> RunIdentity {
    var identity = RunIdentity()
    identity.add("base", "toy")
    identity.add(settings, stages)
    return identity
  }

  /// Saves into `folder` every `interval` seconds, 0 for after every step.
  static func saving(_ folder: RunFolder, interval: Double = 0) -> RunSaving {
    RunSaving(folder: folder, identity: identity(), moment: .init(year: 2025, month: 1, day: 2), interval: interval)
  }
}

extension TrainingState {
  /// The state without the time it took, which is the only thing that differs between equal runs.
  var timeless: TrainingState {
    var copy = self
    copy.progress.seconds = 0
    return copy
  }
}
