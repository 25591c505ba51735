// Rating sheets: blinded, shuffled, safe to open, and taken back only where they belong.
import Foundation
import Testing

@testable import Evaluation

@Suite struct RatingTests {
  private let folder: TemporaryFolder
  private let files: [AnswerFile]
  private let study: RatingStudy

  init() throws {
    folder = try TemporaryFolder()
    var files: [AnswerFile] = []
    for (name, mark) in [("one", "甲"), ("two", "=乙")] {
      let hostile = #"\"引号\"\u0301\n</script><b>\u0600</script>"#
      let rows = (0..<12).map { #"{"id": "q\#($0)", "answer": "\#(mark)的回答\#($0)，\#(hostile)"}"# }
      files.append(try AnswerFile(path: try folder.write("\(name).jsonl", rows.joined(separator: "\n"))))
    }
    self.files = files
    study = try RatingStudy(files, models: ["Model-One", "Model-Two"], questions: ["q3": "麻醉？"], seed: 4)
  }

  /// The sheet filled by a rater who marks with `mark` and prefers a model, nil for a tie.
  private func filled(_ name: String, mark: Int, best: (Int) -> Int?) throws -> String {
    let rows = try TableReader(Array(RatingSheet(study, files).csv.utf8), separator: ",").rows()
    var lines = [rows[0].cells.joined(separator: ",")]
    for row in rows.dropFirst() {
      let item = try #require(study.items.firstIndex { $0.code == row.cells[1] })
      let model = study.items[item].order[(Int(row.cells[2]) ?? 0) - 1]
      let isBest = best(item).map { $0 == model } ?? true
      let marks = Array(repeating: String(model == 0 ? mark : 1), count: 5)
      lines.append((row.cells[..<3] + ["", ""] + marks + [isBest ? "1" : "", ""]).joined(separator: ","))
    }
    return try folder.write(name, lines.joined(separator: "\r\n"))
  }

  @Test func sheetsAreBlindAndShuffled() throws {
    let sheet = RatingSheet(study, files)
    for text in [sheet.csv, sheet.html] {
      #expect(!text.contains("Model-") && !text.contains("one.jsonl") && !text.contains("q11"))
    }
    #expect(study.items.map(\.id) != (0..<12).map { "q\($0)" } && Set(study.items.map(\.id)).count == 12)
    #expect(Set(study.items.map(\.order)) == [[0, 1], [1, 0]])
    #expect(sheet.csv.contains("\"'=乙") && !sheet.csv.contains("\"=乙"))
    // As bytes, since a mark may make one character of the sign and itself.
    let (page, end) = (Array(sheet.html.utf8), Array("</script>".utf8))
    #expect(page.indices.count { page[$0...].starts(with: end) } == 1 && !sheet.html.contains("<b>"))
    #expect(!sheet.html.contains("http://") && !sheet.html.contains("https://"))
    let again = try RatingStudy(files, models: ["Model-One", "Model-Two"], questions: [:], seed: 4)
    #expect(again.items.map(\.order) == study.items.map(\.order) && again.study == study.study)
  }

  @Test func keyComesBackAndIsForItsOwner() throws {
    let path = folder.path + "/key.json"
    try study.write(to: path)
    let permissions = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(permissions == 0o600)
    let read = try RatingStudy(key: path)
    #expect(read.items == study.items && read.models == study.models && read.study == study.study)
  }

  @Test func aSheetWithAPartOfAnItemIsRefused() throws {
    let path = try filled("part.csv", mark: 5) { _ in 0 }
    let lines = try String(contentsOfFile: path, encoding: .utf8).components(separatedBy: "\r\n")
    // Whole items may be missing, one of an item's answers may not.
    let less = try folder.write("less.csv", lines.dropLast(2).joined(separator: "\r\n"))
    #expect(try FilledSheet(path: less, study: study).best[11].isEmpty)
    let cut = try folder.write("cut.csv", lines.dropLast().joined(separator: "\r\n"))
    let problem = #expect(throws: TaskProblem.self) { try FilledSheet(path: cut, study: study) }
    #expect(
      problem?.description == "\(cut), line 24: item \"Q12\" has rows for 1 of its 2 answers; a row is missing")
  }

  @Test func filledSheetsAreCounted() throws {
    let sheets = try [
      filled("a.csv", mark: 5) { _ in 0 }, filled("b.csv", mark: 3) { $0 < 6 ? 0 : nil },
    ].map { try FilledSheet(path: $0, study: study) }
    let collection = RatingCollection(study, sheets, bootstrap: Bootstrap(resamples: 200, seed: 1))
    #expect(collection.decided == 24 && collection.ties == 6)
    #expect(collection.models[0].wins?.value == 0.875 && collection.models[1].wins?.value == 0.125)
    #expect(collection.models[0].marks.map { $0?.value } == Array(repeating: 4, count: 5))
    #expect(collection.models[1].marks.map { $0?.value } == Array(repeating: 1, count: 5))
    #expect(collection.agreements[0].statistic == "Cohen's kappa" && collection.agreements[0].kappa == 0)
    #expect(collection.agreements[1].subjects == 24)
  }

  @Test func sheetsForOtherItemsAreRefused() throws {
    let path = try filled("a.csv", mark: 5) { _ in 0 }
    let text = try String(contentsOfFile: path, encoding: .utf8)
    func problem(_ changed: String) throws -> TaskProblem? {
      let path = try folder.write("bad.csv", changed)
      do throws(TaskProblem) { _ = try FilledSheet(path: path, study: study) } catch { return error }
      return nil
    }
    let other = try RatingStudy(files, models: ["a", "b"], questions: [:], seed: 5)
    #expect(throws: TaskProblem.self) { try FilledSheet(path: path, study: other) }
    let lines = text.components(separatedBy: "\r\n")
    func changed(_ line: Int, _ from: String, _ to: String) -> String {
      var lines = lines
      lines[line] = lines[line].replacing(from, with: to)
      return lines.joined(separator: "\r\n")
    }
    #expect(try problem(changed(3, study.study, "0"))?.line == 4)
    #expect(try problem(changed(2, "Q01", "Q99"))?.line == 3)
    #expect(try problem(changed(1, "Q01,1,", "Q01,\(Int.min),"))?.line == 2)
    #expect(try problem(changed(1, ",5,", ",6,"))?.line == 2 || problem(changed(2, ",5,", ",6,"))?.line == 3)
    #expect(
      try problem((lines + [lines[1]]).joined(separator: "\r\n"))?.description.contains("that of line 2 too") == true)
    #expect(try problem(text) == nil)
  }
}
