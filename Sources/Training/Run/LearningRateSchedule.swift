// The learning rate over a stage: up in a straight line, then down along half a cosine, in a straight line, or not at
// all. It is a function of the step alone, so that a run taken up again has nothing to remember.
import Glibc

/// How the learning rate goes on after the warm-up.
public enum LearningRateSchedule: String, Sendable, CaseIterable {
  /// Along half a cosine towards 0.
  case cosine
  /// In a straight line towards 0.
  case linear
  /// Not at all.
  case constant

  /// The rate of step `step`, counted from 0, of a stage of `steps` steps whose highest rate is `peak`. In the part
  /// `warmUp` of the steps the rate rises; neither the first step nor the last is wasted on a rate of 0.
  public func rate(step: Int, steps: Int, peak: Double, warmUp: Double) -> Double {
    let rising = min(Int((warmUp * Double(steps)).rounded()), steps)
    guard step >= rising else { return peak * Double(step + 1) / Double(rising + 1) }
    let past = Double(step - rising) / Double(max(1, steps - rising))
    return switch self {
    case .cosine: peak * 0.5 * (1 + cos(Double.pi * past))
    case .linear: peak * (1 - past)
    case .constant: peak
    }
  }

  /// The same schedule of an exported job.
  public var exported: ExportSchedule {
    switch self {
    case .cosine: .cosine
    case .linear: .linear
    case .constant: .constant
    }
  }
}
