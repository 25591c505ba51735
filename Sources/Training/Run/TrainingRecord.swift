// How an adapter was trained, as JSON for its file: settings, counts, losses. No text of the data is in it, and of
// paths the last part alone. It holds no times but the day of the run's beginning, so that a run that was interrupted
// ends with the same file as one that was not.
import Text

/// The record of a run.
public struct TrainingRecord {
  /// A stage with what became of its data.
  public struct Stage {
    let stage: TrainingStage
    let data: DataReport

    /// `stage`, read as `data` says.
    public init(_ stage: TrainingStage, data: DataReport) {
      self.stage = stage
      self.data = data
    }
  }

  /// The most points of the training loss.
  private static let lossLimit = 50

  let settings: TrainingSettings
  let stages: [Stage]
  let dropout: Double
  /// The name of the adapter it went on from.
  let initialAdapter: String?
  let progress: TrainingProgress
  let moment: LocalTime

  /// The record of a run that has come as far as `progress` says.
  public init(
    settings: TrainingSettings, stages: [Stage], dropout: Double, initialAdapter: String?, progress: TrainingProgress,
    moment: LocalTime
  ) {
    self.settings = settings
    self.stages = stages
    self.dropout = dropout
    self.initialAdapter = initialAdapter
    self.progress = progress
    self.moment = moment
  }

  /// The record as one JSON object.
  public var json: JSONValue {
    [
      "program": "hypnos", "date": .string(date), "settings": settings.json(dropout: dropout),
      "initial_adapter": initialAdapter.map { .string($0) } ?? .null,
      "stages": .array(stages.indices.map { json(of: $0) }), "steps": .integer(progress.totalSteps),
      "tokens": .integer(progress.tokens), "is_finished": .boolean(progress.isFinished),
      "loss": .array(points(RunReport.lossPoints(progress), limit: TrainingRecord.lossLimit)),
      "held_out_loss": .array(points(RunReport.heldOutPoints(progress), limit: Int.max)),
    ]
  }

  private var date: String {
    func two(_ number: Int) -> String { (number < 10 ? "0" : "") + String(number) }
    return "\(moment.year)-\(two(moment.month))-\(two(moment.day))"
  }

  private func json(of index: Int) -> JSONValue {
    let (stage, data) = (stages[index].stage, stages[index].data)
    let best = progress.evaluations.filter { $0.stage == index }.min { $0.loss < $1.loss }
    func names(isHeldOut: Bool) -> JSONValue {
      .array(
        data.files.filter { $0.isHeldOut == isHeldOut }
          .map { .string($0.path.split(separator: "/").last.map(String.init) ?? "") })
    }
    return [
      "name": .string(stage.name), "epochs": .number(stage.epochs), "rate": .number(stage.rate),
      "files": names(isHeldOut: false), "held_out_files": names(isHeldOut: true), "training": data.training.json,
      "held_out": data.heldOut.json,
      "first_step": progress.stageStarts.indices.contains(index) ? .integer(progress.stageStarts[index] + 1) : .null,
      "best_held_out_loss": best.map { .number($0.loss) } ?? .null,
      "best_step": best.map { .integer($0.step) } ?? .null,
    ]
  }

  /// At most `limit` points, means of as many neighbours each.
  private func points(_ points: [RunPoint], limit: Int) -> [JSONValue] {
    let length = max(1, (points.count - 1) / limit + 1)
    return stride(from: 0, to: points.count, by: length).map { start in
      let part = points[start..<min(start + length, points.count)]
      let mean = part.reduce(0) { $0 + $1.value / Double(part.count) }
      return [.integer(part.last?.step ?? 0), .number((mean * 1e4).rounded() / 1e4)]
    }
  }
}

extension TrainingSettings {
  func json(dropout: Double) -> JSONValue {
    [
      "sequence_length": .integer(sequenceLength), "sequences_per_step": .integer(sequencesPerStep),
      "schedule": .string(schedule.rawValue), "warm_up": .number(warmUp), "dropout": .number(dropout),
      "weight_decay": .number(weightDecay), "clipping": clipping.map { .number($0) } ?? .null,
      "patience": .integer(patience), "seed": .string(String(seed)),
    ]
  }
}
