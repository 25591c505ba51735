// A run's figures as lines of text.
import Common
import Text

extension Estimate {
  /// Value and interval.
  var text: String { "\(value.fixed(4)) [\(low.fixed(4)), \(high.fixed(4))]" }
}

extension TaskResult {
  /// What it is, in a line.
  public var headline: String {
    "\(path): \(outcomes.count) \(kind == .perplexity ? "texts" : "items"), \(kind.rawValue), layout \(layout)"
      + (leftOut > 0 ? ", \(leftOut) left out" : "")
  }

  /// The figures with their intervals, then by source and by length.
  public var text: String {
    var lines = [headline]
    let width = figures.map(\.name.count).max() ?? 0
    for figure in figures {
      let padding = String(repeating: " ", count: width - figure.name.count)
      lines.append("  \(figure.name)\(padding)  \(figure.estimate.text)")
    }
    for (heading, groups) in [("by source", bySource), ("by length", byLength)] where !groups.isEmpty {
      lines.append("  \(heading)")
      for group in groups {
        let shown = group.figures.filter { TaskResult.isPrincipal($0.name) }
        let values = shown.map { "\($0.name) \($0.estimate.text)" }.joined(separator: "  ")
        lines.append("    \(group.name) (\(group.count)): \(values)")
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// Whether a figure is shown for groups too.
  static func isPrincipal(_ name: String) -> Bool {
    ["accuracy", "accuracy, length-normalized", "loss a token, nats", "bits a byte", "BLEU-4", "ROUGE-L"].contains(name)
  }
}

extension TaskComparison {
  /// The differences, a line each.
  public var text: String {
    var lines = ["\(path): \(kind.rawValue), against \(against), \(count) of \(total) items in both"]
    let width = differences.map(\.name.count).max() ?? 0
    for difference in differences {
      let padding = String(repeating: " ", count: width - difference.name.count)
      lines.append(
        "  \(difference.name)\(padding)  \(difference.value.fixed(4)) to \(difference.other.fixed(4)): "
          + "\(difference.estimate.value < 0 ? "" : "+")\(difference.estimate.text), p \(difference.p.fixed(4))")
    }
    return lines.joined(separator: "\n") + "\n"
  }
}

extension EvaluationRun {
  /// All figures.
  public var text: String {
    let name = ([model] + adapters.map { "adapter \($0)" }).joined(separator: ", ")
    let head = "\(name)\nvalue [95 % interval, \(bootstrap.resamples) bootstrap resamples, seed \(bootstrap.seed)]\n"
    return ([head] + tasks.map(\.text) + comparisons.map(\.text)).joined(separator: "\n")
  }
}
