// The report's curves, stages and figures from what a run has recorded.
import Common

extension RunReport {
  /// Fills the curves and the stages in from `progress`; `stages` are the run's, with what became of their data.
  public mutating func add(_ progress: TrainingProgress, stages: [TrainingRecord.Stage]) {
    loss = RunReport.lossPoints(progress)
    heldOutLoss = RunReport.heldOutPoints(progress)
    learningRate = progress.rates.enumerated().map { RunPoint(step: $0.offset + 1, value: $0.element) }
    self.stages = zip(stages, progress.stageStarts).map { stage, start in
      Stage(name: stage.stage.name, startStep: start, data: stage.data)
    }
    figures += RunReport.figures(of: progress)
  }

  static func lossPoints(_ progress: TrainingProgress) -> [RunPoint] {
    progress.losses.enumerated().map { RunPoint(step: $0.offset + 1, value: $0.element) }
  }

  static func heldOutPoints(_ progress: TrainingProgress) -> [RunPoint] {
    progress.evaluations.map { RunPoint(step: $0.step, value: $0.loss) }
  }

  private static func figures(of progress: TrainingProgress) -> [Entry] {
    var figures: [Entry] = []
    let last = progress.evaluations.filter { $0.stage == progress.stage }
    if let first = last.first, let best = progress.best {
      figures += [
        Entry("held-out loss before", Figure.loss(first.loss)),
        Entry("held-out loss, the best", Figure.loss(best.loss)),
        Entry("held-out perplexity, the best", Figure.perplexity(best.loss)),
      ]
    } else if let first = progress.losses.first, let last = progress.losses.last {
      figures += [Entry("first loss", Figure.loss(first)), Entry("last loss", Figure.loss(last))]
    }
    figures.append(Entry("steps", grouped(progress.totalSteps)))
    figures.append(Entry("time", Figure.duration(progress.seconds)))
    if progress.seconds > 0 {
      figures.append(Entry("tokens a second", (Double(progress.tokens) / progress.seconds).fixed(0)))
    }
    return figures
  }
}
