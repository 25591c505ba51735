// Marks of a judge model for the answers of a task.
import CSystem
import Compute
import Evaluation
import Generation
import Model

/// The judge that --judge names.
struct EvalJudge {
  /// Answers judged between two showings of the progress.
  private static let groupLength = 32

  private let judge: Judge

  /// The judge of `command`; nil where none is named.
  init?(_ command: EvalMeasure) throws {
    guard let path = command.judge else { return nil }
    let checkpoint = try ModelOptions.open(path, kernels: ModelOptions.kernels())
    let model = Transformer(checkpoint, threads: command.model.threads ?? Processors.physicalCores)
    judge = try Judge(model: model, context: checkpoint.parameters.trainedContext)
  }

  /// `outcomes` with the marks of their answers; others as they are.
  func judged(_ outcomes: [ItemOutcome], _ line: LiveLine) throws -> [ItemOutcome] {
    var judged = outcomes
    let places = outcomes.indices.filter { if case .answer = outcomes[$0].content { true } else { false } }
    for start in stride(from: 0, to: places.count, by: EvalJudge.groupLength) {
      let group = places[start..<min(start + EvalJudge.groupLength, places.count)]
      let pairs = group.compactMap { place -> JudgedPair? in
        guard case .answer(let answer) = outcomes[place].content else { return nil }
        return JudgedPair(question: answer.question, answer: answer.answer)
      }
      let results = try judge.judge(pairs, isCancelled: hypnos_interrupted)
      for (place, result) in zip(group, results) {
        guard case .answer(var answer) = outcomes[place].content else { continue }
        switch result {
        case .success(let judgement): answer.marks = judgement.scores.mapValues(\.expected)
        case .failure(let refusal): Output.complain("\(outcomes[place].id): not judged: \(refusal)")
        }
        judged[place].content = .answer(answer)
      }
      line.show("\(start + group.count) of \(places.count) answers judged")
    }
    return judged
  }
}
