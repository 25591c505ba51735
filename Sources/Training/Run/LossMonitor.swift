// The loss as a person should see it, smoothed, and whether it has got out of hand. It follows from the losses so far,
// so that a run taken up again judges as if it had never stopped.

/// Follows the losses of a stage.
struct LossMonitor {
  /// How much of the mean a step keeps.
  static let kept = 0.9
  /// Steps whose losses say little: what is lowest is not known before.
  static let patience = 8
  /// Steps after which a model that has become worse than an even guess is seen.
  static let leastSteps = 3

  /// Steps after which a loss that stays as high as a failure's is told as one.
  static let mostStepsToTell = 32

  /// The loss of whoever knows nothing and thinks every token equally likely.
  private let evenGuess: Double

  private var mean = 0.0
  private var weight = 0.0
  private var steps = 0
  private var lowest = Double.infinity
  private var first: Double?

  /// A monitor that has seen `losses`.
  init(evenGuess: Double, losses: some Sequence<Double> = []) {
    self.evenGuess = evenGuess
    for loss in losses { add(loss) }
  }

  /// Takes note of the loss of a step.
  mutating func add(_ loss: Double) {
    mean = LossMonitor.kept * mean + (1 - LossMonitor.kept) * loss
    weight = LossMonitor.kept * weight + (1 - LossMonitor.kept)
    steps += 1
    first = first ?? loss
    if steps >= LossMonitor.patience { lowest = min(lowest, smoothed) }
  }

  /// The mean of the losses so far, the last ones counting most.
  var smoothed: Double { weight > 0 ? mean / weight : 0 }

  /// Where the loss began to climb, when it is so high that training has failed: half as high again as the lowest, and
  /// a nat besides, which no change of data within a stage explains; or a nat above an even guess, having begun below.
  var exploded: (from: Double, to: Double)? {
    if lowest.isFinite, smoothed > 1.5 * lowest + 1 { return (lowest, smoothed) }
    guard let first, first < evenGuess, steps >= LossMonitor.leastSteps, smoothed > evenGuess + 1 else { return nil }
    return (first, smoothed)
  }
}
