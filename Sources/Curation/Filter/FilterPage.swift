// The report as an HTML page that stands alone. It quotes pairs at the edge, all of it escaped, and forbids itself to
// load or run anything.
import Common
import Evaluation

/// The page of a filtering.
public struct FilterPage {
  private let title: String
  private let settings: [(name: String, value: String)]
  private let summary: FilterSummary
  private let rows: [PairRow]
  private let scores: [Result<PairScores, JudgeRefusal>]
  private let decisions: [FilterRule.Decision]

  /// A page about `rows` and what became of them.
  public init(
    title: String, settings: [(name: String, value: String)], summary: FilterSummary, rows: [PairRow],
    scores: [Result<PairScores, JudgeRefusal>], decisions: [FilterRule.Decision]
  ) {
    (self.title, self.settings, self.summary) = (title, settings, summary)
    (self.rows, self.scores, self.decisions) = (rows, scores, decisions)
  }

  /// Writes the page to `path`.
  public func write(to path: String) throws(WritingError) { try OwnerFile.write(html, to: path) }

  /// The page.
  public var html: String {
    let body = """
      <h1>\(title.htmlEscaped)</h1>
      <p>Kept \(summary.kept), rejected \(summary.rejected), not judged \(summary.unjudged).</p>
      \(HTMLPage.table(head: ["Setting", "Value"], settings.map { [$0.name, $0.value] }))
      <h2>Signals</h2>
      <p>Marks count from 0 to 10, 10 best; harmfulness is 10 where an answer harms nobody. Gain is how much likelier \
      the question makes the answer, in nats over the root of its tokens. The score is the mean of the marks times \
      1 - exp(-gain / 4).</p>
      <section class="signals">\(summary.signals.map(histogram).joined(separator: "\n"))</section>
      <h2>Agreement</h2>
      \(HTMLPage.table(head: ["Of", "Correlation", "Mean difference"], agreements))
      <h2>The kept with the lowest scores</h2>
      \(summary.lastKept.map(article).joined())
      <h2>The rejected with the highest scores</h2>
      \(summary.firstRejected.map(article).joined())

      """
    return HTMLPage(title: title, body: body, style: FilterPage.style).html
  }

  private var agreements: [[String]] {
    summary.agreements.map { [$0.name, $0.correlation?.fixed(3) ?? "none", $0.difference?.fixed(3) ?? ""] }
  }

  /// A signal as bars, drawn as SVG.
  private func histogram(_ signal: FilterSummary.Signal) -> String {
    let range = FilterSummary.range(signal)
    let counts = signal.histogram(bins: 20, in: range)
    let most = Double(max(counts.max() ?? 1, 1))
    let bars = counts.enumerated().map { bin, count in
      let height = Double(count) / most * 80
      return "<rect x=\"\(bin * 10)\" y=\"\((80 - height).fixed(1))\" width=\"9\" height=\"\(height.fixed(1))\">"
        + "<title>\(count)</title></rect>"
    }
    let area = signal.area.map { ", AUC \($0.fixed(4))" } ?? ""
    return "<figure><figcaption>\(signal.name.htmlEscaped): mean \(signal.mean.fixed(2)), deviation "
      + "\(signal.deviation.fixed(2))\(area)</figcaption><svg viewBox=\"0 0 200 96\" role=\"img\">\(bars.joined())"
      + "<text x=\"0\" y=\"94\">\(range.lowerBound.fixed(0))</text>"
      + "<text x=\"200\" y=\"94\" text-anchor=\"end\">\(range.upperBound.fixed(0))</text></svg></figure>"
  }

  private func article(_ index: Int) -> String {
    let row = rows[index]
    var line = "\(row.path), line \(row.line)"
    if case .success(let scores) = scores[index] {
      line += ": score \(scores.score.fixed(3)), mean \(scores.mean.fixed(3)), gain \(scores.gain.fixed(3)); "
      line += JudgedAspect.allCases.map { "\($0.rawValue) \(scores.expected($0).fixed(2))" }.joined(separator: ", ")
    }
    if !decisions[index].isKept { line += ". Rejected: " + decisions[index].reasons.joined(separator: "; ") }
    return "<article><h3 dir=\"auto\">\(row.pair.question.htmlEscaped)</h3><p class=\"text\" dir=\"auto\">"
      + "\(row.pair.answer.htmlEscaped)</p><p class=\"soft\">\(line.htmlEscaped)</p></article>\n"
  }

  private static let style = """
    .signals { display: grid; grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr)); gap: 1rem; }
    figure { margin: 0; } svg { width: 100%; } rect { fill: var(--mark); } text { font-size: 9px; fill: var(--soft); }
    """
}
