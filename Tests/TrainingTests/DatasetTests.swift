import Common
import Foundation
import Testing
import Text

@testable import Training

/// Files and folders as data sets: what is found, counted, left out and held out.
@Suite struct DatasetTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func pair(_ question: String, _ answer: String) -> String {
    #"{"question": "\#(question)", "answer": "\#(answer)"}"#
  }

  private func dataset(
    _ paths: [String]? = nil, sequenceLength: Int = 1024, _ change: (inout Dataset.Options) -> Void = { _ in }
  ) throws -> Dataset {
    var options = Dataset.Options()
    change(&options)
    return try Dataset(
      reading: paths ?? [folder.path], maker: toyMaker(sequenceLength: sequenceLength), options: options)
  }

  @Test func foldersAreReadInOrderWithoutHiddenFilesAndLoops() throws {
    try folder.write("b.txt", "note b")
    try folder.write("a/deep/c.md", "# note c")
    try folder.write("a/[x]*/d", "note d")
    try folder.write(".hidden", "secret")
    try folder.write(".git/e.txt", "secret")
    let manager = FileManager.default
    try manager.createSymbolicLink(atPath: folder.path + "/a/loop", withDestinationPath: folder.path)
    try manager.createSymbolicLink(atPath: folder.path + "/again.txt", withDestinationPath: folder.path + "/b.txt")
    try manager.createSymbolicLink(atPath: folder.path + "/nowhere", withDestinationPath: "/does/not/exist")
    let files = try DataFolder.files(at: [folder.path, folder.path + "/b.txt"])
    #expect(files == ["/a/[x]*/d", "/a/deep/c.md", "/again.txt"].map { folder.path + $0 })
    #expect(throws: DataError.unreadable(path: "/does/not/exist", code: ENOENT)) {
      try DataFolder.files(at: ["/does/not/exist"])
    }
  }

  @Test func theFormIsToldFromNameAndFirstLine() throws {
    try folder.write("1.jsonl", pair("Q", "A"))
    try folder.write("2.txt", "\n" + pair("Q", "B"))
    try folder.write("3.md", "{ braces in a note }")
    let report = try dataset().report
    #expect(report.files.map(\.form) == [.jsonLines, .jsonLines, .text])
    #expect(report.files.map(\.examples) == [1, 1, 1])
  }

  @Test func rowsOfSeveralKindsAreCounted() throws {
    let lines = [pair("Q", "A"), #"{"prompt": "P", "completion": "C"}"#, "", pair("Q", "B"), #"{"text": "TT"}"#]
    try folder.write("mixed.jsonl", lines.joined(separator: "\r\n"))
    let data = try dataset()
    let file = try #require(data.report.files.first)
    #expect(file.kinds.map(\.kind) == [.questionAnswer, .promptCompletion, .text])
    #expect(file.kinds.map(\.rows) == [2, 1, 1])
    #expect(file.rows == 4 && file.examples == 4)
    #expect(data.training.map(\.source.line) == [1, 2, 4, 5])
    #expect(file.tokens == data.training.reduce(0) { $0 + $1.tokens.count })
    // "A", "B" and their ends, "C" and its end, and the second T.
    #expect(file.targets == 2 + 2 + 2 + 1)
    #expect(
      file.line == "\(folder.path)/mixed.jsonl (JSONL): 2 question/answer, 1 prompt/completion, 1 text; "
        + "4 examples, \(file.tokens) tokens, 7 in the loss")
  }

  @Test func badRowsAreNamedWithFileAndLine() throws {
    let file = try folder.write("bad.jsonl", pair("Q", "A") + "\n{\n\n" + pair("Q", "") + "\n[]\n")
    let text = try folder.write("latin.txt", [0x61, 0xE9, 0x62])
    try folder.write("empty.md", "")
    try folder.write("none.jsonl", "\n\n")
    #expect {
      try dataset()
    } throws: { error in
      guard case .problems(let report)? = error as? DataError, report.problemCount == 6 else { return false }
      return report.problems.map { $0.path.dropFirst(folder.path.count + 1) + ":" + ($0.line.map(String.init) ?? "-") }
        == ["bad.jsonl:2", "bad.jsonl:4", "bad.jsonl:5", "empty.md:-", "latin.txt:-", "none.jsonl:-"]
        && "\(error)".contains("\(file), line 4: \"answer\" is empty")
        && "\(error)".contains("\(text): not UTF-8 at byte 1") && "\(error)".contains("--skip-bad")
    }
    let data = try dataset { $0.skipsBadRows = true }
    #expect(data.training.count == 1)
    #expect(data.report.problemCount == 6)
    #expect(data.report.files.map(\.bad) == [3, 1, 1, 1])
    #expect(data.report.lines.contains { $0.contains("bad.jsonl, line 2: not JSON: column 2") })
  }

  /// Rows with one problem are one, and where there are too many problems, at least the lines are named.
  @Test func everyBadLineIsNamed() throws {
    try folder.write("a.jsonl", String(repeating: "x\n", count: 1000) + pair("Q", "A") + "\n\nx\n")
    let columns = (0..<8).map { String(repeating: " ", count: $0) + "x" }
    try folder.write("b.jsonl", columns.joined(separator: "\n"))
    for index in 0..<100 { try folder.write("c\(index).jsonl", "x") }
    #expect {
      try dataset()
    } throws: { error in
      let text = "\(error)"
      return text.contains("1109 rows or files") && text.contains("a.jsonl, lines 1 to 1000, 1003: not JSON")
        && text.contains("b.jsonl, line 5:") && !text.contains("b.jsonl, line 6:")
        && text.contains("b.jsonl: and lines 6 to 8") && (0..<100).allSatisfy { text.contains("c\($0).jsonl") }
    }
  }

  @Test func linesAreWrittenInFewWords() {
    var lines = LineList()
    for line in [3, 4, 5, 5, 9] { lines.add(line) }
    #expect(lines.description == "lines 3 to 5, 9" && lines.count == 4)
    for line in 100..<1_000 where line % 2 == 0 { lines.add(line) }
    // Two runs are there, and 98 more are written out: 100 to 294.
    #expect(lines.count == 454 && lines.description.hasSuffix(", 292, 294 and 352 more"))
  }

  /// A run's own outputs may lie among the data.
  @Test func outputsAmongTheDataAreLeftOut() throws {
    try folder.write("a.jsonl", pair("Q", "A"))
    let out = try folder.write("out.gguf", [0, 1, 2])
    #expect(throws: DataError.self) { try dataset() }
    #expect(try dataset { $0.leftOut = [out] }.training.count == 1)
  }

  /// What is too long is counted and named.
  @Test func rowsThatAreTooLongAreNamed() throws {
    let long = String(repeating: "word ", count: 200)
    let rows = [pair("Q", "A"), pair("Q", long), pair(long, "A"), pair(long + "x", "B")]
    try folder.write("long.jsonl", rows.joined(separator: "\n"))
    let report = try dataset(sequenceLength: 64).report
    #expect(report.lines.contains { $0.contains("cut at the end of a sequence") && $0.hasSuffix(": line 2") })
    #expect(report.lines.contains { $0.contains("lies behind the end") && $0.hasSuffix(": lines 3 to 4") })
  }

  @Test func nothingToTrainOn() throws {
    #expect {
      try dataset()
    } throws: { error in
      guard case .nothing(let paths, let aim, let report)? = error as? DataError else { return false }
      return paths == [folder.path] && aim == .training && report.files.isEmpty
    }
    let file = try folder.write("same.jsonl", pair("Q", "A"))
    #expect {
      try dataset { $0.heldOut = .files([file]) }
    } throws: { "\($0)".contains("1 duplicates left out") }
    let long = try folder.write("long.jsonl", pair(String(repeating: "long ", count: 99), "A"))
    #expect {
      try dataset(sequenceLength: 64) { $0.heldOut = .files([long]) }
    } throws: { error in
      let lines = "\(error)".split(separator: "\n")
      return lines.first == "nothing to measure on in \(long):"
        && lines.contains { $0.hasPrefix("\(long) (JSONL, held out)") }
        && !lines.contains { $0.contains("same.jsonl") }
    }
    #expect(throws: DataError.fraction(1)) { try dataset { $0.heldOut = .fraction(1) } }
    #expect(throws: DataError.fraction(-0.1)) { try dataset { $0.heldOut = .fraction(-0.1) } }
  }

  @Test func longLinesArePassedOver() throws {
    let path = try folder.write("long.jsonl", String(repeating: "x", count: 100_000) + "\nshort\n\nlast")
    let file = try DataFile(path: path, lineLimit: 99_999)
    let lines = try (0..<5).map { _ in try file.nextLine() }
    #expect(lines == [.tooLong, .bytes(Array("short".utf8)), .bytes([]), .bytes(Array("last".utf8)), nil])
    let exact = try DataFile(path: path, lineLimit: 100_000)
    #expect(try exact.nextLine() == .bytes([UInt8](repeating: UInt8(ascii: "x"), count: 100_000)))
    let whole = try DataFile(path: path)
    #expect(throws: DataFileError.tooLarge(limit: 100_000)) { try whole.rest(limit: 100_000) }
    #expect(throws: DataFileError.notARegularFile) { try DataFile(path: "/dev/null") }
  }

  @Test func duplicatesAreLeftOut() throws {
    let first = try folder.write("1.jsonl", [pair("Q", "A"), pair("Q", "B"), pair("Q", "A")].joined(separator: "\n"))
    let second = try folder.write("2.jsonl", [pair("Q", "C"), pair("Q", "B")].joined(separator: "\n"))
    let data = try dataset()
    #expect(data.training.map { $0.targets.first } == Toy.ids("ABC").map(Optional.init))
    #expect(data.report.files.map(\.duplicates) == [1, 1])
    // What is measured on is not trained on.
    let parted = try dataset([first]) { $0.heldOut = .files([second]) }
    #expect(parted.heldOut.map { $0.targets.first } == Toy.ids("CB").map(Optional.init))
    #expect(parted.training.map { $0.targets.first } == Toy.ids("A").map(Optional.init))
    #expect(parted.report.files.map(\.isHeldOut) == [true, false])
    #expect(parted.report.heldOut.examples == 2)
  }

  @Test func theSplitIsStableWhenDataGrow() throws {
    func tokens(_ examples: [TrainingExample]) -> Set<[Int32]> { Set(examples.map(\.tokens)) }
    let rows = (0..<600).map { pair("Q", "answer \($0)") }
    let small = try folder.write("small.jsonl", rows[200..<400].joined(separator: "\n"))
    let large = try folder.write("large.jsonl", rows.joined(separator: "\n"))
    let before = try dataset([small]) { $0.heldOut = .fraction(0.2) }
    let after = try dataset([large]) { $0.heldOut = .fraction(0.2) }
    #expect(tokens(before.heldOut).isSubset(of: tokens(after.heldOut)))
    #expect(tokens(before.training).isSubset(of: tokens(after.training)))
    // 600 draws with probability 0.2 stay within five standard deviations.
    #expect(abs(after.heldOut.count - 120) < 49)
    #expect(after.heldOut.count + after.training.count == 600)
    let other = try dataset([large]) {
      $0.heldOut = .fraction(0.2)
      $0.seed = 1
    }
    #expect(tokens(other.heldOut) != tokens(after.heldOut))
  }

  @Test func aSmallPartHoldsOutOneAndALargePartLeavesOne() throws {
    try folder.write("few.jsonl", (0..<4).map { pair("Q", "answer \($0)") }.joined(separator: "\n"))
    #expect(try dataset { $0.heldOut = .fraction(1e-9) }.heldOut.count == 1)
    #expect(try dataset { $0.heldOut = .fraction(0.999_999) }.training.count == 1)
    #expect(try dataset().heldOut.isEmpty)
  }

  @Test func whatOneStageMeasuresOnNoOtherTrainsOn() throws {
    let rows = (0..<12).map { pair("Q \($0)", "answer \($0)") }
    let ward = try dataset([folder.write("ward.jsonl", rows[6...].joined(separator: "\n"))]) {
      $0.heldOut = .fraction(0.1)
    }
    let all = try dataset([folder.write("all.jsonl", rows.joined(separator: "\n"))])
    let parted = try Dataset.parted([all, ward])
    #expect(all.training.count == 12 && ward.heldOut.count == 1)
    #expect(parted[0].training == all.training.filter { $0.tokens != ward.heldOut[0].tokens })
    #expect(parted[0].report.heldOutElsewhere == 1 && parted[0].report.training.examples == 11)
    #expect(parted[1].training == ward.training && parted[1].heldOut == ward.heldOut)
    let refused = try rows[6...].filter { row in
      let single = try dataset([folder.write("single.jsonl", row)])
      do {
        _ = try Dataset.parted([single, ward])
        return false
      } catch DataError.nothing {
        return true
      }
    }
    #expect(refused.count == 1)
  }

  @Test func namesThatAreNoTextAreToldOf() throws {
    try folder.write("notes/good.jsonl", pair("Q", "A"))
    let name = Array((folder.path + "/notes/").utf8CString.dropLast()) + [-62, -23, 46, 116, 120, 116, 0]
    let file = try #require(fopen(name, "w"))
    fclose(file)
    #expect { try dataset([folder.path + "/notes"]) } throws: { "\($0)".contains("not UTF-8") }
  }

  @Test func itCanBeInterrupted() throws {
    try folder.write("few.jsonl", pair("Q", "A"))
    #expect(throws: DataError.interrupted) {
      try Dataset(reading: [folder.path], maker: toyMaker(), isCancelled: { true })
    }
  }

  @Test func theReportAsJSON() throws {
    try folder.write("few.jsonl", pair("Q", "A") + "\n" + pair("R", "B"))
    let json = try dataset { $0.heldOut = .fraction(0.5) }.report.json
    #expect(try JSONValue(parsing: json.encoded) == json)
    #expect(json["files"]?.array?.first?["rows"]?["question/answer"]?.integer == 2)
    #expect(json["training"]?["examples"]?.integer == 1)
    #expect(json["held_out"]?["examples"]?.integer == 1)
  }
}
