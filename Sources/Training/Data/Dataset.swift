// All examples of a run or of one of its stages, read from files, without duplicates, parted into those to train on
// and those to measure on.
import Text

/// The examples of some files.
public struct Dataset: Sendable {
  /// How to read.
  public struct Options: Sendable {
    /// What to measure on.
    public var heldOut = HeldOut.none
    /// Whether rows that cannot be trained on are left out; otherwise they are an error.
    public var skipsBadRows = false
    /// Files and folders that are no data though they may lie among them, such as the run's own outputs.
    public var leftOut: [String] = []
    /// The seed of the held-out split.
    public var seed: UInt64 = 0

    /// Nothing held out, bad rows an error.
    public init() {}
  }

  /// The most examples and the most tokens that are held in memory.
  static let exampleLimit = 1 << 22
  static let tokenLimit = 1 << 28

  /// What to train on, in the order read.
  public let training: [TrainingExample]
  /// What to measure on.
  public let heldOut: [TrainingExample]
  /// What became of the files.
  public let report: DataReport

  /// Reads the files and folders at `paths`. Throws when one of them is not there, when there is nothing to train
  /// on, and, unless they are to be left out, when rows cannot be trained on; then with all of them counted.
  public init(
    reading paths: [String], maker: ExampleMaker, options: Options = Options(), isCancelled: () -> Bool = { false }
  ) throws(DataError) {
    if case .fraction(let fraction) = options.heldOut, !(0..<1).contains(fraction) { throw .fraction(fraction) }
    var collector = ExampleCollector(maker: maker)
    var heldOut: [TrainingExample] = []
    if case .files(let heldOutPaths) = options.heldOut {
      heldOut = try collector.read(heldOutPaths, options, isHeldOut: true, isCancelled: isCancelled)
    }
    var training = try collector.read(paths, options, isHeldOut: false, isCancelled: isCancelled)
    var report = collector.report
    guard options.skipsBadRows || report.problemCount == 0 else {
      throw .problems(report)
    }
    if case .files(let heldOutPaths) = options.heldOut, heldOut.isEmpty {
      throw .nothing(paths: heldOutPaths, aim: .measuring, report)
    }
    if case .fraction(let fraction) = options.heldOut {
      (training, heldOut) = HeldOutSplit.split(training, fraction: fraction, seed: options.seed)
    }
    guard !training.isEmpty else { throw .nothing(paths: paths, aim: .training, report) }
    report.training = ExampleCounts(training)
    report.heldOut = ExampleCounts(heldOut)
    self.training = training
    self.heldOut = heldOut
    self.report = report
  }

  /// `stages`, those of one run, each without the training examples that another one measures on: what is held out is
  /// seen in none. Throws `nothing` where a stage has no example left.
  public static func parted(_ stages: [Dataset]) throws(DataError) -> [Dataset] {
    let heldOut = Set(stages.flatMap { $0.heldOut.map(\.tokens) })
    var parted: [Dataset] = []
    for stage in stages {
      let training = stage.training.filter { !heldOut.contains($0.tokens) }
      var report = stage.report
      report.heldOutElsewhere = stage.training.count - training.count
      report.training = ExampleCounts(training)
      guard !training.isEmpty else { throw .nothing(paths: report.files.map(\.path), aim: .training, report) }
      parted.append(Dataset(training: training, heldOut: stage.heldOut, report: report))
    }
    return parted
  }

  private init(training: [TrainingExample], heldOut: [TrainingExample], report: DataReport) {
    self.training = training
    self.heldOut = heldOut
    self.report = report
  }
}

/// Reads files into examples and counts what becomes of them.
private struct ExampleCollector {
  let maker: ExampleMaker
  var report = DataReport()
  private var seen: Set<[Int32]> = []
  private var tokens = 0

  init(maker: ExampleMaker) { self.maker = maker }

  /// The examples of the files at `paths` whose tokens did not come before.
  mutating func read(
    _ paths: [String], _ options: Dataset.Options, isHeldOut: Bool, isCancelled: () -> Bool
  ) throws(DataError) -> [TrainingExample] {
    var examples: [TrainingExample] = []
    for path in try DataFolder.files(at: paths, leaving: options.leftOut) {
      let rows = RowReader(path: path)
      let file = report.files.count
      report.files.append(FileReport(path: path, form: rows.form, isHeldOut: isHeldOut))
      for (line, row) in rows {
        if isCancelled() { throw .interrupted }
        do throws(DataProblem.Reason) {
          let row = try row.get()
          let made = try maker.examples(of: row, source: .init(file: file, line: line ?? 1))
          report.files[file].count(row.kind, line: line ?? 1, made)
          examples += made.examples.filter { isNew($0, file: file) }
        } catch {
          note(DataProblem(path: path, line: line, reason: error), file: file)
        }
        guard seen.count <= Dataset.exampleLimit else { throw .tooMuch(limit: Dataset.exampleLimit, unit: "examples") }
        guard tokens <= Dataset.tokenLimit else { throw .tooMuch(limit: Dataset.tokenLimit, unit: "tokens") }
      }
    }
    return examples
  }

  /// Whether `example` says something new; counted either way.
  private mutating func isNew(_ example: TrainingExample, file: Int) -> Bool {
    guard seen.insert(example.tokens).inserted else {
      report.files[file].duplicates += 1
      return false
    }
    tokens += example.tokens.count
    report.files[file].count(example)
    return true
  }

  private mutating func note(_ problem: DataProblem, file: Int) {
    report.files[file].bad += 1
    report.problemCount += 1
    if let index = report.problems.firstIndex(where: { $0.path == problem.path && $0.reason == problem.reason }),
      report.problems[index].takeIn(problem)
    {
      return
    }
    let limits = DataReport.problemLimits
    guard report.problems.count < limits.all, report.problems.count(where: { $0.path == problem.path }) < limits.file
    else {
      if let line = problem.line { report.files[file].furtherBadLines.add(line) }
      return
    }
    report.problems.append(problem)
  }
}
