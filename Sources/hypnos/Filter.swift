// `hypnos filter`: cross-filtering of question-answer pairs by one or several judges.
import ArgumentParser
import Curation
import Evaluation

/// Scores pairs and parts the good from the others.
struct Filter: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Score question-answer pairs by a judge model and keep the good ones.",
    discussion: """
      A judge marks every pair from 0 to 10 for coherence, professionalism, usefulness, harmfulness (10 is harmless) \
      and friendliness; beside it stands the gain, how much likelier the question makes the answer. Several judges \
      count alike. Pairs are ranked by the mean of the marks times 1 - exp(-gain / 4). Without a threshold the better half \
      is kept. Every row keeps its fields and has its scores and the reasons under "filter". A run that is \
      interrupted goes on with the same command.
      """)

  @Option(name: [.short, .long], help: "A judge, a GGUF file; can be given several times. The default model without.")
  var model: [String] = []

  @Option(help: ArgumentHelp("A further judge, as -m.", valueName: "model"))
  var judge: [String] = []

  @OptionGroup var adapters: JudgeAdapterOptions

  @Argument(help: "The pairs: JSONL of the kinds that finetune reads.")
  var pairs: [String]

  @Option(help: "The kept rows.")
  var out: String

  @Option(help: "The rejected rows; they are counted but written nowhere without.")
  var rejected: String?

  @Option(help: ArgumentHelp("Keep only pairs with at least this for an aspect.", valueName: "aspect=score"))
  var min: [String] = []

  @Option(help: "Keep only pairs with at least this mean of the five aspects.")
  var minMean: Double?

  @Option(help: "Keep only pairs with at least this gain.")
  var minGain: Double?

  @Option(help: "Keep only pairs with at least this score.")
  var minScore: Double?

  @Option(help: ArgumentHelp("Keep this part of the pairs, the best by their score.", valueName: "part"))
  var keep: Double?

  @Option(help: "The language of the judge's instructions, zh or en; each pair's own without.")
  var language: JudgedLanguage?

  @Option(help: "How judges are asked: chat, examples, or auto, by whether they have a chat template.")
  var prompt = PromptStyle.auto

  @Option(help: "A built-in chat template's name, or a Jinja file, instead of the checkpoints' own.")
  var template: String?

  @Option(help: ArgumentHelp("Say how well the scores part rows with this value from others.", valueName: "key=value"))
  var labels: String?

  @Option(help: "Write a page with histograms, agreement and examples at the edge.")
  var report: String?

  @Flag(help: "Leave out rows that are no pairs.")
  var skipBad = false

  @Flag(help: "Replace files that exist, and throw away the scores of a run that was interrupted.")
  var force = false

  @Option(name: [.short, .long], help: "Threads; one for each physical core without.")
  var threads: Int?

  @Option(name: [.short, .long], help: "Context in tokens; as long as the judge was trained for without.")
  var context: Int?

  func validate() throws {
    if let threads, !(1...256).contains(threads) { throw ValidationError("--threads \(threads): it can be 1 to 256") }
    try ModelOptions.check(context: context)
    if let keep, !(keep > 0 && keep <= 1) { throw ValidationError("--keep \(keep): it can be above 0 and at most 1") }
    for (name, value) in [("min-mean", minMean), ("min-gain", minGain), ("min-score", minScore)] {
      if let value, !value.isFinite { throw ValidationError("--\(name): it must be a number") }
    }
    guard !pairs.isEmpty else { throw ValidationError("no file of pairs is named") }
    var written: Set<String> = []
    for path in [out] + [rejected, report].compactMap({ $0 }) {
      guard !path.isEmpty else { throw ValidationError("an output has no name") }
      guard written.insert(path).inserted, !pairs.contains(path) else {
        throw ValidationError("\(path) is named twice; inputs and outputs must be different files")
      }
    }
    _ = try rule()
    _ = try label()
    _ = try judgeAdapters()
  }

  /// The judges' files, in their order; none for the default model.
  var judges: [String] { model + judge }

  /// The adapters of each judge.
  func judgeAdapters() throws -> [[String]] { try adapters.arguments(judges.isEmpty ? ["the default model"] : judges) }

  /// What is kept.
  func rule() throws -> FilterRule {
    var rule = FilterRule()
    for text in min {
      let parts = text.split(separator: "=", omittingEmptySubsequences: false)
      guard parts.count == 2, let aspect = JudgedAspect(rawValue: String(parts[0])), let least = Double(parts[1]),
        (0...10).contains(least)
      else {
        let names = JudgedAspect.allCases.map(\.rawValue).joined(separator: ", ")
        throw ValidationError(
          "--min \(text): it is an aspect and a score from 0 to 10, such as coherence=6; aspects are \(names)")
      }
      rule.aspects[aspect] = least
    }
    (rule.mean, rule.gain, rule.score, rule.fraction) = (minMean, minGain, minScore, keep)
    if rule.isEmpty { rule.fraction = 0.5 }
    return rule
  }

  /// The key and the value of --labels.
  func label() throws -> (key: String, value: String)? {
    guard let labels else { return nil }
    guard let equals = labels.firstIndex(of: "="), equals != labels.startIndex else {
      throw ValidationError("--labels \(labels): it is a key and a value, such as label=genuine")
    }
    return (String(labels[..<equals]), String(labels[labels.index(after: equals)...]))
  }

  mutating func run() throws { try FilterRun(self).run() }
}

/// How models are made to judge or to write.
enum PromptStyle: String, ExpressibleByArgument, CaseIterable {
  /// By whether they have a template.
  case auto
  case chat
  case examples
}

extension JudgedLanguage: ExpressibleByArgument {}
