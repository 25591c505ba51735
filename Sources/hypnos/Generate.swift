// `hypnos generate`: new question-answer pairs from seeds or from passages, by Self-Instruct.
import ArgumentParser
import Curation
import Evaluation
import Generation

/// Makes pairs.
struct Generate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make question-answer pairs from seed questions or from passages (Self-Instruct).",
    discussion: """
      Each row is a new question after some seeds, or about a passage, and the same model's answer; near duplicates of \
      what is there already are dropped (ROUGE-L above 0.7), and so is another language than the seeds' or passage's. \
      Rows say where they come from. A run that was interrupted goes on with the same command, to the same bytes.
      """)

  @OptionGroup var model: ModelOptions

  @Option(help: "Seeds: JSONL with instructions or questions, or a question a line; can be given several times.")
  var seeds: [String] = []

  @Option(help: "Passages to ask about: text, Markdown or JSONL, files or folders; can be given several times.")
  var from: [String] = []

  @Option(help: "Rows to make.")
  var count: Int

  @Option(help: "The file of rows; where it exists, the run goes on behind its last row.")
  var out: String

  @Option(help: "Make only pairs in this language, zh or en.")
  var language: JudgedLanguage?

  @Option(help: "How the model is asked: chat, examples, or auto, by whether it has a chat template.")
  var prompt = PromptStyle.auto

  @Option(help: "A built-in chat template's name, or a Jinja file, instead of the checkpoint's own.")
  var template: String?

  @Option(help: "Where the random numbers start.")
  var seed: UInt64 = 0

  @Option(help: "How freely questions are drawn.")
  var temperature: Float = SelfInstructSettings().questionTemperature

  @Option(help: "How freely answers are drawn; 0 takes the likeliest token.")
  var answerTemperature: Float = SelfInstructSettings().answerTemperature

  @Option(help: "The most tokens of an answer; longer ones are dropped.")
  var maxTokens = SelfInstructSettings().maxTokens

  @Option(help: "Seeds that the model is shown for each question.")
  var examples = SelfInstructSettings().examples

  @Option(help: "The most tokens of a passage; longer documents are cut at paragraphs and sentences.")
  var passageTokens = 512

  @Option(help: "Give up after this many attempts without a new row.")
  var patience = SelfInstructSettings().patience

  @Option(help: "Pairs computed at once.")
  var parallel = BatchLimit.standard.sequences

  @Flag(help: "Replace a file of another run.")
  var force = false

  func validate() throws {
    func check<Value>(_ name: String, _ value: Value, _ range: String, _ holds: Bool) throws {
      guard !holds else { return }
      throw ValidationError("--\(name) \(value): it can be \(range)")
    }
    try check("count", count, "1 to 10000000", (1...10_000_000).contains(count))
    try check("temperature", temperature, "0 to 100", (0...100).contains(temperature))
    try check("answer-temperature", answerTemperature, "0 to 100", (0...100).contains(answerTemperature))
    try check("max-tokens", maxTokens, "1 to 65536", (1...65536).contains(maxTokens))
    try check("examples", examples, "1 to 16", (1...16).contains(examples))
    try check("passage-tokens", passageTokens, "32 to 65536", (32...65536).contains(passageTokens))
    try check("patience", patience, "1 to 1000000", (1...1_000_000).contains(patience))
    try check(
      "parallel", parallel, "1 to \(BatchLimit.mostSequences)", (1...BatchLimit.mostSequences).contains(parallel))
    guard !out.isEmpty else { throw ValidationError("--out has no name") }
    guard !(seeds + from).contains(out) else {
      throw ValidationError("\(out) is named twice; inputs and outputs must be different files")
    }
  }

  mutating func run() throws { try GenerateRun(self).run() }
}
