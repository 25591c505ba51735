// A run as it goes, on standard error: on a terminal one line that is written over and over, elsewhere lines for a
// log, at most a hundred steps of a stage. It uses no colour.
import Common
import CSystem
import Console
import Glibc
import Training

/// Shows a run's events.
final class FinetuneProgress {
  /// Seconds between two showings of the live line.
  private static let refreshInterval = 0.1
  /// The most steps of a stage that a log tells of.
  private static let logLimit = 100

  private let isLive = isatty(STDERR_FILENO) == 1
  private var meter = ProgressMeter(start: monotonicSeconds())
  private var stage: StageStart?
  private var shownAt = 0.0
  private var isShown = false

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
      if isLive { refresh() } else if report.step % interval == 0 || report.step == report.steps { log() }
    case .sequence, .evaluating: if isLive { refresh() }
    case .evaluated(let evaluation, let isBest):
      say(
        "step \(evaluation.step): held-out loss \(Figure.loss(evaluation.loss)), perplexity "
          + "\(Figure.perplexity(evaluation.loss))\(isBest ? ", the best so far" : "")")
    case .stageEnded(let name, let steps, let isEarly):
      if isEarly {
        let whose = (stage?.count ?? 1) > 1 ? "of stage \(terminalSafe(name)) " : ""
        say("The end \(whose)after \(steps) steps: the held-out loss no longer falls.")
      }
    case .saved(let step): if !isLive { say("step \(step): saved") }
    case .notSaved(let error):
      say("\(error). The run itself goes on; the state saved before is still good.")
    }
  }

  /// Writes `text` on a line of its own, which stays.
  func say(_ text: String) {
    erase()
    Output.complain(text, prefix: "")
  }

  /// Takes the live line off the screen.
  func end() { erase() }

  private func log() { Output.complain(terminalSafe(meter.line(now: monotonicSeconds())), prefix: "") }

  private func refresh() {
    let now = monotonicSeconds()
    guard now - shownAt >= FinetuneProgress.refreshInterval else { return }
    shownAt = now
    let columns = Int(hypnos_terminal_columns(STDERR_FILENO))
    let width = max(20, columns > 0 ? columns : 80) - 1
    let line = clipped(terminalSafe(meter.line(now: now, width: width)), toColumns: width)
    // Back to the line's beginning, the text, and what is left of the line before erased.
    Output.writeOver(line)
    isShown = true
  }

  private func erase() {
    guard isShown else { return }
    Output.writeOver(nil)
    isShown = false
  }
}
