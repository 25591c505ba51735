import Common
import Foundation
#if canImport(FoundationXML)
  import FoundationXML
#endif
import Testing

@testable import Training

/// The report's page: well-formed, complete, and inert whatever the data say.
@Suite struct ReportTests {
  /// A report with everything in it.
  private func report(_ text: String = "丙泊酚", steps: Int = 40) throws -> RunReport {
    let folder = try TemporaryFolder()
    try folder.write("rows.jsonl", "{\n" + #"{"question": "Q", "answer": "A"}"#)
    var options = Dataset.Options()
    options.skipsBadRows = true
    let data = try Dataset(reading: [folder.path], maker: toyMaker(), options: options).report
    var report = RunReport(title: "Run \(text)")
    report.subtitle = text
    report.figures = [.init("best held-out loss", "1.234"), .init("tokens a second", text)]
    report.settings = [.init("rank", "16"), .init(text, text)]
    report.stages = [
      .init(name: "general", startStep: 0, data: data), .init(name: text, startStep: steps / 2, data: data),
    ]
    report.loss = (1...steps).map { RunPoint(step: $0, value: 3 / Double($0) + 1) }
    report.heldOutLoss = stride(from: 0, through: steps, by: 10).map { RunPoint(step: $0, value: 2.5) }
    report.learningRate = (1...steps).map { RunPoint(step: $0, value: 2e-4 / Double($0)) }
    report.comparisons = [.init(question: text, expected: text, before: text, after: text)]
    return report
  }

  private func parse(_ html: String) throws -> XMLCount {
    // Void elements closed and the doctype left out, the page is XML.
    let markup = html.replacing("<!DOCTYPE html>", with: "").replacing(/<meta[^>]*>/, with: "")
    let count = XMLCount()
    let parser = XMLParser(data: Data(markup.utf8))
    parser.delegate = count
    #expect(parser.parse(), "\(String(describing: parser.parserError))")
    return count
  }

  @Test func theTextOfTheDataIsInert() throws {
    let hostile = "</p><script>alert('x')</script>&lt;\" onload=\"x\u{1B}\u{0}麻醉"
    let html = try report(hostile).html
    let count = try parse(html)
    #expect(count.elements["script"] == nil)
    #expect(count.attributes.isDisjoint(with: ["onload", "href", "src"]))
    #expect(!html.contains("<script") && !html.contains("://") && !html.contains("\u{1B}"))
    let shown = "</p><script>alert('x')</script>&lt;\" onload=\"x\u{FFFD}\u{FFFD}麻醉"
    // Title twice, subtitle, a figure, a setting twice, a stage's heading and its mark in both charts, and the
    // question with its three answers.
    #expect(count.text.components(separatedBy: shown).count - 1 == 13)
  }

  @Test func everythingIsThere() throws {
    let report = try report()
    let count = try parse(report.html)
    #expect(count.elements["svg"] == 2)
    #expect(count.elements["polyline"] == 3)
    #expect(count.elements["circle"] == report.heldOutLoss.count)
    for text in ["丙泊酚", "best held-out loss", "rows.jsonl", "Before", "After", "line 1: not JSON"] {
      #expect(count.text.contains(text))
    }
    let empty = try parse(RunReport(title: "Nothing").html)
    #expect(empty.elements["svg"] == nil && empty.text.contains("Nothing"))
  }

  @Test func manyPointsAreThinnedAndOddOnesLeftOut() throws {
    var report = try report(steps: 20_000)
    report.heldOutLoss = [RunPoint(step: 5, value: .nan), RunPoint(step: 6, value: .infinity)]
    let html = report.html
    #expect(html.utf8.count < 60_000)
    #expect(try parse(html).elements["polyline"] == 2)
    #expect(!html.contains("nan") && !html.contains("inf,"))
    for values in [[0.0], [-1e308, 1e308], [-1e30, 1e30], [1e-300, 2e-300], [5, 5, 5], [1e12, 1e12 + 1]] {
      report.loss = values.enumerated().map { RunPoint(step: $0.offset, value: $0.element) }
      _ = try parse(report.html)
      #expect(!report.html.contains("nan"), "\(values)")
    }
  }

  @Test func labelsOfNumbers() {
    let labels = [
      (15, -1, "1.5"), (2, -4, "0.0002"), (15, -6, "1.5e-5"), (3, 2, "300"), (20, 6, "2e7"), (-5, -1, "−0.5"),
    ]
    for (digits, exponent, expected) in labels {
      #expect(DecimalLabel(digits: digits, exponent: exponent).description == expected)
    }
    #expect(DecimalLabel(1.23456)?.description == "1.235")
    #expect(DecimalLabel(0)?.description == "0")
    #expect(DecimalLabel(2e-5)?.description == "2e-5")
    #expect(DecimalLabel(.nan) == nil)
  }

  @Test func ticksAreRoundNumbers() {
    let loss = AxisTicks(from: 1.03, to: 3.97, count: 5)
    #expect(loss.marks.map(\.label) == ["1", "2", "3", "4"])
    #expect(loss.range == 1...4)
    #expect(AxisTicks(from: 0, to: 2e-4, count: 5).marks.map(\.label).last == "0.00020")
    #expect(AxisTicks(from: 1, to: 3, count: 8, isWhole: true).marks.map(\.label) == ["1", "2", "3"])
  }

  @Test func onlyTheOwnerCanReadIt() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/run.html"
    try report().write(to: path)
    try report().write(to: path)
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["run.html"])
    #expect(throws: WritingError(path: folder.path + "/no/run.html", code: ENOENT)) {
      try report().write(to: folder.path + "/no/run.html")
    }
  }
}

/// Counts what is in a page.
private final class XMLCount: NSObject, XMLParserDelegate {
  var elements: [String: Int] = [:]
  var attributes: Set<String> = []
  var text = ""

  func parser(
    _ parser: XMLParser, didStartElement element: String, namespaceURI: String?, qualifiedName: String?,
    attributes found: [String: String] = [:]
  ) {
    elements[element, default: 0] += 1
    attributes.formUnion(found.keys)
  }

  func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }
}
