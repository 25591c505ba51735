// The summary as a table for a terminal or a log.
import Common

extension FilterSummary {
  /// A line for each signal, with its histogram from left to right.
  public var text: String {
    var lines = ["kept \(kept), rejected \(rejected)" + (unjudged > 0 ? ", not judged \(unjudged)" : "")]
    let hasLabels = labelled != nil
    lines.append(
      "signal".padded(16) + "mean".leading(8) + "deviation".leading(11) + "median".leading(8)
        + (hasLabels ? "AUC".leading(8) : "") + "  histogram")
    for signal in signals {
      let area = hasLabels ? (signal.area.map { $0.fixed(4) } ?? "-").leading(8) : ""
      lines.append(
        signal.name.padded(16) + signal.mean.fixed(3).leading(8) + signal.deviation.fixed(3).leading(11)
          + signal.quantile(0.5).fixed(3).leading(8) + area + "  " + FilterSummary.bars(signal))
    }
    lines.append("marks and score from 0 to 10, gain from -4 to 8")
    if let labelled { lines.append("AUC over \(labelled.good) pairs with the label and \(labelled.other) without") }
    for agreement in agreements {
      let difference = agreement.difference.map { ", mean difference \($0.fixed(3))" } ?? ""
      lines.append("\(agreement.name): correlation \(agreement.correlation?.fixed(3) ?? "none")\(difference)")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The range that a signal's histogram shows.
  static func range(_ signal: Signal) -> ClosedRange<Double> { signal.name == "gain" ? -4...8 : 0...10 }

  private static func bars(_ signal: Signal) -> String {
    let counts = signal.histogram(bins: 20, in: range(signal))
    let most = max(counts.max() ?? 1, 1)
    let steps = Array(" ▁▂▃▄▅▆▇█")
    return String(counts.map { $0 == 0 ? steps[0] : steps[1 + $0 * 7 / most] })
  }
}

extension String {
  /// Filled up to `width` on the right.
  fileprivate func padded(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
  /// Filled up to `width` on the left.
  fileprivate func leading(_ width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}
