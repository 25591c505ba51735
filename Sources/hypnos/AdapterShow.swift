// `hypnos adapter show`: what an adapter is, what it was made for and how it was trained.
import ArgumentParser
import Console
import Model
import Text

/// What is in an adapter.
struct AdapterShow: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show an adapter's base, rank, targets, norms and training record.")

  @Argument(help: "A GGUF adapter, or a folder of PEFT's.")
  var adapter: String

  @Flag(help: "Print one JSON object.")
  var json = false

  mutating func run() throws {
    let (adapter, knowsBase) = try AdapterShow.read(adapter)
    let report = AdapterReport(adapter, path: self.adapter, knowsBase: knowsBase)
    try Output.write(json ? report.json.encoded + "\n" : report.text)
  }

  /// The adapter, and whether it says which kind of base it is for. Of one that does not, the order of some rows is
  /// unknown, which changes nothing of what is shown.
  private static func read(_ path: String) throws -> (Adapter, knowsBase: Bool) {
    do {
      return (try Adapter(path: path), true)
    } catch AdapterError.needsBase {
      return (try Adapter(path: path, base: Adapter.Base(architecture: .qwen2, headSize: nil)), false)
    }
  }
}

/// The figures of one adapter.
struct AdapterReport {
  private let rows: [(name: String, value: JSONValue)]
  private let targets: [(name: String, value: JSONValue)]
  private let training: JSONValue

  init(_ adapter: Adapter, path: String, knowsBase: Bool) {
    func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }
    let layers = Set(adapter.parts.map(\.target.layer)).sorted()
    rows = [
      ("path", .string(path)), ("base", text(adapter.base.name)),
      ("architecture", text(knowsBase ? adapter.base.architecture.rawValue : nil)),
      ("base fingerprint", text(adapter.base.fingerprint)), ("rank", .integer(adapter.rank)),
      ("alpha", .number(Double(adapter.alpha))), ("rank-stabilized", .boolean(adapter.isRankStabilized)),
      ("scale", .number(Double(adapter.scale(of: adapter.parts[0])))),
      ("layers", .string(AdapterReport.ranges(layers))),
      ("tensors changed", .integer(adapter.parts.count)), ("values", .integer(adapter.parameterCount)),
      ("chat template", text(adapter.chatTemplate)),
    ]
    targets = Projection.allCases.compactMap { projection in
      let parts = adapter.parts.filter { $0.target.projection == projection }
      guard !parts.isEmpty else { return nil }
      let squares = parts.map { adapter.norm(of: $0) }.reduce(0.0) { $0 + $1 * $1 }
      return (projection.moduleName, ["layers": .integer(parts.count), "norm": .number(squares.squareRoot())])
    }
    training = adapter.trainingRecord.map { (try? JSONValue(parsing: $0)) ?? .string($0) } ?? .null
  }

  /// Layers in short: `0-29`, `0, 2-5`.
  private static func ranges(_ layers: [Int]) -> String {
    var ranges: [ClosedRange<Int>] = []
    for layer in layers {
      if let last = ranges.last, last.upperBound == layer - 1 {
        ranges[ranges.count - 1] = last.lowerBound...layer
      } else {
        ranges.append(layer...layer)
      }
    }
    return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
      .joined(separator: ", ")
  }

  /// The report for reading.
  var text: String {
    var lines = rows.map { row in
      if case .null = row.value { return "\(row.name): not recorded" }
      return "\(row.name): \(row.value.string.map(terminalSafe) ?? row.value.encoded)"
    }
    lines.append("targets, and the norm of what is added to them:")
    lines += targets.map {
      "  \($0.name): \($0.value["norm"]?.encoded ?? "") in \($0.value["layers"]?.encoded ?? "") layers"
    }
    if case .null = training {
      lines.append("training: not recorded")
    } else {
      lines.append("training: \(terminalSafe(training.encoded))")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The report for programs.
  var json: JSONValue {
    var fields = OrderedFields(rows.map { ($0.name.replacing(" ", with: "_").replacing("-", with: "_"), $0.value) })
    fields.set("targets", to: .object(OrderedFields(targets.map { ($0.name, $0.value) })))
    fields.set("training", to: training)
    return .object(fields)
  }
}
