// What a model writes is checked, and making rows comes to an end whatever it writes.
import Common
import Evaluation
import Foundation
import Generation
import TestModels
import Testing
import Text

@testable import Curation

@Suite struct SelfInstructTests {
  @Test(arguments: [
    ("What is it?", true), ("Qu'est-ce que c'est ?", true), ("这是什么？", false), ("Что это?", false), ("123?", false),
  ])
  func english(_ text: String, _ holds: Bool) { #expect(WrittenText.has(text, .english) == holds) }

  @Test(arguments: [("丙泊酚 propofol 是什么？", true), ("What is 丙泊酚 exactly, and why?", false), ("？？", false)])
  func chinese(_ text: String, _ holds: Bool) { #expect(WrittenText.has(text, .chinese) == holds) }

  @Test func anExampleIsOneLineAndEndsWithASentence() {
    #expect(InstructPrompts.line("One.\n\nTwo.") == "One. Two.")
    let long = String(repeating: "A sentence of words. ", count: 40)
    let line = InstructPrompts.line(long)
    #expect(line.count <= 400)
    #expect(line.hasSuffix("."))
  }

  /// A model of random weights writes bytes without sense.
  private func makeRun(_ path: String, patience: Int) throws -> (SelfInstruct, GeneratedFile) {
    let model = try TinyModel.open()
    let prompts = try InstructPrompts(model.checkpoint)
    var settings = SelfInstructSettings()
    (settings.count, settings.patience, settings.maxTokens) = (3, patience, 8)
    var origin = GenerationOrigin()
    (origin.checkpoint, origin.settings) = (model.checkpoint.contentFingerprint, settings)
    let file = try GeneratedFile(path: path, origin: origin)
    let maker = SelfInstruct(
      model: model, prompts: prompts, context: 4096, limit: BatchLimit(sequences: 16), seeds: Seed.builtIn,
      passages: [], settings: settings)
    return (maker, file)
  }

  private func withPath(_ body: (String) throws -> Void) throws {
    let path = NSTemporaryDirectory() + "hypnos-\(UUID().uuidString).jsonl"
    defer { unlink(path) }
    try body(path)
  }

  @Test func aModelThatOnlyWritesGarbageIsGivenUp() throws {
    try withPath { path in
      let (maker, file) = try makeRun(path, patience: 10)
      var last: SelfInstruct.Progress?
      #expect(throws: CurationError.exhausted(made: 0, wanted: 3, attempts: 10)) {
        try maker.run(file, report: { last = $0 })
      }
      #expect(last?.attempts == 10)
      #expect(last?.dropped.values.reduce(0, +) == 10)
    }
  }

  @Test func interrupted() throws {
    try withPath { path in
      let (maker, file) = try makeRun(path, patience: 10)
      #expect(throws: Interrupted.self) { try maker.run(file, isCancelled: { true }) }
    }
  }

  private func origin(seed: UInt64) -> GenerationOrigin {
    var origin = GenerationOrigin()
    origin.checkpoint = "c"
    origin.settings.seed = seed
    return origin
  }

  private func row(_ attempt: Int) -> GeneratedRow {
    GeneratedRow(attempt: attempt, question: "Q\(attempt)?", answer: "A", seeds: ["s1"], passage: "p#1")
  }

  @Test func aFileIsGoneOnFromItsLastWholeRow() throws {
    try withPath { path in
      try GeneratedFile(path: path, origin: origin(seed: 1)).append([row(1), row(4)])
      let whole = try Data(contentsOf: URL(filePath: path))
      try (whole + Data("{\"question\":\"Q5".utf8)).write(to: URL(filePath: path))
      do {
        let file = try GeneratedFile(path: path, origin: origin(seed: 1))
        #expect(file.questions == ["Q1?", "Q4?"])
        #expect(file.lastAttempt == 4)
        #expect(try Data(contentsOf: URL(filePath: path)) == whole)
        // Locked while it is open.
        #expect(throws: JournalError.inUse(path: path)) { try GeneratedFile(path: path, origin: origin(seed: 1)) }
        _ = file.rowCount
      }
      // The line end alone may be missing.
      try whole.dropLast().write(to: URL(filePath: path))
      #expect(try GeneratedFile(path: path, origin: origin(seed: 1)).questions == ["Q1?"])
      #expect(throws: JournalError.otherRun(path: path, differences: ["--seed"])) {
        try GeneratedFile(path: path, origin: origin(seed: 2))
      }
      #expect(try GeneratedFile(path: path, origin: origin(seed: 2), isForced: true).rowCount == 0)
    }
  }

  @Test(arguments: ["hello\n", "{\"question\": \"Q\"}\n", "[]\n{}\n", "plain text without an end", "{garbage\n"])
  func aFileOfSomethingElseIsLeftAlone(_ content: String) throws {
    try withPath { path in
      try Data(content.utf8).write(to: URL(filePath: path))
      #expect(throws: JournalError.notOurs(path: path, line: 1)) {
        try GeneratedFile(path: path, origin: origin(seed: 1))
      }
      #expect(try String(contentsOfFile: path, encoding: .utf8) == content)
    }
  }

  @Test func aRowSaysWhereItComesFrom() throws {
    try withPath { path in
      try GeneratedFile(path: path, origin: origin(seed: 3)).append([row(2)])
      let value = try JSONValue(parsing: try String(contentsOfFile: path, encoding: .utf8))
      #expect(value["id"]?.string == "generated-3-2")
      let provenance = try #require(value["provenance"])
      #expect(provenance["checkpoint"]?.string == "c")
      #expect(provenance["seed"]?.integer == 3)
      #expect(provenance["seeds"]?.array == ["s1"])
      #expect(provenance["passage"]?.string == "p#1")
    }
  }
}
