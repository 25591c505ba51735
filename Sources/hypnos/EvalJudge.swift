// What a judge model says of the answers of a task: marks, and comparisons with another model's answers.
import CSystem
import Compute
import Console
import Evaluation
import Generation
import Model

/// The judge that --judge names.
struct EvalJudge {
  /// Answers judged between two showings of the progress.
  private static let groupLength = 32

  private let model: Transformer
  private let context: Int
  private let judge: Judge
  private let against: String?

  /// The judge of `command`; nil where none is named.
  init?(_ command: EvalMeasure) throws {
    guard let path = command.judge else { return nil }
    let checkpoint = try ModelOptions.open(path, kernels: ModelOptions.kernels())
    model = Transformer(checkpoint, threads: command.model.threads ?? Processors.physicalCores)
    context = checkpoint.parameters.trainedContext
    judge = try Judge(model: model, context: context)
    against = command.against
  }

  /// `outcomes` of the task in the file at `path`, their answers judged.
  func judged(_ outcomes: [ItemOutcome], path: String, _ line: LiveLine) throws -> [ItemOutcome] {
    var judged = outcomes
    let places = outcomes.indices.filter { if case .answer = outcomes[$0].content { true } else { false } }
    guard !places.isEmpty else { return outcomes }
    for start in stride(from: 0, to: places.count, by: EvalJudge.groupLength) {
      let group = Array(places[start..<min(start + EvalJudge.groupLength, places.count)])
      let pairs = group.compactMap { place in
        outcomes[place].answered.map { JudgedPair(question: $0.question, answer: $0.answer) }
      }
      let results = try judge.judge(pairs, isCancelled: hypnos_interrupted)
      for (place, result) in zip(group, results) {
        settle(result, place, &judged) { $0.marks = $1.scores.mapValues(\.expected) }
      }
      line.show("\(start + group.count) of \(places.count) answers judged")
    }
    try compare(&judged, path: path, line)
    return judged
  }

  /// Compares with the answers of --against, for the items it has.
  private func compare(_ outcomes: inout [ItemOutcome], path: String, _ line: LiveLine) throws {
    guard let against else { return }
    let others = try EvalJudge.answers(against, task: path)
    let places = outcomes.indices.filter { others[outcomes[$0].id] != nil && outcomes[$0].answered != nil }
    guard !places.isEmpty else { throw Failure("\(against): has no answer to an item of \(path)") }
    let pairs = places.compactMap { place in
      outcomes[place].answered.map { ($0.question, $0.answer, others[outcomes[place].id] ?? "") }
    }
    let verdicts = try PairwiseJudge(model: model, context: context).verdicts(
      pairs, isCancelled: hypnos_interrupted
    ) { line.show("\($0) of \(pairs.count) pairs of answers compared") }
    for (place, result) in zip(places, verdicts) { settle(result, place, &outcomes) { $0.verdict = $1 } }
  }

  private func settle<Value>(
    _ result: Result<Value, JudgeRefusal>, _ place: Int, _ outcomes: inout [ItemOutcome],
    _ change: (inout AnswerOutcome, Value) -> Void
  ) {
    guard var answer = outcomes[place].answered else { return }
    switch result {
    case .success(let value): change(&answer, value)
    case .failure(let refusal): Output.complain(terminalSafe("\(outcomes[place].id): not judged: \(refusal)"))
    }
    outcomes[place].content = .answer(answer)
  }

  /// Another model's answers by id, from a run's file or from lines of JSON.
  private static func answers(_ path: String, task: String) throws -> [String: String] {
    if let run = try? EvaluationFile(path: path) { return run.answers(to: task) }
    return try AnswerFile(path: path).answers.mapValues(\.text)
  }
}

extension ItemOutcome {
  /// What was answered in words.
  fileprivate var answered: AnswerOutcome? { if case .answer(let answer) = content { answer } else { nil } }
}
