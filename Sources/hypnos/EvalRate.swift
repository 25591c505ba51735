// `hypnos eval rate`: sheets for people who rate answers blindly, and what comes back.
import ArgumentParser
import Common
import Console
import Evaluation
import Glibc

/// Writes rating sheets and takes filled ones together.
struct EvalRate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rate",
    abstract: "Have people rate the answers of two or more models without knowing whose they are.",
    discussion: """
      With --answers it writes OUT.html, a page that works offline, OUT.csv, the same for a spreadsheet, and \
      OUT.key.json, which alone tells the models and stays with you. With --collect it takes the filled CSV files in: \
      how often each model is called best, its marks, and the raters' agreement.
      """)

  @Option(help: "Answers of one model, JSONL with id and answer; given once for each model, two or more.")
  var answers: [String] = []

  @Option(help: "The name of the model of each --answers in turn; the files' names without.")
  var name: [String] = []

  @Option(help: "The file of questions that were answered, to show them.")
  var task: String?

  @Option(help: "How the names of the sheets and of the key begin.")
  var out: String?

  @Option(help: "Only so many items, drawn at random.")
  var limit: Int?

  @OptionGroup var intervals: BootstrapOptions

  @Option(help: "The key; the filled sheets follow as arguments.")
  var collect: String?

  @Option(help: "Write what was collected as JSON.")
  var json: String?

  @Flag(help: "Replace files that exist.")
  var force = false

  @Argument(help: "Filled sheets, CSV, one a rater.")
  var sheets: [String] = []

  func validate() throws {
    if collect != nil {
      guard answers.isEmpty, out == nil, task == nil, name.isEmpty, limit == nil else {
        throw ValidationError("--collect takes filled sheets, and no --answers, --out, --task, --name or --limit")
      }
      guard !sheets.isEmpty else { throw ValidationError("--collect: no filled sheet is named") }
      guard Set(sheets).count == sheets.count else { throw ValidationError("a sheet is named twice") }
      return
    }
    guard answers.count >= 2 else { throw ValidationError("name two or more files with --answers, or --collect KEY") }
    guard Set(answers).count == answers.count else { throw ValidationError("a file of answers is named twice") }
    guard let out, !out.isEmpty else { throw ValidationError("name the sheets with --out") }
    guard json == nil else { throw ValidationError("--json belongs to --collect") }
    guard sheets.isEmpty else { throw ValidationError("filled sheets belong to --collect") }
    guard name.isEmpty || name.count == answers.count else {
      throw ValidationError("there are \(answers.count) files of answers, but \(name.count) names")
    }
    if let limit, limit < 1 { throw ValidationError("--limit \(limit): it can be 1 or more") }
  }

  mutating func run() throws {
    if let collect { return try takeIn(collect) }
    try writeSheets(out ?? "")
  }

  private func writeSheets(_ out: String) throws {
    let files = try answers.map { try AnswerFile(path: $0) }
    let models = name.isEmpty ? answers : name
    let paths = [".html", ".csv", ".key.json"].map { out + $0 }
    let inputs = answers + [task].compactMap(\.self)
    try OutputPlace.check(files: paths, inputs: inputs.map { ($0, "read for the sheets") })
    for path in paths { try FinetuneRun.allowReplacing(path, "replace it", force: force) }
    let questions = try questions()
    let study = try RatingStudy(files, models: models, questions: questions, seed: intervals.seed, limit: limit)
    if let task, let item = study.items.first(where: { questions[$0.id] == nil }) {
      throw Failure(
        "\(files[0].path), line \(files[0].answers[item.id]?.line ?? 0): \(terminalSafe("\"\(item.id)\"")) is no item of "
          + "\(task); these are answers to other questions")
    }
    let sheet = RatingSheet(study, files)
    try OwnerFile.write(sheet.html, to: paths[0])
    try OwnerFile.write(sheet.csv, to: paths[1])
    try study.write(to: paths[2])
    for file in files where file.ids.count > study.items.count && limit == nil {
      let count = file.ids.count - study.items.count
      Output.complain("\(file.path): \(count) answers have none beside them and are left out")
    }
    Output.complain(
      "\(study.items.count) items, \(models.count) answers each: \(paths[0]) and \(paths[1]) are for the raters; "
        + "\(paths[2]) tells whose answers they are, keep it", prefix: "")
  }

  private func questions() throws -> [String: String] {
    guard let task else { return [:] }
    let file = try TaskFile(path: task)
    if let problem = file.problems.first { throw problem }
    return Dictionary(file.items.map { ($0.id, $0.fullQuestion) }, uniquingKeysWith: { first, _ in first })
  }

  private func takeIn(_ key: String) throws {
    try OutputPlace.check(files: [json], inputs: [(key, "the key")] + sheets.map { ($0, "a filled sheet") })
    if let json { try FinetuneRun.allowReplacing(json, "replace it", force: force) }
    let study = try RatingStudy(key: key)
    let filled = try sheets.map { try FilledSheet(path: $0, study: study) }
    let collection = RatingCollection(study, filled, bootstrap: intervals.bootstrap)
    guard collection.decided > 0 || collection.models.contains(where: { $0.marks.contains { $0 != nil } }) else {
      throw Failure("\(sheets.joined(separator: ", ")): no mark is filled in")
    }
    // The file first: whoever reads standard output may be gone.
    if let json { try OwnerFile.write(collection.json.encoded + "\n", to: json) }
    try Output.write(terminalSafe(collection.text))
  }
}
