// The page of a run: its curves, settings and data, and what the base and the trained model answer to questions that
// neither has seen. It quotes the data, so it is written only where someone asked for it.
import CSystem
import Generation
import Model
import Text
import Training

/// Makes the report of a finished run.
struct FinetuneReport {
  /// Questions asked, and the most tokens of an answer.
  private static let (questionLimit, answerLimit) = (4, 200)

  private let plan: FinetunePlan
  private let progress: TrainingProgress
  private let threads: Int

  init(_ plan: FinetunePlan, _ progress: TrainingProgress, _ command: Finetune) {
    self.plan = plan
    self.progress = progress
    threads = command.threadCount
  }

  /// Asks the base and the base with the adapter at `adapterPath`, and writes the page to `path`.
  func write(to path: String, adapter adapterPath: String) throws {
    var report = RunReport(title: "\(adapterPath.lastPathComponent): an adapter for \(plan.checkpoint.name)")
    report.subtitle = "Made by hypnos finetune on \(Machine.date); \(Machine.description), \(threads) threads"
    report.settings = plan.settingsEntries
    report.add(progress, stages: plan.recorded)
    if let peak = KernelText("/proc/self/status").bytes("VmHWM") {
      report.figures.append(.init("most memory, the mapped checkpoint included", Figure.bytes(peak)))
    }
    let plans = plan.stages.map { StagePlan($0, settings: plan.settings) }
    let shared = plans.reduce(0) { $0 + $1.sharedTokenCount }
    if shared > 0 {
      let all = plans.reduce(0) { $0 + $1.tokenCount }
      report.figures.append(.init("of them computed for another example anyway", "\(100 * shared / all) %"))
    }
    report.comparisons = try comparisons(adapterPath)
    try report.write(to: path)
    let quotes = report.comparisons.isEmpty ? "" : "; it quotes held-out questions and answers"
    Output.complain("\(path): written\(quotes)", prefix: "")
  }

  private func comparisons(_ adapterPath: String) throws -> [RunReport.Comparison] {
    // Those of the last stage first: they are what the adapter is for.
    var questions: [HeldOutQuestion] = []
    for dataset in plan.datasets.reversed() {
      questions += dataset.heldOutQuestions(
        limit: FinetuneReport.questionLimit - questions.count, tokenizer: plan.checkpoint.tokenizer)
    }
    guard !questions.isEmpty else { return [] }
    Output.complain("Asking held-out questions, before and after.", prefix: "")
    let model = Transformer(plan.checkpoint, threads: threads)
    let before = try answers(to: questions, model)
    try model.setAdapters([LoadedAdapter(path: adapterPath, for: plan.checkpoint, scale: 1, anyBase: false)])
    let after = try answers(to: questions, model)
    return questions.indices.map { index in
      RunReport.Comparison(
        question: questions[index].question, expected: questions[index].expected, before: before[index],
        after: after[index])
    }
  }

  private func answers(to questions: [HeldOutQuestion], _ model: Transformer) throws -> [String] {
    var options = GenerationOptions()
    options.maxTokens = FinetuneReport.answerLimit
    let longest = questions.map(\.prompt.count).max() ?? 0
    let session = Session(model: model, context: longest + FinetuneReport.answerLimit + 1)
    let generator = Generator(session: session, options: options)
    return try questions.map { question in
      let answer = try generator.answer(question.prompt, isCancelled: hypnos_interrupted) { _ in }
      guard answer.finish != .interrupted else {
        throw Failure(
          "stopped; the adapter is written, the report is not: the same command with --resume --force writes it",
          code: 130)
      }
      return answer.text
    }
  }
}
