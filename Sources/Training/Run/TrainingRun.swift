// The training loop. What comes next is always told from the progress alone: a look at the held-out loss, a step, the
// end of a stage. So a run that was stopped anywhere goes on as if nothing had happened. It prints nothing, and asks
// again and again whether to stop; a step or a look that is not finished then is done anew.
import Common
import Glibc
import Text

/// One run over its stages, one adapter carried through them.
public final class TrainingRun<Objective: TrainingObjective> {
  /// What is trained.
  public let objective: Objective
  /// How far it has come.
  public internal(set) var progress = TrainingProgress()
  let settings: TrainingSettings
  let saving: RunSaving?
  let now: () -> Double
  var plans: [StagePlan]
  var optimizer: AdamW
  var bestParameters: [[Float]]?
  var gradients: AdapterParameters
  var monitor: LossMonitor
  var savedAt = 0.0
  /// Whether it goes on from a state.
  private let isTakenUp: Bool
  /// When the seconds of the progress were last brought up to date.
  var countedAt = 0.0

  /// A run over `stages`, at least one, that begins with the objective's parameters, or goes on from `state`, which
  /// must have their shape. `now` is a clock in seconds.
  public init(
    _ objective: Objective, stages: [TrainingStage], settings: TrainingSettings, saving: RunSaving? = nil,
    from state: TrainingState? = nil, now: @escaping () -> Double = monotonicSeconds
  ) {
    self.objective = objective
    self.settings = settings
    self.saving = saving
    self.now = now
    plans = stages.map { StagePlan($0, settings: settings) }
    gradients = AdapterParameters(zerosLike: objective.parameters)
    optimizer = AdamW(for: gradients.values)
    monitor = LossMonitor(evenGuess: objective.evenGuess)
    isTakenUp = state != nil
    if let state { restore(state) }
  }

  /// Steps of all stages, if none ends early.
  public var plannedSteps: Int { plans.reduce(0) { $0 + $1.steps } }

  /// Runs to the end, or until `isStopped`. The state is saved first of all, so that a folder that cannot be written
  /// to is found out at the beginning, and last of all. It is an error when the first fails, or the last of a run that
  /// was stopped; one that came to its end still has what it came to.
  public func run(
    isStopped: () -> Bool = { false }, report: (TrainingEvent) -> Void = { _ in }
  ) throws -> TrainingOutcome {
    countedAt = now()
    if !progress.isFinished { try begin(report) }
    do {
      while !progress.isFinished {
        try advance(isStopped, report)
        saveIfDue(report)
      }
    } catch GradientError.stopped {
      try save(report)
      return .interrupted(step: progress.totalSteps)
    } catch let failure as Failed {
      return .diverged(Divergence(sign: failure.sign, step: failure.step, kept: try keepLastGood(after: failure.sign)))
    }
    do throws(RunError) { try save(report) } catch { report(.notSaved(error)) }
    return .finished
  }

  private func begin(_ report: (TrainingEvent) -> Void) throws(RunError) {
    if isTakenUp {
      // Its state is in the folder already.
      try saving?.folder.checkIsWritable()
      savedAt = now()
    } else {
      try save(report)
    }
    report(.stage(stageStart))
  }

  /// Does what comes next.
  private func advance(_ isStopped: () -> Bool, _ report: (TrainingEvent) -> Void) throws {
    if isStopped() { throw GradientError.stopped }
    if needsEvaluation {
      try evaluate(isStopped, report)
    } else if progress.step >= plan.steps || isOutOfPatience {
      endStage(report)
    } else {
      try takeStep(isStopped, report)
    }
  }

  /// The present stage.
  var plan: StagePlan { plans[progress.stage] }

  /// Whether the held-out loss has not improved for as many looks as are waited for.
  private var isOutOfPatience: Bool { settings.patience > 0 && progress.looksWithoutGain >= settings.patience }

  /// Ends the present stage with its best parameters, and begins the next or ends the run.
  private func endStage(_ report: (TrainingEvent) -> Void) {
    report(.stageEnded(name: plan.stage.name, steps: progress.step, isEarly: progress.step < plan.steps))
    if let bestParameters { objective.parameters.values = bestParameters }
    guard progress.stage + 1 < plans.count else {
      progress.isFinished = true
      return
    }
    // Each stage is a training of its own: the moments of the last one's gradients say nothing of its data.
    optimizer = AdamW(for: gradients.values)
    bestParameters = nil
    monitor = LossMonitor(evenGuess: objective.evenGuess)
    progress.stage += 1
    progress.step = 0
    progress.best = nil
    progress.looksWithoutGain = 0
    progress.stageStarts.append(progress.totalSteps)
    report(.stage(stageStart))
  }

  private var stageStart: StageStart {
    StageStart(
      name: plan.stage.name, index: progress.stage, count: plans.count, steps: plan.steps,
      stepsPerEpoch: plan.stepsPerEpoch, done: progress.step, heldOutSequences: plan.heldOut.count)
  }

  /// Training has failed at a step of the run.
  struct Failed: Error {
    let sign: Divergence.Sign
    let step: Int
  }
}
