// The results of a run on their way, a line of JSON each, so that a run that was interrupted goes on. The first line
// says what kind of run it is and what its results follow from; a journal of another run is refused by what differs.
import Common
import Text

/// A journal of results.
package final class RunJournal {
  private let file: JournalFile

  /// Opens the journal at `path` or begins it. `identity` is all that results follow from, under the names by which a
  /// difference is told. `take` is handed every line that an earlier run of the same `kind` and identity left, and says
  /// whether it can be one. What was there is thrown away if `isForced`.
  package init(
    path: String, kind: String, identity: [(name: String, value: JSONValue)], isForced: Bool,
    take: (JSONValue) -> Bool
  ) throws {
    file = try JournalFile(path: path)
    if isForced { try file.clear() }
    // Nothing is taken off a file that is not of this kind.
    let opening = JSONValue.object(OrderedFields([("kind", .string(kind))])).encoded.dropLast()
    if case .bytes(let bytes)? = try DataFile(path: path).nextLine(), !bytes.starts(with: Array(opening.utf8)) {
      throw JournalError.notOurs(path: path, line: 1)
    }
    try file.dropUnfinishedLine()
    let reader = try DataFile(path: path)
    guard let first = try reader.nextLine() else {
      let fields = [("kind", JSONValue.string(kind))] + identity.map { ($0.name, $0.value) }
      try file.append([JSONValue.object(OrderedFields(fields)).encoded])
      return
    }
    guard let header = RunJournal.value(first) else { throw JournalError.notOurs(path: path, line: 1) }
    let differences = identity.filter { header[$0.name] != $0.value }.map(\.name)
    guard differences.isEmpty else { throw JournalError.otherRun(path: path, differences: differences) }
    var number = 1
    while let line = try reader.nextLine() {
      number += 1
      guard let value = RunJournal.value(line), take(value) else {
        throw JournalError.notOurs(path: path, line: number)
      }
    }
  }

  /// Writes `results` down and forces them to the disk.
  package func append(_ results: [JSONValue]) throws(JournalError) { try file.append(results.map(\.encoded)) }

  /// Removes the file.
  package func remove() { file.remove() }

  private static func value(_ line: DataFile.Line) -> JSONValue? {
    guard case .bytes(let bytes) = line else { return nil }
    return try? JSONValue(parsing: bytes)
  }
}
