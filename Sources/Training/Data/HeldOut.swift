// Which examples are kept from training to measure on. It goes by what an example says and not by where it stands, so
// that adding data moves nothing over the line.
import Common

/// What to measure on.
public enum HeldOut: Sendable, Equatable {
  /// Nothing.
  case none
  /// About this part of the examples, at least 0 and below 1.
  case fraction(Double)
  /// Files and folders of their own. What they hold is left out of the training examples.
  case files([String])
}

enum HeldOutSplit {
  /// Parts `examples`: each is held out if a hash of it and `seed` falls below `fraction`. With a fraction above 0,
  /// at least one dialogue or piece of a note is held out and at least one is not, where there are two.
  static func split(
    _ examples: [TrainingExample], fraction: Double, seed: UInt64
  ) -> (training: [TrainingExample], heldOut: [TrainingExample]) {
    guard fraction > 0 else { return (examples, []) }
    let draws = examples.map { draw($0, seed: seed) }
    guard let lowest = draws.min(), let highest = draws.max(), lowest < highest else { return (examples, []) }
    var training: [TrainingExample] = []
    var heldOut: [TrainingExample] = []
    for (example, draw) in zip(examples, draws) {
      let isBelow = Double(draw >> 11) * 0x1p-53 < fraction
      if draw == lowest || isBelow && draw < highest { heldOut.append(example) } else { training.append(example) }
    }
    return (training, heldOut)
  }

  private static func draw(_ example: TrainingExample, seed: UInt64) -> UInt64 {
    var generator = SplitMix64(seed: seed, stream: example.splitKey)
    return generator.next()
  }
}
