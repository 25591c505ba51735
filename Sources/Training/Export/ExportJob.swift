// The same run for machines that have PyTorch: the data as JSON lines, the settings, and a script for transformers and
// PEFT. What is exported is what training would see: without bad rows and duplicates, and with the same part held out.
import Common
import Compute
import Glibc
import Text

/// A run as a folder for other engines.
public struct ExportJob {
  /// A stage of the run.
  public struct Stage {
    /// Its name.
    public let name: String
    /// Its data.
    public let dataset: Dataset
    /// How often the data are gone through.
    public let epochs: Double
    /// The highest learning rate.
    public let learningRate: Double

    /// The stage `name` over `dataset`.
    public init(name: String, dataset: Dataset, epochs: Double, learningRate: Double) {
      self.name = name
      self.dataset = dataset
      self.epochs = epochs
      self.learningRate = learningRate
    }
  }

  /// The stages, one adapter carried through them.
  public let stages: [Stage]
  /// The settings they share.
  public let settings: ExportSettings
  /// The base's name, for the person who looks for its float checkpoint.
  public let baseName: String
  /// The base's tokenizer, which the data sets were made with.
  public let tokenizer: Tokenizer
  /// The template the data sets were made with; nil without one.
  public let template: ChatTemplate?

  /// A job of `stages` for the base called `baseName`.
  public init(
    stages: [Stage], settings: ExportSettings, baseName: String, tokenizer: Tokenizer, template: ChatTemplate?
  ) {
    self.stages = stages
    self.settings = settings
    self.baseName = baseName
    self.tokenizer = tokenizer
    self.template = template
  }

  /// Writes the job into the new folder `folder`, readable by its owner alone. Throws `EEXIST` when something is
  /// there; a failure leaves nothing behind.
  public func write(to folder: String) throws(WritingError) {
    guard mkdir(folder, 0o700) == 0 else { throw WritingError(path: folder, code: errno) }
    do throws(WritingError) {
      try writeFiles(to: folder)
    } catch {
      for name in FolderListing.names(at: folder, limit: 1 << 16) ?? [] { unlink(folder + "/" + name) }
      rmdir(folder)
      throw error
    }
  }

  private func writeFiles(to folder: String) throws(WritingError) {
    for (index, stage) in stages.enumerated() {
      try JobRows(of: stage.dataset, tokenizer: tokenizer).write(
        training: folder + "/" + fileName("train", index), heldOut: folder + "/" + fileName("validation", index))
    }
    if let template { try OwnerFile.write(template.source, to: folder + "/template.jinja") }
    try OwnerFile.write(json.encoded + "\n", to: folder + "/job.json")
    try OwnerFile.write(ExportJob.script, to: folder + "/train.py")
    try OwnerFile.write(readme, to: folder + "/README.md")
  }

  /// What the data of stage `index` are called.
  func fileName(_ part: String, _ index: Int) -> String {
    stages.count == 1 ? "\(part).jsonl" : "\(part)-\(index + 1).jsonl"
  }

  private var json: JSONValue {
    let stages = stages.enumerated().map { index, stage -> JSONValue in
      [
        "name": .string(stage.name), "train": .string(fileName("train", index)),
        "validation": .string(fileName("validation", index)), "epochs": .number(stage.epochs),
        "learning_rate": .number(stage.learningRate),
      ]
    }
    return ["base": .string(baseName), "settings": settings.json, "stages": .array(stages)]
  }
}

/// The rows behind a data set's examples, as JSON lines: dialogues as `messages`, completions as they were, notes in
/// the pieces they were split into.
private struct JobRows {
  private let dataset: Dataset
  private let tokenizer: Tokenizer
  private let training: [TrainingExample.Source: [TrainingExample]]
  private let heldOut: [TrainingExample.Source: [TrainingExample]]

  init(of dataset: Dataset, tokenizer: Tokenizer) {
    self.dataset = dataset
    self.tokenizer = tokenizer
    training = Dictionary(grouping: dataset.training, by: \.source)
    heldOut = Dictionary(grouping: dataset.heldOut, by: \.source)
  }

  /// Reads the files again and writes the rows of both sides.
  func write(training trainingPath: String, heldOut heldOutPath: String) throws(WritingError) {
    let trainingFile = try OwnerFile(path: trainingPath)
    let heldOutFile = try OwnerFile(path: heldOutPath)
    for (index, report) in dataset.report.files.enumerated() {
      for case (let line, .success(let row)) in RowReader(path: report.path) {
        let source = TrainingExample.Source(file: index, line: line ?? 1)
        try write(row, training[source], to: trainingFile)
        try write(row, heldOut[source], to: heldOutFile)
      }
    }
    try trainingFile.finish()
    try heldOutFile.finish()
  }

  private func write(_ row: DataRow, _ examples: [TrainingExample]?, to file: OwnerFile) throws(WritingError) {
    guard let examples else { return }
    switch row.content {
    case .dialogue(let messages):
      let values = messages.map { message -> JSONValue in
        ["role": .string(message.role), "content": .string(message.content)]
      }
      try file.write(JSONValue.object(["messages": .array(values)]).encoded + "\n")
    case .completion(let prompt, let completion):
      try file.write(
        JSONValue.object(["prompt": .string(prompt), "completion": .string(completion)]).encoded + "\n")
    case .note:
      for example in examples {
        // Behind the token that begins a text, the space that the vocabulary adds would be taken for the text's own.
        let tokens = Array(example.tokens.drop { tokenizer.isControl(Int($0)) })
        let text = String(decoding: tokenizer.decode(tokens, special: false), as: UTF8.self)
        try file.write(JSONValue.object(["text": .string(text)]).encoded + "\n")
      }
    }
  }
}
