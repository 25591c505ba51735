// The file of generated rows: a row a line, each with where it comes from, so that the file itself says where a run
// that was interrupted goes on. There is no date in it: the same run gives the same bytes.
import Common
import Evaluation
import Text
import Training

/// One generated pair.
struct GeneratedRow: Sendable {
  /// The attempt that made it, from 1.
  let attempt: Int
  let question: String
  let answer: String
  /// The ids of the seeds it was made after.
  let seeds: [String]
  /// The id of the passage it is about.
  let passage: String?
}

/// What all rows of a run have in common.
public struct GenerationOrigin: Sendable {
  /// The model's name.
  public var model = ""
  /// Its contents (`Checkpoint.contentFingerprint`).
  public var checkpoint = ""
  /// The adapters in use, as they are told in answers.
  public var adapters: [JSONValue] = []
  /// How it was made to write.
  public var style = ""
  /// A digest of the prompts' words.
  public var prompts = ""
  /// A digest of seeds, passages and their order.
  public var sources = ""
  /// How tokens were drawn, and other settings that rows follow from.
  public var settings = SelfInstructSettings()

  /// An origin to be filled in.
  public init() {}

  /// Names and values that a run taken up again must share.
  var identity: RunIdentity {
    var identity = RunIdentity()
    identity.add("model", checkpoint)
    identity.add("set of adapters", JSONValue.array(adapters).encoded)
    identity.add("way of asking", style + " " + prompts)
    identity.add("set of seeds or passages", sources)
    identity.add("--seed", settings.seed)
    identity.add("--temperature", "\(settings.questionTemperature) \(settings.answerTemperature)")
    identity.add("--max-tokens", settings.maxTokens)
    identity.add("--examples", settings.examples)
    return identity
  }

  /// The provenance of a row.
  func provenance(_ row: GeneratedRow) -> JSONValue {
    var fields: [(String, JSONValue)] = [
      ("model", .string(model)), ("checkpoint", .string(checkpoint)), ("adapters", .array(adapters)),
      ("seed", .integer(Int(clamping: settings.seed))), ("attempt", .integer(row.attempt)),
      ("prompt", .string(style)), ("prompts", .string(prompts)),
      ("question_temperature", .number(Double("\(settings.questionTemperature)") ?? 0)),
      ("answer_temperature", .number(Double("\(settings.answerTemperature)") ?? 0)),
      ("seeds", .array(row.seeds.map { .string($0) })),
    ]
    if let passage = row.passage { fields.append(("passage", .string(passage))) }
    fields.append(("run", .string(run)))
    return .object(OrderedFields(fields))
  }

  /// A digest of everything that must be the same for a file to be gone on with.
  var run: String { RunIdentity.digest(of: identity.entries.map { "\($0.name)=\($0.value)" }.joined(separator: "\n")) }
}

/// The file a run writes.
public final class GeneratedFile {
  private let file: JournalFile
  private let origin: GenerationOrigin
  /// The questions that are in it.
  let questions: [String]
  /// The attempt that made its last row; 0 without rows.
  let lastAttempt: Int

  /// Rows that are in it.
  public var rowCount: Int { questions.count }

  /// Opens or makes the file at `path`. Rows that a run of the same origin left are gone on from, unless it `isForced`,
  /// which takes them off. Throws `JournalError`, for a file of another run too.
  public init(path: String, origin: GenerationOrigin, isForced: Bool = false) throws {
    self.origin = origin
    file = try JournalFile(path: path)
    if isForced { try file.clear() }
    let reader = try DataFile(path: path)
    var (questions, lastAttempt, number) = ([String](), 0, 0)
    let run = origin.run
    var upcoming = try reader.nextLine()
    while let line = upcoming {
      upcoming = try reader.nextLine()
      number += 1
      guard case .bytes(let bytes) = line else { throw JournalError.notOurs(path: path, line: number) }
      // A last line that a crash cut short is written again, be it by its end alone.
      let isCutShort = upcoming == nil && !file.endsWithLineEnd
      guard let row = try? JSONValue(parsing: bytes) else {
        guard isCutShort, bytes.first == UInt8(ascii: "{") else { throw JournalError.notOurs(path: path, line: number) }
        break
      }
      guard let question = row["question"]?.string, let attempt = row["provenance"]?["attempt"]?.integer,
        attempt > lastAttempt, attempt < 1 << 40, let made = row["provenance"]?["run"]?.string
      else { throw JournalError.notOurs(path: path, line: number) }
      guard made == run else {
        throw JournalError.otherRun(path: path, differences: GeneratedFile.differences(row["provenance"], origin))
      }
      if isCutShort { break }
      questions.append(question)
      lastAttempt = attempt
    }
    try file.dropUnfinishedLine()
    (self.questions, self.lastAttempt) = (questions, lastAttempt)
  }

  /// Appends `rows`.
  func append(_ rows: [GeneratedRow]) throws(JournalError) {
    try file.append(
      rows.map { row in
        let fields: [(String, JSONValue)] = [
          ("id", .string("generated-\(origin.settings.seed)-\(row.attempt)")), ("question", .string(row.question)),
          ("answer", .string(row.answer)), ("provenance", origin.provenance(row)),
        ]
        return JSONValue.object(OrderedFields(fields)).encoded
      })
  }

  /// What can be seen to be different from the run that made a row.
  private static func differences(_ provenance: JSONValue?, _ origin: GenerationOrigin) -> [String] {
    var found: [String] = []
    if provenance?["checkpoint"]?.string != origin.checkpoint { found.append("model") }
    if provenance?["seed"]?.integer != Int(clamping: origin.settings.seed) { found.append("--seed") }
    if provenance?["prompts"]?.string != origin.prompts { found.append("way of asking") }
    return found.isEmpty ? ["set of seeds, passages or settings"] : found
  }
}
