// What a judge model says of the answers of a task: marks, and comparisons with another model's answers.
import CSystem
import Compute
import Console
import Evaluation
import Generation
import Model

/// The judge that --judge names.
struct EvalJudge {
  /// Answers judged between two showings of the progress, and kept together.
  private static let groupLength = 16

  private let model: Transformer
  private let context: Int
  private let judge: Judge
  private let against: (path: String, answers: Answers)?

  /// Another model's answers: one for each id, or those of a run, which has them by task.
  private enum Answers {
    case given([String: String])
    case run(EvaluationFile)

    /// Those to the items of the file at `path`, by id.
    func answers(to path: String) -> [String: String] {
      switch self {
      case .given(let answers): answers
      case .run(let run): run.answers(to: path)
      }
    }
  }

  /// The judge's model.
  var checkpoint: Checkpoint { model.checkpoint }

  /// The judge of `command`; nil where none is named.
  init?(_ command: EvalMeasure) throws {
    guard let path = command.judge else { return nil }
    let checkpoint = try ModelOptions.open(path, kernels: ModelOptions.kernels())
    model = Transformer(checkpoint, threads: command.model.threads ?? Processors.physicalCores)
    let adapters = try AdapterOptions.load(
      command.judgeAdapter, for: checkpoint, anyBase: command.model.adapters.adapterAnyBase)
    if !adapters.isEmpty { try model.setAdapters(adapters) }
    context = max(checkpoint.parameters.trainedContext, command.model.context ?? 0)
    judge = try Judge(model: model, context: context)
    judge.tellStyle()
    against = try command.against.map { path in
      if let run = try? EvaluationFile(path: path) { return (path, .run(run)) }
      return (path, .given(try AnswerFile(path: path).answers.mapValues(\.text)))
    }
  }

  /// Refuses answers of --against that are to none of a task's items, and says to how many they are otherwise.
  func check(_ tasks: [EvalRun.Task]) throws {
    guard let against else { return }
    for task in tasks where task.kind == .answers {
      let others = against.answers.answers(to: task.file.path)
      let count = task.file.items.count { others[$0.id] != nil }
      guard count > 0 else { throw Failure("\(against.path): has no answer to an item of \(task.file.path)") }
      if count < task.file.items.count {
        Output.complain(
          "\(against.path): has answers to \(count) of the \(task.file.items.count) items of \(task.file.path); only these "
            + "are compared", prefix: "")
      }
    }
  }

  /// All but the items and answers that its verdicts follow from, under the names by which a difference is told.
  func identity(_ tasks: [EvalRun.Task]) -> [(name: String, value: String)] {
    let against = tasks.map { task in
      self.against.map { EvalJournal.digest(of: $0.answers.answers(to: task.file.path)) } ?? ""
    }
    return [
      ("--judge", "\(model.checkpoint.contentFingerprint) \(judge.style.rawValue) \(context)"),
      ("--judge-adapter", model.adapters.map(\.fingerprint).joined(separator: " ")),
      ("--against", against.joined(separator: " ")),
    ]
  }

  /// Judges the answers of `task`, the task number `number`, that `outcomes` has no marks of.
  func judge(_ task: EvalRun.Task, number: Int, _ outcomes: RunOutcomes, _ line: LiveLine) throws {
    let places = outcomes[number].indices.filter { outcomes[number][$0]?.answered != nil }
    guard !places.isEmpty else { return }
    let open = places.filter { outcomes[number][$0]?.answered?.marks == nil }
    for start in stride(from: 0, to: open.count, by: EvalJudge.groupLength) {
      let group = Array(open[start..<min(start + EvalJudge.groupLength, open.count)])
      let pairs = group.compactMap { place in
        outcomes[number][place]?.answered.map { JudgedPair(question: $0.question, answer: $0.answer) }
      }
      let results = try judge.judge(pairs, isCancelled: hypnos_interrupted)
      try settle(zip(group, results), task, number, outcomes) { $0.marks = $1.scores.mapValues(\.expected) }
      line.show("\(places.count - open.count + start + group.count) of \(places.count) answers judged")
    }
    try compare(task, number: number, outcomes, line)
  }

  /// Compares with the answers of --against, for the items it has.
  private func compare(_ task: EvalRun.Task, number: Int, _ outcomes: RunOutcomes, _ line: LiveLine) throws {
    guard let against else { return }
    let others = against.answers.answers(to: task.file.path)
    let places = outcomes[number].indices.filter { place in
      outcomes[number][place].map { others[$0.id] != nil && $0.answered != nil } ?? false
    }
    let open = places.filter { outcomes[number][$0]?.answered?.verdict == nil }
    let pairwise = try PairwiseJudge(model: model, context: context)
    for start in stride(from: 0, to: open.count, by: EvalJudge.groupLength) {
      let group = Array(open[start..<min(start + EvalJudge.groupLength, open.count)])
      let pairs = group.compactMap { place in
        outcomes[number][place].flatMap { outcome in
          outcome.answered.map { ($0.question, $0.answer, others[outcome.id] ?? "") }
        }
      }
      let verdicts = try pairwise.verdicts(pairs, isCancelled: hypnos_interrupted)
      try settle(zip(group, verdicts), task, number, outcomes) { $0.verdict = $1 }
      line.show("\(places.count - open.count + start + group.count) of \(places.count) pairs of answers compared")
    }
  }

  /// Keeps what was found of the answers at some places, and names those that could not be judged.
  private func settle<Value>(
    _ results: some Sequence<(Int, Result<Value, JudgeRefusal>)>, _ task: EvalRun.Task, _ number: Int,
    _ outcomes: RunOutcomes, _ change: (inout AnswerOutcome, Value) -> Void
  ) throws {
    var changed: [(item: Int, outcome: ItemOutcome)] = []
    for (place, result) in results {
      guard var outcome = outcomes[number][place], var answer = outcome.answered else { continue }
      switch result {
      case .success(let value):
        change(&answer, value)
        outcome.content = .answer(answer)
        changed.append((place, outcome))
      case .failure(let refusal):
        let item = task.file.items[place]
        Output.complain(
          terminalSafe("\(task.file.path), line \(item.line): the answer to \"\(item.id)\" is not judged: \(refusal)"))
      }
    }
    try outcomes.keep(changed, of: number)
  }
}

extension Judge {
  /// Says where a judge is asked as a base model, and why.
  func tellStyle() {
    guard style == .examples else { return }
    let checkpoint = model.checkpoint
    let file = checkpoint.file.files.first.map { $0.path + ": " } ?? ""
    Output.complain(
      terminalSafe("\(file)\(checkpoint.name) judges as a base model, behind judged examples")
        + (checkpoint.templateSource == nil ? ": it has no chat template" : ""), prefix: "")
  }
}

extension ItemOutcome {
  /// What was answered in words.
  fileprivate var answered: AnswerOutcome? { if case .answer(let answer) = content { answer } else { nil } }
}
