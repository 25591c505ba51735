// Outcomes that are kept as they come: what an interrupted run left is taken up, to the bit, and nothing else is.
import Common
import Foundation
import Testing

@testable import Evaluation

@Suite struct JournalTests {
  private let folder: TemporaryFolder
  private let path: String

  init() throws {
    folder = try TemporaryFolder()
    path = folder.path + "/run.json.partial"
  }

  private let tasks = [
    RunOutcomes.Task(kind: .choice, ids: ["a", "b"]), RunOutcomes.Task(kind: .answers, ids: ["a"]),
    RunOutcomes.Task(kind: .loss, ids: ["c"]),
  ]

  private func item(_ id: String) -> TaskItem {
    TaskItem(id: id, line: 1, source: "s", passage: "", question: "q", content: .text)
  }

  private var choice: ItemOutcome {
    ItemOutcome(
      item("b"),
      .choice(
        ChoiceOutcome(
          keys: ["A", "C"], letters: ["A", "B", "C"], chosen: ["A", "B"], normalized: ["B", "C"],
          scores: [-0.1, -1 / 3, -2e-300], generated: nil)))
  }

  private var answer: ItemOutcome {
    ItemOutcome(item("a"), .answer(AnswerOutcome(question: "问\u{0}\n", reference: "", answer: "答 \"\u{2028}")))
  }

  private var cost: ItemOutcome {
    ItemOutcome(item("c"), .cost(TextCost(nats: 0.1 + 0.2, tokens: 3, characters: 2, bytes: 6)))
  }

  private func open(_ identity: [(name: String, value: String)] = [("model", "1")], isForced: Bool = false) throws
    -> RunOutcomes
  {
    try RunOutcomes(tasks, journal: path, identity: identity, isForced: isForced)
  }

  private func text() throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

  @Test func whatWasKeptIsTakenUp() throws {
    do {
      let first = try open()
      try first.keep([(1, choice)], of: 0)
      try first.keep([(0, answer)], of: 1)
      try first.keep([(0, cost)], of: 2)
      var judged = try #require(first[1][0]?.answer)
      judged.marks = [.usefulness: 1 / 7]
      judged.verdict = .win
      var later = answer
      later.content = .answer(judged)
      try first.keep([(0, later)], of: 1)
    }
    #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
    // A crash cut a line short.
    try (text() + #"{"task":0,"item":0,"outc"#).write(toFile: path, atomically: false, encoding: .utf8)
    let second = try open()
    #expect(second.taken == 3 && second[0] == [nil, choice] && second[2] == [cost])
    #expect(second[1][0]?.answer?.marks == [.usefulness: 1 / 7] && second[1][0]?.answer?.verdict == .win)
    #expect(second[1][0]?.answer?.question == "问\u{0}\n")
    second.remove()
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test func aFileThatWasThereBecomesItsOwners() throws {
    try Data().write(to: URL(filePath: path))
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
    _ = try open()
    #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
  }

  @Test func aFileThatIsRefusedStaysAsItWas() throws {
    try Data("mine\n".utf8).write(to: URL(filePath: path))
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
    #expect(throws: JournalError.notOurs(path: path, line: 1)) { try open() }
    #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o644)
    #expect(try text() == "mine\n")
  }

  @Test func anotherRunIsRefusedByName() throws {
    do { try open([("model", "1"), ("--by", "letter")]).keep([(1, choice)], of: 0) }
    #expect(throws: JournalError.otherRun(path: path, differences: ["--by"])) {
      try open([("model", "1"), ("--by", "text")])
    }
    #expect(throws: JournalError.otherRun(path: path, differences: ["model", "--stride"])) {
      try open([("model", "2"), ("--by", "letter"), ("--stride", "64")])
    }
    let forced = try open([("model", "2"), ("--by", "text")], isForced: true)
    #expect(forced.taken == 0)
    #expect(throws: JournalError.inUse(path: path)) { try open() }
  }

  @Test(arguments: [
    (#"{"task":0,"item":1}"#, 2), (#"{"task":9,"item":0,"outcome":{}}"#, 2), ("[]", 2), ("no JSON", 2),
    (#"{"task":0,"item":0,"outcome":{"id":"b","source":"","length":1,"letters":"AB","keys":"A","chosen":"A"}}"#, 2),
    (#"{"task":1,"item":0,"outcome":{"id":"a","source":"","length":1,"letters":"AB","keys":"A","chosen":"A"}}"#, 2),
  ]) func linesThatAreNoneOfTheRun(line: String, number: Int) throws {
    do { _ = try open() }
    try (text() + line + "\n").write(toFile: path, atomically: false, encoding: .utf8)
    #expect(throws: JournalError.notOurs(path: path, line: number)) { try open() }
  }

  @Test(arguments: ["my notes\nand more", "{\"kind\":\"hypnos filter\"}\n", "{\"kind\":\"hypnos eval\"\n"])
  func aFileOfAnotherKindStays(content: String) throws {
    _ = try folder.write("run.json.partial", content)
    #expect(throws: JournalError.notOurs(path: path, line: 1)) { try open() }
    #expect(try text() == content)
  }

  @Test func withoutAFileNothingIsWritten() throws {
    let outcomes = try RunOutcomes(tasks, journal: nil, identity: [], isForced: false)
    try outcomes.keep([(1, choice)], of: 0)
    outcomes.remove()
    #expect(outcomes[0] == [nil, choice] && outcomes.taken == 0)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }
}
