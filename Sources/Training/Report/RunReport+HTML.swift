// The page of a run's report. All text of the data and of the models is escaped, and the page forbids itself to load
// or run anything.
import Common

extension RunReport {
  /// The report as one HTML page, with no reference to anything outside of it.
  public var html: String {
    let body = """
      <h1>\(title.htmlEscaped)</h1>
      \(subtitle.isEmpty ? "" : "<p class=\"subtitle\">\(subtitle.htmlEscaped)</p>")
      \(figuresHTML)\(curvesHTML)\(comparisonsHTML)\(dataHTML)\(table("Settings", settings))

      """
    return HTMLPage(title: title, body: body, style: RunReport.style).html
  }

  private var figuresHTML: String {
    guard !figures.isEmpty else { return "" }
    let cells = figures.map { "<div><b>\($0.value.htmlEscaped)</b><span>\($0.name.htmlEscaped)</span></div>" }
    return "<section class=\"figures\">\(cells.joined(separator: "\n"))</section>\n"
  }

  private var curvesHTML: String {
    let marks = stages.count > 1 ? stages.map { ($0.startStep, $0.name) } : []
    let charts = [
      LineChart(
        title: "Loss",
        lines: [
          .init(name: "training loss", points: loss, style: "training", hasDots: false),
          .init(name: "held-out loss", points: heldOutLoss, style: "heldout", hasDots: true),
        ], marks: marks),
      LineChart(
        title: "Learning rate",
        lines: [.init(name: "learning rate", points: learningRate, style: "rate", hasDots: false)], marks: marks),
    ]
    return charts.compactMap { chart in
      chart.svg.map { "<section><h2>\(chart.title)</h2>\(legend(of: chart))\($0)</section>\n" }
    }.joined()
  }

  /// The lines' names with their last values, and the best of the held-out loss.
  private func legend(of chart: LineChart) -> String {
    let entries = chart.lines.map { line in
      let last = line.points.last.flatMap { DecimalLabel($0.value) }.map { ", last \($0)" } ?? ""
      var best = ""
      if line.style == "heldout", let point = line.points.min(by: { $0.value < $1.value }) {
        best = DecimalLabel(point.value).map { ", best \($0) at step \(point.step)" } ?? ""
      }
      return "<span><i class=\"\(line.style)\"></i>\(line.name)\(last)\(best)</span>"
    }
    return "<p class=\"legend\">\(entries.joined(separator: " "))</p>\n"
  }

  private var comparisonsHTML: String {
    guard !comparisons.isEmpty else { return "" }
    let articles = comparisons.map { comparison in
      let columns = [("Before", comparison.before), ("After", comparison.after)].map { heading, answer in
        "<div><h4>\(heading)</h4><p dir=\"auto\">\(answer.htmlEscaped)</p></div>"
      }
      let expected = comparison.expected.map {
        "<div class=\"expected\"><h4>In the data</h4><p dir=\"auto\">\($0.htmlEscaped)</p></div>"
      }
      return "<article><h3 dir=\"auto\">\(comparison.question.htmlEscaped)</h3><div class=\"answers\">"
        + columns.joined() + (expected ?? "") + "</div></article>\n"
    }
    return "<section><h2>Held-out questions, before and after</h2>\(articles.joined())</section>\n"
  }

  private var dataHTML: String {
    guard !stages.isEmpty else { return "" }
    let tables = stages.map { stage in
      let heading = stages.count > 1 ? "<h3>Stage \(stage.name.htmlEscaped)</h3>" : ""
      return heading + dataTable(stage.data)
    }
    return "<section><h2>Data</h2>\(tables.joined())</section>\n"
  }

  private func dataTable(_ report: DataReport) -> String {
    let names = [
      "File", "Rows", "Examples", "Tokens", "In the loss", "Cut", "Split", "Dropped", "Duplicates", "Bad",
    ]
    let head = names.map { "<th>\($0)</th>" }.joined()
    let rows = report.files.map { file in
      let kinds = file.kinds.map { "\($0.rows) \($0.kind.rawValue)" }.joined(separator: ", ")
      let name = file.path.htmlEscaped + (file.isHeldOut ? " (held out)" : "")
      let counts = [
        file.examples, file.tokens, file.targets, file.cut, file.split, file.dropped, file.duplicates, file.bad,
      ]
      return "<tr><th>\(name)</th><td>\(kinds)</td>" + counts.map { "<td>\($0)</td>" }.joined() + "</tr>\n"
    }
    let sums = [("Trained on", report.training), ("Held out", report.heldOut)].map { name, counts in
      "<tr class=\"sum\"><th>\(name)</th><td></td><td>\(counts.examples)</td><td>\(counts.tokens)</td>"
        + "<td>\(counts.targets)</td><td colspan=\"5\"></td></tr>\n"
    }
    let problems = report.problemLines.map { "<li>\($0.htmlEscaped)</li>" }.joined()
    let list = problems.isEmpty ? "" : "<p>Left out:</p><ul>\(problems)</ul>\n"
    return "<div class=\"wide\"><table class=\"data\"><thead><tr>\(head)</tr></thead><tbody>\(rows.joined())"
      + "\(sums.joined())</tbody></table></div>\n\(list)"
  }

  private func table(_ heading: String, _ entries: [Entry]) -> String {
    guard !entries.isEmpty else { return "" }
    let rows = entries.map { "<tr><th>\($0.name.htmlEscaped)</th><td>\($0.value.htmlEscaped)</td></tr>" }
    return "<section><h2>\(heading)</h2><table>\(rows.joined(separator: "\n"))</table></section>\n"
  }

  /// What the page has beside the common look.
  private static let style = """
    :root { --training: var(--mark); --heldout: #c2410c; --rate: #3f7d4e; }
    @media (prefers-color-scheme: dark) { :root { --heldout: #f59e5b; --rate: #7cc48d; } }
    h1 { margin-bottom: 0; }
    h4 { font-size: .8rem; color: var(--soft); margin: 0 0 .2rem; }
    .subtitle { color: var(--soft); margin-top: .2rem; }
    .figures { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1.2rem 0; }
    .figures div { background: var(--card); border-radius: 6px; padding: .6rem 1rem; }
    .figures b { display: block; font-size: 1.2rem; } .figures span { color: var(--soft); font-size: .85rem; }
    svg { width: 100%; height: auto; font-size: 12px; } svg text { fill: var(--soft); }
    .grid { stroke: var(--rule); } .axis { stroke: var(--soft); }
    .mark { stroke: var(--soft); stroke-dasharray: 3 3; }
    polyline { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
    polyline.training { stroke: var(--training); stroke-width: 1.2; opacity: .8; } polyline.heldout { stroke: var(--heldout); }
    polyline.rate { stroke: var(--rate); } circle.training { fill: var(--training); }
    circle.heldout { fill: var(--heldout); } circle.rate { fill: var(--rate); }
    .legend { display: flex; flex-wrap: wrap; gap: 1.2rem; margin: 0; font-size: .85rem; color: var(--soft); }
    .legend i { display: inline-block; width: 1.2em; height: .25em; margin-right: .4em; vertical-align: middle; }
    i.training { background: var(--training); } i.heldout { background: var(--heldout); }
    i.rate { background: var(--rate); }
    th { font-weight: 500; overflow-wrap: anywhere; }
    td { overflow-wrap: anywhere; } .data td, thead th { white-space: nowrap; overflow-wrap: normal; }
    .sum th, .sum td { font-weight: 600; }
    .data td:nth-child(n+3), .data thead th:nth-child(n+3) { text-align: right; }
    .answers { display: grid; grid-template-columns: 1fr 1fr; gap: .4rem 1rem; margin-bottom: 1rem; }
    .answers > div { background: var(--card); border-radius: 6px; padding: .6rem .8rem; }
    .answers p { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; } .expected { grid-column: 1 / -1; }
    @media print { body { margin: 0; } section { break-inside: avoid; } }
    """
}
