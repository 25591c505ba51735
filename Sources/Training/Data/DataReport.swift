// What became of the data: per file what was read, cut, split, dropped and left out, so that nothing goes missing
// silently. Shown before training starts, and kept in its report.
import Text

/// The counts of one file.
public struct FileReport: Sendable, Equatable {
  /// The file.
  public let path: String
  /// How it was read; nil when it could not be.
  public let form: FileForm?
  /// Whether it was named as a file to measure on.
  public let isHeldOut: Bool
  /// Rows of each kind, in the order of their first appearance.
  public internal(set) var kinds: [(kind: RowKind, rows: Int)] = []
  /// Examples made of its rows, without duplicates.
  public internal(set) var examples = 0
  /// Their tokens.
  public internal(set) var tokens = 0
  /// Their targets.
  public internal(set) var targets = 0
  /// Dialogues and completions that lost their end, being longer than a sequence.
  public internal(set) var cut = 0
  /// Notes split into several examples.
  public internal(set) var split = 0
  /// Examples left out because no target lies within a sequence's length.
  public internal(set) var dropped = 0
  /// Lines of those that were cut.
  public internal(set) var cutLines = LineList()
  /// Lines of those that were left out for their length.
  public internal(set) var droppedLines = LineList()
  /// Examples left out because an earlier one has the same tokens.
  public internal(set) var duplicates = 0
  /// Rows that could not be used, and the file itself where it could not.
  public internal(set) var bad = 0
  /// Lines of those whose problems are too many to be kept.
  public internal(set) var furtherBadLines = LineList()

  /// Rows that could be used.
  public var rows: Int { kinds.reduce(0) { $0 + $1.rows } }

  init(path: String, form: FileForm?, isHeldOut: Bool) {
    self.path = path
    self.form = form
    self.isHeldOut = isHeldOut
  }

  /// Counts the row of `kind` at `line` and what was made of it, but for its examples.
  mutating func count(_ kind: RowKind, line: Int, _ made: ExampleMaker.Outcome) {
    cut += made.cut
    dropped += made.dropped
    if made.cut > 0 { cutLines.add(line) }
    if made.dropped > 0 { droppedLines.add(line) }
    split += made.isSplit ? 1 : 0
    if let index = kinds.firstIndex(where: { $0.kind == kind }) {
      kinds[index].rows += 1
    } else {
      kinds.append((kind, 1))
    }
  }

  /// Counts an example that is no duplicate.
  mutating func count(_ example: TrainingExample) {
    examples += 1
    tokens += example.tokens.count
    targets += example.targetCount
  }

  /// Whether all counts are equal.
  public static func == (left: FileReport, right: FileReport) -> Bool { left.json == right.json }

  /// The file in a line: what it is, and what became of it.
  public var line: String {
    let what = kinds.map { "\($0.rows) \($0.kind.rawValue)" }.joined(separator: ", ")
    var parts = ["\(examples) examples", "\(tokens) tokens", "\(targets) in the loss"]
    let losses = [
      (cut, "cut"), (split, "split"), (dropped, "dropped"), (duplicates, "duplicates left out"),
      (bad, "bad"),
    ]
    parts += losses.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
    let form = form.map { " (\($0.rawValue)\(isHeldOut ? ", held out" : ""))" } ?? ""
    return "\(path)\(form): \(what.isEmpty ? "no rows" : what); \(parts.joined(separator: ", "))"
  }

  /// Which rows are too long, where there are any.
  var longLines: [String] {
    var lines: [String] = []
    if cut > 0 { lines.append("  cut at the end of a sequence, a longer --sequence-length keeps more: \(cutLines)") }
    if dropped > 0 {
      lines.append(
        "  dropped, since what is to be learnt lies behind the end of a sequence, or is one token alone: \(droppedLines)"
      )
    }
    return lines
  }

  /// The counts as JSON.
  public var json: JSONValue {
    [
      "path": .string(path), "form": form.map { .string($0.rawValue) } ?? .null, "held_out": .boolean(isHeldOut),
      "rows": .object(OrderedFields(kinds.map { ($0.kind.rawValue, .integer($0.rows)) })),
      "examples": .integer(examples), "tokens": .integer(tokens), "targets": .integer(targets),
      "cut": .integer(cut), "split": .integer(split), "dropped": .integer(dropped),
      "duplicates": .integer(duplicates), "bad": .integer(bad),
    ]
  }
}

/// Examples on one side of the split, counted.
public struct ExampleCounts: Sendable, Equatable {
  /// How many there are.
  public let examples: Int
  /// Their tokens.
  public let tokens: Int
  /// Their targets.
  public let targets: Int
  /// Tokens of the longest.
  public let longest: Int

  /// Counts `examples`.
  public init(_ examples: [TrainingExample]) {
    self.examples = examples.count
    tokens = examples.reduce(0) { $0 + $1.tokens.count }
    targets = examples.reduce(0) { $0 + $1.targetCount }
    longest = examples.map(\.tokens.count).max() ?? 0
  }

  var line: String {
    "\(examples) examples, \(tokens) tokens, \(targets) in the loss, the longest \(longest) tokens"
  }

  var json: JSONValue {
    [
      "examples": .integer(examples), "tokens": .integer(tokens), "targets": .integer(targets),
      "longest": .integer(longest),
    ]
  }
}

/// What became of all files of a data set.
public struct DataReport: Sendable, Equatable {
  /// The most problems that are kept with their reason, of one file and of all.
  public static let problemLimits = (file: 5, all: 50)

  /// The files, in the order read; those to measure on first.
  public internal(set) var files: [FileReport] = []
  /// The first problems of each file; rows with the same are one.
  public internal(set) var problems: [DataProblem] = []
  /// How many problems there are.
  public internal(set) var problemCount = 0
  /// Examples not trained on because another stage of the run measures on them.
  public internal(set) var heldOutElsewhere = 0
  /// What is trained on.
  public internal(set) var training = ExampleCounts([])
  /// What is measured on.
  public internal(set) var heldOut = ExampleCounts([])

  /// The report for a person: a line per file, the problems, the sums.
  public var lines: [String] {
    var lines = files.flatMap { [$0.line] + $0.longLines }
    if problemCount > 0 {
      lines.append("left out \(problemCount) that cannot be trained on:")
      lines += problemLines.map { "  \($0)" }
    }
    if heldOutElsewhere > 0 { lines.append("left out \(heldOutElsewhere) that another stage measures on") }
    lines.append("to train on: \(training.line)")
    lines.append(heldOut.examples > 0 ? "held out: \(heldOut.line)" : "held out: nothing")
    return lines
  }

  /// Everything that cannot be trained on: with its reason, or at least where it is.
  var problemLines: [String] {
    let named = Set(problems.map(\.path))
    return problems.map(\.description)
      + files.compactMap { file in
        if file.furtherBadLines.count > 0 { return "\(file.path): and \(file.furtherBadLines)" }
        return file.bad > 0 && !named.contains(file.path) ? "\(file.path): cannot be trained on either" : nil
      }
  }

  /// The report as JSON.
  public var json: JSONValue {
    [
      "files": .array(files.map(\.json)), "training": training.json, "held_out": heldOut.json,
      "held_out_elsewhere": .integer(heldOutElsewhere), "problem_count": .integer(problemCount),
      "problems": .array(problems.map { .string($0.description) }),
    ]
  }
}
