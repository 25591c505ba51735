// What a person sees of a run while it goes: where it is, the losses, the speed, the time left. Text alone; where it
// is shown, and how often, is the program's.
import Common

/// Follows a run's events and puts them into words.
public struct ProgressMeter {
  /// The clock in seconds when this sitting began.
  private let start: Double
  private var stage: StageStart?
  private var step: StepReport?
  private var heldOut: Double?
  /// Tokens computed in this sitting.
  private var tokens = 0
  /// What is under way within a step.
  private var detail = ""

  /// A meter for a sitting that begins at `start`, on a clock in seconds.
  public init(start: Double) { self.start = start }

  /// Takes note of `event`.
  public mutating func note(_ event: TrainingEvent) {
    switch event {
    case .stage(let begun): (stage, step, heldOut, detail) = (begun, nil, nil, "")
    case .sequence(let done, let count): detail = done < count ? "\(done) of \(count) sequences" : ""
    case .evaluating(let done, let count): detail = done < count ? "held-out \(done) of \(count)" : ""
    case .step(let report):
      step = report
      tokens += report.tokens
    case .evaluated(let evaluation, _): heldOut = evaluation.loss
    case .stageEnded, .saved, .notSaved: break
    }
  }

  /// The present state of things in a line, at `now` on the clock. What is least needed is left out where the line
  /// would be wider than `width` characters.
  public func line(now: Double, width: Int = .max) -> String {
    let shortest = 3
    let fitting = (0..<shortest).lazy.map { line(now: now, leavingOut: $0) }.first { $0.count <= width }
    return fitting ?? line(now: now, leavingOut: shortest)
  }

  /// The line without the first `count` of what is least needed: the mean, what is under way, the stage's name.
  private func line(now: Double, leavingOut count: Int) -> String {
    let name = stage.map { count < 3 && $0.count > 1 ? "\($0.name) " : "" } ?? ""
    let done = step?.step ?? stage?.done ?? 0
    var parts = ["\(name)step \(done)/\(stage?.steps ?? 0)"]
    if let step {
      parts.append("loss \(Figure.loss(step.loss))" + (count < 1 ? ", mean \(Figure.loss(step.smoothedLoss))" : ""))
    }
    if let heldOut { parts.append("held out \(Figure.loss(heldOut))") }
    let seconds = now - start
    if let step, seconds > 0, tokens > 0 {
      let speed = Double(tokens) / seconds
      parts.append("\(speed.fixed(speed < 10 ? 1 : 0)) tokens/s")
      parts.append("\(Figure.duration(Double(step.tokensLeft) / speed)) left")
    }
    if count < 2, !detail.isEmpty { parts.append(detail) }
    return parts.joined(separator: " · ")
  }
}
