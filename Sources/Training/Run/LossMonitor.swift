// The loss as a person should see it, smoothed, and whether it has got out of hand. It follows from the losses so far,
// so that a run taken up again judges as if it had never stopped.
import Glibc

/// Follows the losses of a stage.
struct LossMonitor {
  /// How much of the mean a step keeps.
  static let kept = 0.9
  /// Steps that are only watched: the first losses say little.
  static let patience = 8

  private var mean = 0.0
  private var weight = 0.0
  private var steps = 0
  private var lowest = Double.infinity

  /// A monitor that has seen `losses`.
  init(losses: some Sequence<Double> = []) { for loss in losses { add(loss) } }

  /// Takes note of the loss of a step.
  mutating func add(_ loss: Double) {
    mean = LossMonitor.kept * mean + (1 - LossMonitor.kept) * loss
    weight = LossMonitor.kept * weight + (1 - LossMonitor.kept)
    steps += 1
    if steps >= LossMonitor.patience { lowest = min(lowest, smoothed) }
  }

  /// The mean of the losses so far, the last ones counting most.
  var smoothed: Double { weight > 0 ? mean / weight : 0 }

  /// The lowest smoothed loss, when the present one is so far above it that training has failed: half as high again,
  /// and a nat besides, which no change of data within a stage explains.
  var exploded: (from: Double, to: Double)? {
    guard lowest.isFinite, smoothed > 1.5 * lowest + 1 else { return nil }
    return (lowest, smoothed)
  }
}
