// A line chart as SVG, drawn for a page that is light or dark: colours are the page's variables, so one drawing
// serves both.
import Common

/// A value at a step of the run.
public struct RunPoint: Sendable, Equatable {
  /// The step, from 1; 0 is before training.
  public let step: Int
  /// The value.
  public let value: Double

  /// `value` at `step`.
  public init(step: Int, value: Double) {
    self.step = step
    self.value = value
  }
}

/// Lines over steps.
struct LineChart {
  /// One line.
  struct Line {
    let name: String
    let points: [RunPoint]
    /// The page's class for its colour.
    let style: String
    /// Whether its points are marked with dots.
    let hasDots: Bool
  }

  /// More points than this are averaged into as many runs.
  static let pointLimit = 600

  let title: String
  let lines: [Line]
  /// Steps at which something begins, with its name.
  let marks: [(step: Int, name: String)]

  private let width = 760.0
  private let height = 300.0
  private let left = 64.0
  private let right = 16.0
  private let top = 20.0
  private let bottom = 40.0

  /// A chart of the lines that have a value to show.
  init(title: String, lines: [Line], marks: [(step: Int, name: String)] = []) {
    self.title = title
    self.lines = lines.map { line in
      let finite = line.points.filter { abs($0.value) <= DecimalLabel.limit }
      return Line(
        name: line.name, points: LineChart.thinned(finite), style: line.style, hasDots: line.hasDots)
    }.filter { !$0.points.isEmpty }
    self.marks = marks
  }

  /// The drawing; nil when there is nothing to draw.
  var svg: String? {
    let points = lines.flatMap(\.points)
    guard let low = points.map(\.value).min(), let high = points.map(\.value).max(),
      let first = points.map(\.step).min(), let last = points.map(\.step).max()
    else { return nil }
    let vertical = AxisTicks(from: low, to: high, count: 5)
    let horizontal = AxisTicks(from: Double(first), to: Double(last), count: 8, isWhole: true)
    let place = Placement(
      steps: Double(first)...max(Double(last), Double(first) + 1), values: vertical.range,
      x: left...(width - right), y: top...(height - bottom))
    let label = "\(title): " + lines.map(\.name).joined(separator: ", ")
    var svg = "<svg viewBox=\"0 0 \(Int(width)) \(Int(height))\" role=\"img\" aria-label=\"\(label.htmlEscaped)\">\n"
    for (value, label) in vertical.marks {
      let y = place.y(value)
      svg += "<line class=\"grid\" x1=\"\(left)\" x2=\"\(width - right)\" y1=\"\(y)\" y2=\"\(y)\"/>"
      svg += "<text x=\"\(left - 8)\" y=\"\(y)\" dy=\".35em\" text-anchor=\"end\">\(label)</text>\n"
    }
    for (step, label) in horizontal.marks where (Double(first)...Double(last)).contains(step) {
      let x = place.x(step)
      svg += "<line class=\"axis\" x1=\"\(x)\" x2=\"\(x)\" y1=\"\(height - bottom)\" y2=\"\(height - bottom + 5)\"/>"
      svg += "<text x=\"\(x)\" y=\"\(height - bottom + 19)\" text-anchor=\"middle\">\(label)</text>\n"
    }
    svg += "<line class=\"axis\" x1=\"\(left)\" x2=\"\(width - right)\" "
    svg += "y1=\"\(height - bottom)\" y2=\"\(height - bottom)\"/>\n"
    svg += "<text x=\"\((left + width - right) / 2)\" y=\"\(height - 5)\" text-anchor=\"middle\">step</text>\n"
    for (step, name) in marks where (first...last).contains(step) {
      let x = place.x(Double(step))
      svg += "<line class=\"mark\" x1=\"\(x)\" x2=\"\(x)\" y1=\"\(top)\" y2=\"\(height - bottom)\"/>"
      svg += "<text x=\"\(x + 4)\" y=\"\(top - 6)\">\(name.htmlEscaped)</text>\n"
    }
    return svg + lines.map { drawing(of: $0, place) }.joined() + "</svg>\n"
  }

  private func drawing(of line: Line, _ place: Placement) -> String {
    let coordinates = line.points.map { "\(place.x(Double($0.step))),\(place.y($0.value))" }
    var svg = "<polyline class=\"\(line.style)\" points=\"\(coordinates.joined(separator: " "))\"/>\n"
    guard line.hasDots || line.points.count == 1 else { return svg }
    for point in line.points {
      let value = DecimalLabel(point.value)?.description ?? ""
      svg += "<circle class=\"\(line.style)\" cx=\"\(place.x(Double(point.step)))\" cy=\"\(place.y(point.value))\" "
      svg += "r=\"3\"><title>step \(point.step): \(value)</title></circle>\n"
    }
    return svg
  }

  /// Where steps and values lie in the drawing, to a tenth of a unit.
  private struct Placement {
    let steps: ClosedRange<Double>
    let values: ClosedRange<Double>
    let x: ClosedRange<Double>
    let y: ClosedRange<Double>

    func x(_ step: Double) -> Double { rounded(x.lowerBound + part(of: step, in: steps) * length(x)) }
    func y(_ value: Double) -> Double { rounded(y.upperBound - part(of: value, in: values) * length(y)) }

    private func length(_ range: ClosedRange<Double>) -> Double { range.upperBound - range.lowerBound }
    private func part(of value: Double, in range: ClosedRange<Double>) -> Double {
      (value - range.lowerBound) / length(range)
    }
    private func rounded(_ value: Double) -> Double { (value * 10).rounded() / 10 }
  }

  /// At most `pointLimit` points, means of as many consecutive ones each, at the last one's step.
  private static func thinned(_ points: [RunPoint]) -> [RunPoint] {
    guard points.count > pointLimit else { return points }
    let length = (points.count + pointLimit - 1) / pointLimit
    return stride(from: 0, to: points.count, by: length).map { start in
      let run = points[start..<min(start + length, points.count)]
      let mean = run.reduce(0) { $0 + $1.value / Double(run.count) }
      return RunPoint(step: run.last?.step ?? 0, value: mean)
    }
  }
}
