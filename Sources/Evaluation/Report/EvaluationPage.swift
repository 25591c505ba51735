// A run as an HTML page that stands alone. It quotes items of the data, all of them escaped, and may run nothing.
import Common

/// The page of a run.
public struct EvaluationPage {
  /// Items of a task that are quoted.
  private static let quoted = 20

  private let run: EvaluationRun

  /// A page about `run`.
  public init(_ run: EvaluationRun) { self.run = run }

  /// Writes the page to `path`, readable by its owner alone.
  public func write(to path: String) throws(WritingError) { try OwnerFile.write(html, to: path) }

  /// The page.
  public var html: String {
    let settings = HTMLPage.table(head: ["Setting", "Value"], run.settings.map { [$0.name, $0.value] })
    let body =
      "<h1>Evaluation of \(run.model.htmlEscaped)</h1>\n"
      + "<p class=\"soft\">Values with 95 % intervals of \(run.bootstrap.resamples) bootstrap resamples over items, seed "
      + "\(run.bootstrap.seed).</p>\n" + settings + run.comparisons.map(comparison).joined()
      + run.tasks.map(section).joined()
    return HTMLPage(title: "Evaluation of \(run.model)", body: body, style: EvaluationPage.style).html
  }

  private func section(_ task: TaskResult) -> String {
    "<h2>\(task.headline.htmlEscaped)</h2>\n"
      + HTMLPage.table(head: ["Of", "As"], task.settings.map { [$0.name, $0.value] }) + figures(task.figures)
      + groups("By source", task.bySource) + groups("By length", task.byLength)
      + quotes(task)
  }

  /// Figures with their intervals drawn.
  private func figures(_ figures: [TaskFigure]) -> String {
    let rows = figures.map { figure in
      "<tr><th>\(figure.name.htmlEscaped)</th><td>\(figure.estimate.value.fixed(4))</td>"
        + "<td>\(figure.estimate.low.fixed(4)) to \(figure.estimate.high.fixed(4))</td>"
        + "<td>\(bar(figure.name, figure.estimate))</td></tr>"
    }
    return "<table>\(rows.joined(separator: "\n"))</table>\n"
  }

  /// The interval on a scale from 0 to 1, or to 100 for BLEU; nothing for figures without such a scale.
  private func bar(_ name: String, _ estimate: Estimate) -> String {
    let scale: Double = name.hasPrefix("BLEU") ? 100 : name.hasPrefix("judged") ? 10 : 1
    guard estimate.high <= scale, estimate.low >= 0, !name.contains("loss"), !name.contains("bits") else {
      return ""
    }
    func place(_ value: Double) -> String { (value / scale * 200).fixed(1) }
    return "<svg viewBox=\"0 0 200 12\" role=\"img\"><line x1=\"0\" x2=\"200\" y1=\"6\" y2=\"6\" class=\"scale\"/>"
      + "<line x1=\"\(place(estimate.low))\" x2=\"\(place(estimate.high))\" y1=\"6\" y2=\"6\" class=\"interval\"/>"
      + "<circle cx=\"\(place(estimate.value))\" cy=\"6\" r=\"4\"/></svg>"
  }

  private func groups(_ heading: String, _ groups: [ItemGroup]) -> String {
    guard let first = groups.first else { return "" }
    let names = first.figures.map(\.name).filter(TaskResult.isPrincipal)
    let rows = groups.map { group in
      [group.name, String(group.count)]
        + names.map { name in group.figures.first { $0.name == name }?.estimate.text ?? "–" }
    }
    return "<h3>\(heading)</h3>\n" + HTMLPage.table(head: ["", "Items"] + names, rows)
  }

  private func comparison(_ comparison: TaskComparison) -> String {
    let rows = comparison.differences.map { difference in
      [
        difference.name, difference.value.fixed(4), difference.other.fixed(4), difference.estimate.text,
        difference.p.fixed(4),
      ]
    }
    let heading = "\(comparison.path) (\(comparison.kind.rawValue)) against \(comparison.against)"
    return "<h2>\(heading.htmlEscaped)</h2>\n<p class=\"soft\">\(comparison.count) of \(comparison.total) items in both"
      + "; p is two-sided, of the paired bootstrap.</p>\n"
      + HTMLPage.table(head: ["", "This run", "The other", "Difference", "p"], rows)
  }

  /// Some items in words.
  private func quotes(_ task: TaskResult) -> String {
    let answers = task.outcomes.filter { $0.answer != nil }.prefix(EvaluationPage.quoted)
    let articles = answers.compactMap { outcome -> String? in
      guard let answer = outcome.answer else { return nil }
      return "<article><h3 dir=\"auto\">\(answer.question.htmlEscaped)</h3>"
        + "<p class=\"soft\">Answer</p><p class=\"text\" dir=\"auto\">\(answer.answer.htmlEscaped)</p>"
        + "<p class=\"soft\">Reference</p><p class=\"text\" dir=\"auto\">\(answer.reference.htmlEscaped)</p></article>\n"
    }
    let wrong = task.outcomes.filter { $0.choice.map { !$0.isCorrect } ?? false }.prefix(EvaluationPage.quoted)
    let rows = wrong.compactMap { outcome in
      outcome.choice.map { [outcome.id, $0.keys.joined(), $0.chosen.isEmpty ? "none" : $0.chosen.joined()] }
    }
    let table = "<h3>Some that were wrong</h3>\n" + HTMLPage.table(head: ["Item", "Key", "Chosen"], rows)
    return (articles.isEmpty ? "" : "<h3>Some answers</h3>\n" + articles.joined()) + (rows.isEmpty ? "" : table)
  }

  private static let style = """
    svg { width: 12rem; height: .8rem; } .scale { stroke: var(--rule); } .interval { stroke: var(--mark);
      stroke-width: 3; } circle { fill: var(--mark); }
    """
}
