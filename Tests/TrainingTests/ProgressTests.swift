import Testing
import Text

@testable import Training

/// What is told of a run: the live line, the record, the report, held-out questions.
@Suite struct ProgressTests {
  @Test func theLineSaysWhereTheRunIs() {
    var meter = ProgressMeter(start: 100)
    #expect(meter.line(now: 100) == "step 0/0")
    meter.note(
      .stage(
        StageStart(name: "general", index: 0, count: 2, steps: 40, stepsPerEpoch: 20, done: 7, heldOutSequences: 3)))
    #expect(meter.line(now: 101) == "general step 7/40")
    meter.note(.evaluating(done: 1, of: 3))
    #expect(meter.line(now: 101) == "general step 7/40 · held-out 1 of 3")
    meter.note(.evaluating(done: 3, of: 3))
    meter.note(.evaluated(TrainingProgress.Evaluation(stage: 0, step: 7, loss: 2.5), isBest: true))
    meter.note(.sequence(done: 1, of: 4))
    #expect(meter.line(now: 101) == "general step 7/40 · held out 2.5000 · 1 of 4 sequences")
    meter.note(.sequence(done: 4, of: 4))
    meter.note(
      .step(
        StepReport(
          step: 8, steps: 40, loss: 2.25, smoothedLoss: 2.5, rate: 1e-4, tokens: 2000,
          tokensLeft: 12_000)))
    #expect(
      meter.line(now: 110)
        == "general step 8/40 · loss 2.2500, mean 2.5000 · held out 2.5000 · 200 tokens/s · 1 min 0 s left")
    // A terminal of 80 columns shows the time left all the same.
    #expect(
      meter.line(now: 110, width: 85)
        == "general step 8/40 · loss 2.2500 · held out 2.5000 · 200 tokens/s · 1 min 0 s left")
    #expect(
      meter.line(now: 110, width: 79) == "step 8/40 · loss 2.2500 · held out 2.5000 · 200 tokens/s · 1 min 0 s left")
    // A new stage knows nothing of the last one's losses.
    meter.note(
      .stage(StageStart(name: "specific", index: 1, count: 2, steps: 9, stepsPerEpoch: 3, done: 0, heldOutSequences: 0))
    )
    #expect(meter.line(now: 111) == "specific step 0/9")
  }

  private func report(_ folder: TemporaryFolder) throws -> (dataset: Dataset, tokenizer: Tokenizer) {
    let lines = (0..<8).map { #"{"question": "Question \#($0)?", "answer": "Answer \#($0)."}"# }
    try folder.write("rows.jsonl", lines.joined(separator: "\n"))
    try folder.write("more.jsonl", #"{"prompt": "Once ", "completion": "more."}"# + "\n" + #"{"text": "A note."}"#)
    let tokenizer = try Toy.tokenizer()
    var options = Dataset.Options()
    options.heldOut = .files([folder.path])
    // What is held out is not trained on, so there must be something else.
    let other = try TemporaryFolder()
    let dataset = try Dataset(
      reading: [try other.write("other.txt", "Other text.")], maker: toyMaker(tokenizer: tokenizer), options: options)
    return (dataset, tokenizer)
  }

  @Test func heldOutQuestionsAreTheRowsOwn() throws {
    let folder = try TemporaryFolder()
    let (dataset, tokenizer) = try report(folder)
    let all = dataset.heldOutQuestions(limit: 100, tokenizer: tokenizer)
    #expect(all.count == 9)
    let first = try #require(all.first { $0.question == "Question 0?" })
    #expect(first.expected == "Answer 0.")
    let prompt = String(decoding: tokenizer.decode(first.prompt, special: true), as: UTF8.self)
    #expect(prompt.hasSuffix("Question 0?<|im_end|>\n<|im_start|>assistant\n"))
    let completion = try #require(all.first { $0.question == "Once " })
    #expect(completion.expected == "more.")
    #expect(dataset.heldOutQuestions(limit: 2, tokenizer: tokenizer).count == 2)
  }

  @Test func aQuestionWhoseRowHasChangedIsLeftOut() throws {
    let folder = try TemporaryFolder()
    let (dataset, tokenizer) = try report(folder)
    let rows = (0..<9).map { #"{"question": "Question \#($0 == 0 ? "new" : "\($0 - 1)")?", "answer": "Moved."}"# }
    try folder.write("rows.jsonl", rows.joined(separator: "\n"))
    let questions = dataset.heldOutQuestions(limit: 100, tokenizer: tokenizer)
    #expect(questions.map(\.question) == ["Once "])
  }

  @Test func theRecordHoldsCountsAndNoText() throws {
    let folder = try TemporaryFolder()
    let (dataset, _) = try report(folder)
    let stage = TrainingStage(
      name: "ward", epochs: 2, rate: 1e-3, training: ToyRun.examples(400), heldOut: ToyRun.examples(3, first: 50))
    var settings = ToyRun.settings
    settings.seed = .max
    let run = TrainingRun(ToyObjective(), stages: [stage], settings: settings)
    _ = try run.run()
    let record = TrainingRecord(
      settings: settings, stages: [.init(stage, data: dataset.report)], dropout: 0.1, initialAdapter: "old.gguf",
      progress: run.progress, moment: LocalTime(year: 2025, month: 3, day: 4))
    let text = record.json.encoded
    for secret in ["Question", "Answer", "Other", folder.path] { #expect(!text.contains(secret)) }
    let json = try JSONValue(parsing: text)
    #expect(json["date"]?.string == "2025-03-04")
    #expect(json["settings"]?["seed"]?.string == "18446744073709551615")
    // What a stage was trained on, and what it was measured on.
    func names(_ key: String) -> [String]? { json["stages"]?.array?.first?[key]?.array?.compactMap(\.string) }
    #expect(names("files") == ["other.txt"] && names("held_out_files") == ["more.jsonl", "rows.jsonl"])
    let losses = try #require(json["loss"]?.array)
    #expect(losses.count <= 50)
    #expect(losses.last?.array?.first?.integer == run.progress.totalSteps)
    #expect(json["held_out_loss"]?.array?.count == run.progress.evaluations.count)

    var page = RunReport(title: "Run")
    page.add(run.progress, stages: record.stages)
    #expect(page.loss.count == run.progress.totalSteps)
    #expect(page.loss.first?.step == 1)
    #expect(page.heldOutLoss.first?.step == 0)
    #expect(page.learningRate.map(\.value).max() == 1e-3)
    #expect(page.figures.contains { $0.name == "held-out loss, the best" })
  }
}
