// The header of a state's file: identity, moment and progress as JSON. Losses and rates are written with as many
// digits as read back equal.
import Text

extension KeptState {
  /// The header of its file.
  var header: JSONValue {
    [
      "identity": identity.json,
      "moment": .array(
        [moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second].map {
          .integer($0)
        }),
      "progress": state.progress.json,
      "matrices": .array(state.parameters.map { .integer($0.count) }),
      "optimizer_steps": .integer(state.optimizer.steps), "has_best": .boolean(state.bestParameters != nil),
    ]
  }

  /// What `header` and the arrays behind it say; nil when the header lacks something.
  init?(_ header: JSONValue, _ parameters: [[Float]], _ optimizer: AdamW, _ best: [[Float]]?) {
    guard let identity = RunIdentity(json: header["identity"]),
      let progress = TrainingProgress(json: header["progress"]),
      let moment = header["moment"]?.array?.compactMap(\.integer), moment.count == 6,
      (progress.best != nil) == (best != nil)
    else { return nil }
    self.init(
      identity: identity,
      moment: LocalTime(
        year: moment[0], month: moment[1], day: moment[2], hour: moment[3], minute: moment[4], second: moment[5]),
      state: TrainingState(
        progress: progress, parameters: parameters, optimizer: optimizer, bestParameters: best))
  }
}

extension TrainingProgress {
  /// All of it.
  var json: JSONValue {
    [
      "stage": .integer(stage), "step": .integer(step), "losses": .array(losses.map { .number($0) }),
      "rates": .array(rates.map { .number($0) }), "evaluations": .array(evaluations.map(\.json)),
      "stage_starts": .array(stageStarts.map { .integer($0) }), "best": best?.json ?? .null,
      "looks_without_gain": .integer(looksWithoutGain), "tokens": .integer(tokens), "seconds": .number(seconds),
      "is_finished": .boolean(isFinished),
    ]
  }

  /// The progress that `json` holds; nil when it is not one.
  init?(json: JSONValue?) {
    // Small enough that sums of counts do not overflow.
    let counts = 0...1 << 48
    func numbers(_ key: String) -> [Double]? {
      guard let elements = json?[key]?.array else { return nil }
      let numbers = elements.compactMap(\.number)
      return numbers.count == elements.count ? numbers : nil
    }
    func count(_ key: String) -> Int? { json?[key]?.integer.flatMap { counts.contains($0) ? $0 : nil } }
    guard let stage = count("stage"), let step = count("step"), let losses = numbers("losses"),
      let rates = numbers("rates"), let evaluations = json?["evaluations"]?.array?.map(Evaluation.init(json:)),
      let starts = json?["stage_starts"]?.array?.compactMap(\.integer), starts.count == stage + 1,
      starts.allSatisfy(counts.contains),
      let looks = count("looks_without_gain"), let tokens = count("tokens"), let seconds = json?["seconds"]?.number,
      let isFinished = json?["is_finished"]?.boolean, !evaluations.contains(nil), losses.count == rates.count
    else { return nil }
    self.init()
    (self.stage, self.step, self.losses, self.rates) = (stage, step, losses, rates)
    self.evaluations = evaluations.compactMap { $0 }
    stageStarts = starts
    best = Evaluation(json: json?["best"])
    (looksWithoutGain, self.tokens, self.seconds, self.isFinished) = (looks, tokens, seconds, isFinished)
  }
}

extension TrainingProgress.Evaluation {
  var json: JSONValue { ["stage": .integer(stage), "step": .integer(step), "loss": .number(loss)] }

  init?(json: JSONValue?) {
    guard let stage = json?["stage"]?.integer, let step = json?["step"]?.integer, let loss = json?["loss"]?.number
    else { return nil }
    self.init(stage: stage, step: step, loss: loss)
  }
}
