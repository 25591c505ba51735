// `hypnos eval`: benchmarks. The options; the run is in EvalRun.swift, the single tasks in EvalTasks.swift.
import ArgumentParser
import Evaluation
import Generation
import Model

/// Measuring models, by figures and by people.
struct Eval: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure a model on benchmarks, or have people rate answers.",
    discussion: "Without a subcommand it measures; hypnos eval measure --help lists the options.",
    subcommands: [EvalMeasure.self, EvalRate.self], defaultSubcommand: EvalMeasure.self)
}

/// Measures a model.
struct EvalMeasure: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "measure",
    abstract: "Measure a model on choice questions, answers, held-out loss and perplexity.",
    discussion: """
      What a --task file holds is told from its rows: choice questions by log-likelihood, questions with answers by \
      generating and comparing, texts by perplexity. Layouts: this program's own, CMExam, MedMCQA, CMB, AnesBench, \
      Self-Instruct. Values have 95 % bootstrap intervals. With --json a run that was interrupted goes on with the same \
      command.
      """)

  @OptionGroup var model: ModelOptions

  @Option(parsing: .upToNextOption, help: "Files of choice questions, questions with answers, or texts.")
  var task: [String] = []

  @Option(parsing: .upToNextOption, help: "Files of questions with answers whose held-out loss is measured.")
  var loss: [String] = []

  @Option(parsing: .upToNextOption, help: "Texts, or files of them, whose perplexity is measured.")
  var perplexity: [String] = []

  @Option(help: "A built-in chat template's name, or a Jinja file, instead of the checkpoint's own.")
  var template: String?

  @Option(help: "How choice questions are answered: letter, text (of the options, length-normalized too) or generated.")
  var by = ChoiceStyle.letter

  @Option(help: "How many answered examples stand before each choice question.")
  var shots = 0

  @Option(help: "The file of choice questions the examples are the first of.")
  var shotsFrom: String?

  @Flag(help: "Take the Simplified Chinese conversion of rows that have one.")
  var simplified = false

  @Option(help: "zh or en: the language of the metrics, and of bilingual rows; told from the text without.")
  var language: JudgedLanguage?

  @Option(help: "What MedMCQA's cop calls the first option, 0 or 1; told from the file's numbers without.")
  var copFrom: Int?

  @Option(help: "Keys of choice questions that have none of their own, JSON or JSONL with id and answer.")
  var keys: String?

  @Option(help: "Whose ROUGE: rouge-chinese, rouge-score or rouge; by the language without.")
  var rouge: RougeConvention?

  @Option(
    help: ArgumentHelp(
      "Compare Chinese answers by words instead of characters: a dictionary in the format of jieba's dict.txt.",
      valueName: "dictionary"))
  var words: String?

  @Option(help: "Answers that were given elsewhere, JSONL with id and answer, instead of generated ones.")
  var answers: String?

  @Option(help: "The most tokens of a generated answer.")
  var maxTokens = 256

  @Option(help: "The tokens between the windows of a long text; half the context without.")
  var stride: Int?

  @Option(help: "A judge model that marks answers on the five aspects.")
  var judge: String?

  @Option(
    help: ArgumentHelp(
      "An adapter of the judge, and how strongly it counts; can be given several times.", valueName: "file[=scale]"))
  var judgeAdapter: [String] = []

  @Option(help: "Another model's answers, JSONL or a run's --json file, which the judge compares with these.")
  var against: String?

  @Option(help: "Only the first items of each file.")
  var limit: Int?

  @Flag(help: "Leave out rows that cannot be evaluated.")
  var skipBad = false

  @OptionGroup var intervals: BootstrapOptions

  @Option(help: "The --json file of another run, to compare with item by item.")
  var compare: String?

  @Option(help: "Write the run, every item's result included; results on their way are kept beside it in FILE.partial.")
  var json: String?

  @Option(help: "Write a page with the results.")
  var report: String?

  @Flag(help: "Throw away the results of a run that was interrupted.")
  var force = false

  @Flag(help: .hidden)
  var noSharedCache = false

  func validate() throws {
    guard !(task + loss + perplexity).isEmpty else {
      throw ValidationError("nothing to evaluate; name files with --task, --loss or --perplexity")
    }
    for (name, files) in [("task", task), ("loss", loss), ("perplexity", perplexity)] {
      guard let twice = files.first(where: { path in files.count { $0 == path } > 1 }) else { continue }
      throw ValidationError("--\(name) \(twice): the file is named twice")
    }
    guard against == nil || judge != nil else { throw ValidationError("--against needs a --judge") }
    guard judgeAdapter.isEmpty || judge != nil else { throw ValidationError("--judge-adapter needs a --judge") }
    guard (0...32).contains(shots) else { throw ValidationError("--shots \(shots): it can be 0 to 32") }
    guard (shots > 0) == (shotsFrom != nil) else { throw ValidationError("--shots and --shots-from belong together") }
    guard maxTokens >= 1 else { throw ValidationError("--max-tokens \(maxTokens): it can be 1 or more") }
    if let limit, limit < 1 { throw ValidationError("--limit \(limit): it can be 1 or more") }
    if let copFrom, !(0...1).contains(copFrom) { throw ValidationError("--cop-from \(copFrom): it can be 0 or 1") }
    if let stride, stride < 1 { throw ValidationError("--stride \(stride): it can be 1 or more") }
    let inputs = task + loss + perplexity + [shotsFrom, answers, compare, against, words, keys].compactMap { $0 }
    for path in [json, json.map { $0 + ".partial" }, report].compactMap({ $0 }) {
      guard !inputs.contains(path), !path.isEmpty else {
        throw ValidationError("\(path) is named twice; inputs and outputs must be different files")
      }
    }
    if let json, let report, [json, json + ".partial"].contains(report) {
      throw ValidationError("\(report) is named twice; --json and --report are two files")
    }
  }

  /// How the files of tasks are read.
  func reading() throws -> TaskReading {
    var reading = TaskReading()
    reading.prefersSimplified = simplified
    if let language { reading.language = language }
    reading.firstOption = copFrom
    reading.keys = try keys.map { try AnswerFile(path: $0) }
    return reading
  }

  mutating func run() throws { try EvalRun(self).run() }
}

/// How intervals are made, on every command that prints some.
struct BootstrapOptions: ParsableArguments {
  @Option(help: "Where the random numbers, the bootstrap's among them, start.")
  var seed: UInt64 = 1

  @Option(help: "Bootstrap resamples behind each interval.")
  var resamples = 2000

  var bootstrap: Bootstrap { Bootstrap(resamples: resamples, seed: seed) }

  func validate() throws {
    guard (100...1_000_000).contains(resamples) else {
      throw ValidationError("--resamples \(resamples): it can be 100 to 1000000")
    }
  }
}

extension ChoiceStyle: ExpressibleByArgument {}
extension RougeConvention: ExpressibleByArgument {}
