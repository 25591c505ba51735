// One step of the optimizer, and one look at the held-out loss.
import Common

extension TrainingRun {
  /// Computes the gradient over the sequences of the next step, the mean over all their targets, and moves the
  /// parameters along it. When it throws, nothing has changed.
  func takeStep(_ isStopped: () -> Bool, _ report: (TrainingEvent) -> Void) throws {
    let sequences = plans[progress.stage].sequences(step: progress.step)
    let targets = sequences.reduce(0) { $0 + $1.targetCount }
    for index in gradients.values.indices { gradients.values[index].setAll(to: 0) }
    var sum = 0.0
    for (index, sequence) in sequences.enumerated() {
      sum += try objective.accumulate(
        sequence, weight: 1 / Float(max(1, targets)), dropoutSeed: dropoutSeed(of: index), into: &gradients,
        isStopped: isStopped
      ).loss
      report(.sequence(done: index + 1, of: sequences.count))
    }
    let loss = sum / Double(max(1, targets))
    let norm = GradientClipping.norm(of: gradients.values)
    guard loss.isFinite, norm.isFinite else { throw Failed(sign: .notFinite, step: progress.totalSteps + 1) }
    monitor.add(loss)
    if let (from, to) = monitor.exploded {
      throw Failed(sign: .exploded(from: from, to: to), step: progress.totalSteps + 1)
    }
    let rate = plan.rate(step: progress.step)
    optimizer.step(
      &objective.parameters.values, gradients: gradients.values,
      gradientScale: GradientClipping.scale(norm: norm, limit: settings.clipping), rate: rate,
      weightDecay: settings.weightDecay)
    let tokens = sequences.reduce(0) { $0 + $1.tokenCount }
    progress.losses.append(loss)
    progress.rates.append(rate)
    progress.step += 1
    progress.tokens += tokens
    report(
      .step(
        StepReport(
          step: progress.step, steps: plan.steps, loss: loss,
          smoothedLoss: monitor.smoothed, rate: rate, tokens: tokens, tokensLeft: tokensLeft)))
  }

  /// What the dropped values of a step's sequence `index` follow from: the run's seed and the place alone.
  private func dropoutSeed(of index: Int) -> UInt64 {
    var generator = SplitMix64(seed: settings.seed, stream: UInt64(progress.totalSteps) << 20 | UInt64(index))
    return generator.next()
  }

  /// Tokens of the steps to come, if no stage ends early.
  private var tokensLeft: Int {
    let left = Double(plan.tokenCount) * Double(plan.steps - progress.step) / Double(plan.steps)
    return plans[(progress.stage + 1)...].reduce(Int(left)) { $0 + $1.tokenCount }
  }

  /// Whether the held-out loss is to be looked at before anything else is done.
  var needsEvaluation: Bool {
    let last = progress.evaluations.last
    let isDone = last?.stage == progress.stage && last?.step == progress.totalSteps
    return !isDone && plan.evaluates(after: progress.step)
  }

  /// Measures the held-out loss and keeps the parameters when it is the stage's best.
  func evaluate(_ isStopped: () -> Bool, _ report: (TrainingEvent) -> Void) throws {
    let sequences = plan.heldOut
    var sum = (loss: 0.0, targets: 0)
    for (index, sequence) in sequences.enumerated() {
      let part = try objective.loss(sequence, isStopped: isStopped)
      sum = (sum.loss + part.loss, sum.targets + part.targets)
      report(.evaluating(done: index + 1, of: sequences.count))
    }
    let loss = sum.loss / Double(max(1, sum.targets))
    guard loss.isFinite else { throw Failed(sign: .notFinite, step: progress.totalSteps) }
    let evaluation = TrainingProgress.Evaluation(stage: progress.stage, step: progress.totalSteps, loss: loss)
    let isBest = progress.best.map { loss < $0.loss } ?? true
    progress.evaluations.append(evaluation)
    if isBest {
      progress.best = evaluation
      bestParameters = objective.parameters.values
      progress.looksWithoutGain = 0
    } else {
      progress.looksWithoutGain += 1
    }
    report(.evaluated(evaluation, isBest: isBest))
  }
}

extension [Float] {
  /// Sets every value, in place.
  fileprivate mutating func setAll(to value: Float) { for index in indices { self[index] = value } }
}
