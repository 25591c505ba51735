import Testing

@testable import Training

/// The loop over the toy objective: steps, looks at the held-out loss, stages and their ends.
@Suite struct TrainingRunTests {
  @Test func findsTheLeastLoss() throws {
    var settings = ToyRun.settings
    settings.sequencesPerStep = 100
    settings.weightDecay = 0
    let examples = ToyRun.examples(20)
    let stage = TrainingStage(name: "data", epochs: 400, rate: 0.05, training: examples, heldOut: [])
    let objective = ToyObjective()
    let run = TrainingRun(objective, stages: [stage], settings: settings)
    #expect(try run.run() == .finished)
    let targets = examples.flatMap(\.targets)
    for (index, value) in objective.parameters.values.flatMap({ $0 }).enumerated() {
      let mean = targets.reduce(0) { $0 + ToyObjective.point($1, index) } / Float(targets.count)
      #expect(abs(value - mean) < 0.01)
    }
    #expect(run.progress.totalSteps == 400)
    #expect(run.progress.tokens == 400 * examples.reduce(0) { $0 + $1.tokens.count })
  }

  /// However the examples of a step are packed, its gradient is the mean over all targets.
  @Test func aStepIsTheMeanOverAllItsTargets() throws {
    let stage = ToyRun.stage(epochs: 1, heldOut: 0)
    let objectives = try [8, 16, 64].map { (length: Int) throws -> ToyObjective in
      var settings = ToyRun.settings
      settings.sequenceLength = length
      settings.sequencesPerStep = 1000
      let objective = ToyObjective()
      let run = TrainingRun(objective, stages: [stage], settings: settings)
      #expect(try run.run() == .finished)
      #expect(run.progress.totalSteps == 1)
      return objective
    }
    #expect(objectives[0].calls > objectives[2].calls)
    let values = objectives.map { $0.parameters.values.flatMap { $0 } }
    for other in values[1...] {
      for (left, right) in zip(values[0], other) { #expect(abs(left - right) < 1e-4) }
    }
  }

  @Test func partsOfEpochsCount() throws {
    let stage = ToyRun.stage(epochs: 0.5, heldOut: 0)
    let whole = StagePlan(ToyRun.stage(epochs: 1, heldOut: 0), settings: ToyRun.settings)
    let half = StagePlan(stage, settings: ToyRun.settings)
    #expect(half.steps == (whole.steps + 1) / 2)
    #expect(StagePlan(ToyRun.stage(epochs: 1e30), settings: ToyRun.settings).steps == StagePlan.stepLimit)
    var plan = whole
    // An epoch holds every example once.
    let seen = (0..<plan.stepsPerEpoch).flatMap { plan.sequences(step: $0).flatMap(\.segments) }
    #expect(seen.map(\.source.line).sorted() == Array(1...23))
    // The next one holds them in another order, and going back gives the first again.
    let (first, second) = (plan.sequences(step: 0), plan.sequences(step: plan.stepsPerEpoch))
    #expect(first != second)
    #expect(plan.sequences(step: 0) == first)
  }

  @Test func looksAtTheHeldOutLossAndKeepsTheBest() throws {
    let objective = ToyObjective()
    var looks: [(step: Int, isBest: Bool)] = []
    var settings = ToyRun.settings
    settings.schedule = .constant
    let run = TrainingRun(objective, stages: [ToyRun.stage(rate: 0.3)], settings: settings)
    var best: [[Float]] = []
    _ = try run.run(report: { event in
      if case .evaluated(let evaluation, let isBest) = event {
        looks.append((evaluation.step, isBest))
        if isBest { best = objective.parameters.values }
      }
    })
    let perEpoch = run.plannedSteps / 3
    let expected = (0...run.plannedSteps).filter { $0 % perEpoch % 2 == 0 || $0 == run.plannedSteps }
    #expect(looks.map(\.step) == expected)
    // At this rate the last look is not the best, or the test says nothing.
    #expect(looks.last?.isBest == false)
    #expect(objective.parameters.values == best)
    #expect(run.progress.best?.loss == run.progress.evaluations.map(\.loss).min())
  }

  @Test func endsEarlyWhenNothingIsGained() throws {
    var settings = ToyRun.settings
    settings.patience = 3
    let objective = ToyObjective()
    let start = objective.parameters.values
    objective.direction = -1
    let run = TrainingRun(objective, stages: [ToyRun.stage(rate: 1e-3)], settings: settings)
    var ended: (steps: Int, isEarly: Bool)?
    let outcome = try run.run(report: { event in
      if case .stageEnded(_, let steps, let isEarly) = event { ended = (steps, isEarly) }
    })
    #expect(outcome == .finished)
    // Going the wrong way every look is worse than the first, at step 0.
    #expect(run.progress.evaluations.count == 4)
    #expect(ended?.isEarly == true)
    #expect(ended?.steps == run.progress.totalSteps)
    #expect(objective.parameters.values == start)
  }

  /// Two stages are two trainings, one behind the other, the second from the first one's best.
  @Test func stagesFollowOneAnother() throws {
    let together = ToyObjective()
    let run = TrainingRun(together, stages: ToyRun.twoStages, settings: ToyRun.settings)
    var begun: [String] = []
    _ = try run.run(report: { if case .stage(let stage) = $0 { begun.append(stage.name) } })
    #expect(begun == ["general", "specific"])
    #expect(run.progress.stageStarts.count == 2)
    #expect(run.progress.rates.max() == 0.05)

    let first = ToyObjective()
    _ = try TrainingRun(first, stages: [ToyRun.twoStages[0]], settings: ToyRun.settings).run()
    let steps = run.progress.stageStarts[1]
    #expect(Array(run.progress.losses[..<steps]).count == steps)
    let second = ToyObjective()
    second.parameters = first.parameters
    let last = TrainingRun(second, stages: [ToyRun.twoStages[1]], settings: ToyRun.settings)
    _ = try last.run()
    // Only the noise that stands for dropout tells them apart.
    #expect(last.progress.losses.count == run.progress.losses.count - steps)
    for (left, right) in zip(last.progress.losses, run.progress.losses[steps...]) { #expect(abs(left - right) < 0.05) }
    #expect(last.progress.evaluations.first?.loss == run.progress.evaluations.first { $0.stage == 1 }?.loss)
  }

  @Test func aLossThatIsNoNumberStopsWithTheBest() throws {
    let objective = ToyObjective()
    objective.breaksAtCall = 12
    let run = TrainingRun(objective, stages: [ToyRun.stage()], settings: ToyRun.settings)
    var best: [[Float]] = []
    let outcome = try run.run(report: {
      if case .evaluated(_, isBest: true) = $0 { best = objective.parameters.values }
    })
    guard case .diverged(let divergence) = outcome else { return #expect(Bool(false), "\(outcome)") }
    #expect(divergence.sign == .notFinite)
    #expect(divergence.step == run.progress.totalSteps + 1)
    #expect(divergence.kept == .best(step: run.progress.best?.step ?? -1))
    #expect(objective.parameters.values == best)
    #expect(divergence.description.contains("lower --rate"))
  }

  /// A run that learns for 25 steps and then climbs, saved after every `interval` steps, on a clock that counts steps.
  private func explosion(interval: Double, in path: String) throws -> (Divergence, ToyObjective, RunFolder) {
    let objective = ToyObjective()
    let saving = ToyRun.saving(try RunFolder(path: path), interval: interval)
    var steps = 0.0
    let run = TrainingRun(
      objective, stages: [ToyRun.stage(epochs: 1000, rate: 0.2, heldOut: 0)], settings: ToyRun.settings, saving: saving,
      now: { steps })
    let outcome = try run.run(report: {
      guard case .step(let step) = $0 else { return }
      steps += 1
      if step.step == 25 { objective.direction = -1 }
    })
    guard case .diverged(let divergence) = outcome else { throw StillRunning() }
    return (divergence, objective, saving.folder)
  }

  private struct StillRunning: Error {}

  @Test func aLossThatExplodesStopsWithWhatWasSavedBeforeItClimbed() throws {
    let folder = try TemporaryFolder()
    let (divergence, objective, states) = try explosion(interval: 20, in: folder.path + "/run")
    guard case .exploded(let from, let to) = divergence.sign else { return #expect(Bool(false)) }
    #expect(to > 1.5 * from + 1)
    #expect(divergence.kept == .saved(step: 20))
    let kept = try #require(states.states().first { $0.state.progress.totalSteps == 20 })
    #expect(objective.parameters.values == kept.state.parameters)
  }

  @Test func whatIsSavedAtEveryStepDoesNotReplaceTheLastGood() throws {
    let folder = try TemporaryFolder()
    let (divergence, objective, states) = try explosion(interval: 0, in: folder.path + "/run")
    guard case .saved(let step) = divergence.kept else { return #expect(Bool(false), "\(divergence)") }
    // The 26th step is the first that climbs, slowly at first.
    #expect(step >= 20 && step < divergence.step - 2)
    let kept = try #require(states.states().first { $0.state.progress.totalSteps == step })
    #expect(objective.parameters.values == kept.state.parameters)
  }

  /// Neither taking a run up again while its loss climbs nor interrupting it there costs the last good state.
  @Test func aClimbTakenUpAgainStillHasWhatWasGood() throws {
    let folder = try TemporaryFolder()
    let (first, _, states) = try explosion(interval: 0, in: folder.path + "/run")
    let objective = ToyObjective()
    objective.direction = -1
    for isInterrupted in [true, false] {
      let run = TrainingRun(
        objective, stages: [ToyRun.stage(epochs: 1000, rate: 0.2, heldOut: 0)], settings: ToyRun.settings,
        saving: ToyRun.saving(states, interval: 0), from: try states.load().kept.state)
      let begun = run.progress.totalSteps
      let outcome = try run.run(isStopped: { isInterrupted && run.progress.totalSteps > begun })
      if isInterrupted {
        #expect(outcome == .interrupted(step: begun + 1))
      } else {
        guard case .diverged(let divergence) = outcome else { return #expect(Bool(false), "\(outcome)") }
        #expect(divergence.kept == first.kept)
      }
    }
  }

  @Test func aHigherLossThatStaysIsSavedAgain() {
    let run = TrainingRun(ToyObjective(), stages: [ToyRun.stage()], settings: ToyRun.settings)
    func climbs(_ losses: [Double]) -> Bool {
      run.progress.losses = losses
      return run.isClimbing
    }
    let low = Array(repeating: 1.0, count: 10)
    #expect(!climbs([]) && !climbs(low) && !climbs(low + [1.6]))
    #expect(climbs(low + [1.8]) && !climbs(low + [1.8, 1.6]))
    let most = LossMonitor.mostStepsToTell
    #expect(climbs(low + Array(repeating: 1.8, count: most - 1)) && !climbs(low + Array(repeating: 1.8, count: most)))
  }

  @Test func ordinaryLossesDoNotExplode() {
    var monitor = LossMonitor(evenGuess: 10)
    for step in 0..<500 {
      monitor.add(2 + (step % 7 == 0 ? 1.5 : 0))
      #expect(monitor.exploded == nil)
    }
    let again = LossMonitor(evenGuess: 10, losses: (0..<500).map { 2 + ($0 % 7 == 0 ? 1.5 : 0) })
    #expect(again.smoothed == monitor.smoothed)
  }

  /// Before any loss is known to be low, one far above an even guess is enough; but not for a base that begins there.
  @Test func aLossAboveAnEvenGuessIsSeenAtOnce() {
    let climbing = [4.6, 31, 30]
    #expect(LossMonitor(evenGuess: 10.8, losses: climbing.prefix(2)).exploded == nil)
    #expect(LossMonitor(evenGuess: 10.8, losses: climbing).exploded.map { $0.from == 4.6 && $0.to > 11.8 } == true)
    #expect(LossMonitor(evenGuess: 10.8, losses: [14, 31, 30]).exploded == nil)
    #expect(LossMonitor(evenGuess: 10.8, losses: [4.6, 9, 11]).exploded == nil)
  }
}
