// A run as it goes, on standard error: on a terminal one line that is written over and over, elsewhere lines for a
// log, at most a hundred steps of a stage. It uses no colour.
import Common
import Console
import Training

/// Shows a run's events.
final class FinetuneProgress {
  /// The most steps of a stage that a log tells of.
  private static let logLimit = 100

  private let line = LiveLine()
  private var meter = ProgressMeter(start: monotonicSeconds())
  private var stage: StageStart?

  /// Shows `event`.
  func show(_ event: TrainingEvent) {
    meter.note(event)
    switch event {
    case .stage(let begun):
      stage = begun
      say(
        "\(begun.count > 1 ? "Stage \(terminalSafe(begun.name)), " : "")\(begun.steps) steps, "
          + "\(begun.stepsPerEpoch) an epoch; held-out sequences: \(begun.heldOutSequences)")
    case .step(let report):
      let interval = max(1, (report.steps + FinetuneProgress.logLimit - 1) / FinetuneProgress.logLimit)
      if line.isLive { refresh() } else if report.step % interval == 0 || report.step == report.steps { log() }
    case .sequence, .evaluating: if line.isLive { refresh() }
    case .evaluated(let evaluation, let isBest):
      say(
        "step \(evaluation.step): held-out loss \(Figure.loss(evaluation.loss)), perplexity "
          + "\(Figure.perplexity(evaluation.loss))\(isBest ? ", the best so far" : "")")
    case .stageEnded(let name, let steps, let isEarly):
      if isEarly {
        let whose = (stage?.count ?? 1) > 1 ? "of stage \(terminalSafe(name)) " : ""
        say("The end \(whose)after \(steps) steps: the held-out loss no longer falls.")
      }
    case .saved(let step): if !line.isLive { say("step \(step): saved") }
    case .notSaved(let error):
      say("\(error). The run itself goes on; the state saved before is still good.")
    }
  }

  /// Writes `text` on a line of its own, which stays.
  func say(_ text: String) { line.say(text) }

  /// Takes the live line off the screen.
  func end() { line.erase() }

  private func log() { Output.complain(terminalSafe(meter.line(now: monotonicSeconds())), prefix: "") }

  private func refresh() { line.show(meter.line(now: monotonicSeconds(), width: line.width)) }
}
