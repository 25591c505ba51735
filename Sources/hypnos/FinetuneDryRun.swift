// `hypnos finetune --dry-run`: what the model would see, what it would cost, before anything starts. The time is
// measured on this machine with one sequence.
import Common
import CSystem
import Compute
import Console
import Glibc
import Model
import Text
import Training

/// A run that is looked at and not begun.
struct FinetuneDryRun {
  /// Examples shown of each stage.
  private static let examplesShown = 3
  /// Seconds of a pass that is worth measuring twice.
  private static let shortPass = 10.0

  private let plan: FinetunePlan
  private let engine: GradientEngine

  init(_ command: Finetune, _ checkpoint: Checkpoint) throws {
    plan = try FinetunePlan(command, checkpoint: checkpoint, moment: .current())
    engine = try plan.makeEngine(threads: command.threadCount, memoryLimit: command.memoryLimit)
  }

  /// Writes everything to standard output.
  func show() throws {
    for (stage, dataset) in zip(plan.stages, plan.datasets) {
      let title = plan.stages.count > 1 ? "Stage \(stage.name)\n" : ""
      try Output.write(title + dataset.report.lines.map(terminalSafe).joined(separator: "\n") + "\n\n")
      try showExamples(dataset)
    }
    let plans = plan.stages.map { StagePlan($0, settings: plan.settings) }
    for stagePlan in plans { try Output.write(steps(of: stagePlan)) }
    try Output.write(memory)
    try Output.write(try time(plans))
  }

  private func showExamples(_ dataset: Dataset) throws {
    let hasColour = isatty(STDOUT_FILENO) == 1 && ModelLocator.environment("NO_COLOR") == nil
    let (opening, closing) = hasColour ? ("\u{1B}[32m", "\u{1B}[0m") : ("«", "»")
    try Output.write("Examples; in the loss is what is \(hasColour ? "green" : "between « and »").\n")
    for example in ExampleView.sample(dataset.training, count: FinetuneDryRun.examplesShown) {
      let view = ExampleView(example, tokenizer: plan.checkpoint.tokenizer)
      let file = dataset.report.files[example.source.file].path
      try Output.write(
        "--- \(terminalSafe(file)), line \(example.source.line): \(view.tokenCount) tokens, "
          + "\(view.targetCount) in the loss\n\(view.text(opening: opening, closing: closing))\n")
    }
    try Output.write("---\n\n")
  }

  private func steps(of stagePlan: StagePlan) -> String {
    let name = plan.stages.count > 1 ? "Stage \(stagePlan.stage.name): " : ""
    let shared = stagePlan.sharedTokenCount
    return "\(name)\(grouped(stagePlan.steps)) steps, \(grouped(stagePlan.stepsPerEpoch)) an epoch, "
      + "\(grouped(stagePlan.tokenCount)) tokens in all"
      + (shared > 0 ? ", \(grouped(shared)) of them computed for another example anyway\n" : "\n")
  }

  private var memory: String {
    let recomputed =
      engine.recomputedLayers > 0
      ? "; \(engine.recomputedLayers) of \(plan.checkpoint.parameters.layers) layers are recomputed to save memory" : ""
    return """
      Adapter: \(grouped(plan.adapter.parameterCount)) values, rank \(plan.adapter.rank)
      Memory: \(Figure.bytes(plan.memoryNeeded(by: engine))), and the checkpoint's \
      \(Figure.bytes(plan.checkpoint.byteCount)), which stay mapped\(recomputed)
      Disk: up to \(Figure.bytes(plan.stateBytes)) in the run's folder

      """
  }

  /// The time the run is likely to take: one sequence measured, and scaled up to the rows of all.
  private func time(_ plans: [StagePlan]) throws -> String {
    var plans = plans
    guard let sequence = plans[0].sequences(step: 0).first else { return "" }
    // The loss first: it brings the weights into memory, which would else count as the gradients' time.
    let forward = try seconds { _ = try engine.loss(sequence, isStopped: hypnos_interrupted) }
    // The first pass waits for its memory too, which shows where passes are short: those are taken again.
    var both = try secondsOfGradients(sequence)
    if both < FinetuneDryRun.shortPass { both = try min(both, secondsOfGradients(sequence)) }
    let rows = Double(max(1, sequence.rowCount))
    let training = plans.reduce(0.0) { $0 + Double($1.rowCount) * both / rows }
    let measuring = plans.reduce(0.0) { $0 + Double($1.heldOutRowCount) * forward / rows }
    let speed = plans.reduce(0.0) { $0 + Double($1.tokenCount) } / max(1e-9, training)
    return "Time: about \(Figure.duration(training + measuring)), at \(speed.fixed(0)) tokens a second, if no "
      + "stage ends early\n"
  }

  private func secondsOfGradients(_ sequence: PackedSequence) throws -> Double {
    var gradients = AdapterParameters(zerosLike: engine.parameters)
    return try seconds {
      _ = try engine.accumulate(
        sequence, weight: 1, dropoutSeed: 0, into: &gradients, isStopped: hypnos_interrupted)
    }
  }

  private func seconds(_ body: () throws -> Void) rethrows -> Double {
    let start = monotonicSeconds()
    try body()
    return max(1e-9, monotonicSeconds() - start)
  }
}
