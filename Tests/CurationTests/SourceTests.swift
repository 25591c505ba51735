// Rows, seeds and passages, good and bad ones.
import Evaluation
import Foundation
import Testing

@testable import Curation

@Suite struct SourceTests {
  private let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "hypnos-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  private func file(_ name: String, _ content: some Sequence<UInt8>) throws -> String {
    let path = folder.appending(path: name).path
    try Data(content).write(to: URL(filePath: path))
    return path
  }

  private func done() { try? FileManager.default.removeItem(at: folder) }

  @Test func pairsOfAllKinds() throws {
    defer { done() }
    let path = try file(
      "pairs.jsonl",
      """
      {"question": "Q1", "answer": "A1", "id": 7}

      {"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "Q2"}, {"role": "assistant", "content": "A2"}]}
      {"instruction": "Q3", "input": "more", "output": "A3"}
      {"prompt": "Q4", "completion": "A4"}
      """.utf8)
    let rows = try PairFile(reading: [path], language: nil, skipsBadRows: false).rows
    #expect(rows.map(\.pair.question) == ["Q1", "Q2", "Q3\n\nmore", "Q4"])
    #expect(rows.map(\.pair.answer) == ["A1", "A2", "A3", "A4"])
    #expect(rows.map(\.line) == [1, 3, 4, 5])
    #expect(rows[0].fields["id"]?.integer == 7)
  }

  @Test func badRowsAreNamedWithFileAndLine() throws {
    defer { done() }
    let bad: [(String, String)] = [
      ("{\"question\": \"Q\"}", "none of the rows that are known"), ("[1]", "not a JSON object"),
      ("{\"question\": \"Q\", \"answer\": 3}", "\"answer\" is not a string"), ("{\"question\"", "not JSON"),
      ("{\"question\": \" \", \"answer\": \"A\"}", "the question is empty"),
      ("{\"question\": \"Q\", \"answer\": \"\\n\"}", "\"answer\" is empty"),
      ("{\"text\": \"note\"}", "there is no pair to judge"),
      ("{\"question\": \"Q\", \"answer\": \"\\u0000\"}", "NUL"),
      ("{\"messages\": [{\"role\": \"user\", \"content\": \"Q\"}]}", "no message is an answer"),
      ("{\"messages\": [{\"role\": \"assistant\", \"content\": \"A\"}]}", "the question is empty"),
    ]
    let good = "{\"question\": \"Q\", \"answer\": \"A\"}"
    let path = try file("bad.jsonl", ([good] + bad.map(\.0)).joined(separator: "\n").utf8)
    let error = #expect(throws: CurationError.self) {
      try PairFile(reading: [path], language: nil, skipsBadRows: false)
    }
    let text = "\(try #require(error))"
    #expect(text.hasPrefix("10 rows or files cannot be used; mend them, or leave them out with --skip-bad:\n"))
    for (number, (_, reason)) in bad.enumerated() {
      let line = text.split(separator: "\n").first { $0.hasPrefix("\(path), line \(number + 2): ") }
      #expect(line?.contains(reason) == true, "\(reason)")
    }
    let skipped = try PairFile(reading: [path], language: nil, skipsBadRows: true)
    #expect(skipped.rows.count == 1)
    #expect(skipped.problemCount == 10)
  }

  @Test func filesThatAreNone() throws {
    defer { done() }
    #expect(throws: CurationError.self) {
      try PairFile(reading: [folder.path + "/missing"], language: nil, skipsBadRows: true)
    }
    #expect(throws: CurationError.self) { try PairFile(reading: [folder.path], language: nil, skipsBadRows: true) }
    let empty = try file("empty.jsonl", "\n \n".utf8)
    #expect(throws: CurationError.nothing(paths: [empty], what: "pair of question and answer")) {
      try PairFile(reading: [empty], language: nil, skipsBadRows: false)
    }
    let binary = try file("binary.jsonl", [0xFF, 0xFE, 10, 0x7B, 0xC0, 0x7D])
    #expect(throws: CurationError.self) { try PairFile(reading: [binary], language: nil, skipsBadRows: true) }
    #expect(throws: CurationError.self) { try SeedFile(reading: [binary]) }
    #expect(throws: CurationError.self) { try PassageFile(reading: [binary], limit: 100) { $0.count } }
  }

  @Test func seedsOfAllKinds() throws {
    defer { done() }
    let path = try file(
      "seeds.jsonl",
      """
      \u{FEFF}{"id": "s1", "instruction": "Name it.", "instances": [{"input": "a drug", "output": "propofol"}]}
      {"question": "丙泊酚是什么？", "answer": "静脉麻醉药"}
      {"question": "Which?", "options": {"A": "x"}, "answer": "A"}
      {"messages": [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Yes."}]}
      A plain question?
      """.utf8)
    let seeds = try SeedFile(reading: [path]).seeds
    #expect(seeds.map(\.id) == ["s1", "seeds.jsonl:2", "seeds.jsonl:3", "seeds.jsonl:4", "seeds.jsonl:5"])
    #expect(seeds.map(\.question) == ["Name it.\na drug", "丙泊酚是什么？", "Which?", "Hello?", "A plain question?"])
    #expect(seeds.map(\.answer) == ["propofol", "静脉麻醉药", nil, "Yes.", nil])
    #expect(seeds.map(\.language) == [.english, .chinese, .english, .english, .english])
    let bad = try file("bad.jsonl", "{\"title\": 1}\n".utf8)
    let error = #expect(throws: CurationError.self) { try SeedFile(reading: [bad]) }
    #expect("\(try #require(error))".contains("\(bad), line 1: no seed"))
  }

  @Test func longDocumentsAreCutWhereSentencesEnd() throws {
    defer { done() }
    let text = "麻醉前要评估气道。术中监测血压。术后观察疼痛！\n第二段很短。\nDose 2.5 mg was given. It worked."
    let path = try file("notes.txt", text.utf8)
    let file = try PassageFile(reading: [path], limit: 24) { $0.count }
    #expect(file.documents == 1)
    #expect(file.cut == 1)
    #expect(file.passages.allSatisfy { $0.text.count <= 24 && "。！.".contains($0.text.last ?? " ") })
    let pieces = file.passages.map(\.text).joined()
    #expect(pieces.filter { !$0.isWhitespace } == text.filter { !$0.isWhitespace })
    #expect(file.passages.map(\.id) == (1...file.passages.count).map { "notes.txt#\($0)" })
    let whole = try PassageFile(reading: [path], limit: 1000) { $0.count }
    #expect(whole.passages.map(\.text) == [text])
    #expect(whole.passages[0].id == "notes.txt")
  }

  @Test func whatTheRunWritesIsNotRead() throws {
    defer { done() }
    _ = try file("a.txt", "\u{FEFF}One.".utf8)
    let out = try file("pairs.jsonl", "{}\n".utf8)
    #expect(throws: CurationError.self) { try PassageFile(reading: [folder.path], limit: 100) { $0.count } }
    let passages = try PassageFile(reading: [folder.path], leaving: [out], limit: 100) { $0.count }.passages
    #expect(passages.map(\.text) == ["One."])
  }

  @Test func aSentenceLongerThanTheRoomIsNamed() throws {
    defer { done() }
    let rows =
      "{\"id\": \"d1\", \"text\": \"Short.\"}\n{\"text\": \"\(String(repeating: "长", count: 300))\"}\n{\"x\": 1}\n"
    let path = try file("documents.jsonl", rows.utf8)
    let error = #expect(throws: CurationError.self) { try PassageFile(reading: [path], limit: 100) { $0.count } }
    let message = "\(try #require(error))"
    #expect(message.contains("\(path), line 2: a sentence of 300 tokens, but a passage has room for 100"))
    #expect(message.contains("\(path), line 3: no passage: it has none of the keys text, passage"))
  }
}
