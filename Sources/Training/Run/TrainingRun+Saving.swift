// Putting a run to rest and taking it up again.
import Glibc
import Text

/// Where a run's states go, and how often.
public struct RunSaving {
  let folder: RunFolder
  let identity: RunIdentity
  let moment: LocalTime
  let interval: Double

  /// States of the run `identity`, which began at `moment`, into `folder` every `interval` seconds; 0 for after every
  /// step.
  public init(folder: RunFolder, identity: RunIdentity, moment: LocalTime, interval: Double) {
    self.folder = folder
    self.identity = identity
    self.moment = moment
    self.interval = interval
  }
}

extension TrainingRun {
  /// The run between two steps.
  public var state: TrainingState {
    TrainingState(
      progress: progress, parameters: objective.parameters.values, optimizer: optimizer,
      bestParameters: bestParameters)
  }

  /// Goes on from `state`.
  func restore(_ state: TrainingState) {
    progress = state.progress
    objective.parameters.values = state.parameters
    optimizer = state.optimizer
    bestParameters = state.bestParameters
    monitor = LossMonitor(
      evenGuess: objective.evenGuess, losses: progress.losses[(progress.stageStarts.last ?? 0)...])
  }

  /// Saves the state when the last one is old enough. A state that cannot be written does not end the run. While the
  /// loss climbs, the states before it are not given up for what may be spoilt, until it is sure to be no failure.
  func saveIfDue(_ report: (TrainingEvent) -> Void) {
    guard let saving, now() - savedAt >= saving.interval, !isClimbing else { return }
    do throws(RunError) { try save(report) } catch { report(.notSaved(error)) }
  }

  /// Saves the state.
  func save(_ report: (TrainingEvent) -> Void) throws(RunError) {
    progress.seconds += now() - countedAt
    countedAt = now()
    guard let saving else { return }
    defer { savedAt = now() }
    try saving.folder.save(
      KeptState(identity: saving.identity, moment: saving.moment, state: state), afterWhatMayBeSpoilt: isClimbing)
    report(.saved(step: progress.totalSteps))
  }

  /// Gives the objective the last parameters that are known to be good, after training has failed, and says which
  /// they are: the best by the held-out loss, also where that is how the run began, or else the last saved ones that
  /// were not spoilt yet. Nothing is written: the states on disk are from before.
  func keepLastGood(after sign: Divergence.Sign) throws(RunError) -> Divergence.Kept {
    if let bestParameters, let best = progress.best {
      objective.parameters.values = bestParameters
      return best.step > 0 ? .best(step: best.step) : .initial
    }
    guard let saving else { return .initial }
    let states = try saving.folder.states().map(\.state)
    guard let saved = states.first(where: { !isSpoilt($0, sign) }), saved.progress.totalSteps > 0 else {
      return .initial
    }
    objective.parameters.values = saved.parameters
    return .saved(step: saved.progress.totalSteps)
  }

  /// Whether the loss has been far above what it was for some steps, but not for so many that the monitor would have
  /// told a failure.
  var isClimbing: Bool {
    (1..<LossMonitor.mostStepsToTell).contains(stepsAbove(progress.losses[(progress.stageStarts.last ?? 0)...]))
  }

  /// Whether the step after `state` found a loss well above the lowest mean before it: a fifth, and half a nat. That a
  /// run has failed, of which `sign` tells, is seen later, when the mean has climbed.
  private func isSpoilt(_ state: TrainingState, _ sign: Divergence.Sign) -> Bool {
    let (start, done) = (state.progress.stageStarts.last ?? 0, state.progress.totalSteps)
    guard start < done else { return false }
    guard done < progress.losses.count else { return sign != .notFinite }
    return stepsAbove(progress.losses[start...done]) > 0
  }

  /// How many of `losses`, the last ones without a break, are a fifth and half a nat above the lowest mean before them.
  private func stepsAbove(_ losses: some Sequence<Double>) -> Int {
    var monitor = LossMonitor(evenGuess: objective.evenGuess)
    var (lowest, steps) = (Double.infinity, 0)
    for loss in losses {
      steps = loss > 1.2 * lowest + 0.5 ? steps + 1 : 0
      monitor.add(loss)
      lowest = min(lowest, monitor.smoothed)
    }
    return steps
  }
}

extension TrainingState {
  /// Whether it is one of a run over `stages` with parameters shaped as `parameters`, as far as can be seen; a state
  /// that is not must not be gone on from.
  public func fits(_ parameters: AdapterParameters, stages: [TrainingStage]) -> Bool {
    let counts = parameters.values.map(\.count)
    let arrays =
      [self.parameters, optimizer.firstMoments, optimizer.secondMoments] + (bestParameters.map { [$0] } ?? [])
    let starts = progress.stageStarts
    return arrays.allSatisfy { $0.map(\.count) == counts } && stages.indices.contains(progress.stage)
      && zip(starts, starts.dropFirst()).allSatisfy(<=) && starts.first == 0
      && starts.last.map { $0 + progress.step } == progress.losses.count
  }
}
