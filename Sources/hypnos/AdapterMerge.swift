// `hypnos adapter merge`: a whole checkpoint with adapters in its weights, and what its number format lost.
import ArgumentParser
import Compute
import Glibc
import Model
import Text

/// Adapters merged into their base.
struct AdapterMerge: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge",
    abstract: "Write a checkpoint with adapters merged into its weights, and measure what its type keeps of them.")

  @Argument(help: ArgumentHelp("The adapters, each with its scale.", valueName: "file[=scale]"))
  var adapters: [String]

  @Option(help: "The checkpoint to write.")
  var out: String

  @Option(name: [.short, .long], help: "The base, a GGUF file; the default checkpoint without.")
  var model: String?

  @Option(
    help: ArgumentHelp(
      "The type of the weights that change: \(AdapterMerge.typeNames).", valueName: "type"))
  var type = "q8_0"

  @Option(name: [.short, .long], help: "Threads; one for each physical core without.")
  var threads: Int?

  @Flag(help: "Take an adapter made for another base where the shapes fit.")
  var adapterAnyBase = false

  @Flag(help: "Replace an output that exists.")
  var force = false

  @Flag(help: "Print one JSON object.")
  var json = false

  private static var typeNames: String { BlockFormat.encodable.map { $0.name.lowercased() }.joined(separator: ", ") }

  private var format: BlockFormat? { BlockFormat.encodable.first { $0.name.lowercased() == type.lowercased() } }

  func validate() throws {
    guard format != nil else { throw ValidationError("--type \(type): it can be \(AdapterMerge.typeNames)") }
    if let threads, !(1...256).contains(threads) {
      throw ValidationError("--threads \(threads): it can be 1 to 256")
    }
  }

  mutating func run() throws {
    try OutputPlace.checkIsNoFolder(out)
    try AdapterCommand.checkOutput(out, force: force)
    guard let format else { return }
    let checkpoint = try ModelOptions.open(ModelLocator.find(model), kernels: ModelOptions.kernels())
    let loaded = try AdapterOptions.load(adapters, for: checkpoint, anyBase: adapterAnyBase)
    try OutputPlace.check(
      [out],
      inputs: checkpoint.partPaths.map { ($0, "the base") }
        + loaded.flatMap { Adapter.paths(at: $0.path) }.map { ($0, "an adapter that is merged") })
    let merge = try CheckpointMerge(checkpoint, adapters: loaded, format: format)
    let losses = try merge.write(to: out, threads: threads ?? Processors.physicalCores)
    let report = MergeReport(path: out, format: format, losses: losses)
    try Output.write(json ? report.json.encoded + "\n" : report.text)
  }
}

/// What a merge kept of the adapters' change.
private struct MergeReport {
  let path: String
  let format: BlockFormat
  private let rows: [(name: String, loss: MergeLoss)]
  private let whole: MergeLoss

  init(path: String, format: BlockFormat, losses: [Projection: MergeLoss]) {
    self.path = path
    self.format = format
    rows = Projection.allCases.compactMap { projection in losses[projection].map { (projection.moduleName, $0) } }
    whole = losses.values.reduce(MergeLoss(), +)
  }

  /// The report for reading.
  var text: String {
    let lines = rows.map { "  \($0.name): \(MergeReport.sentence($0.loss))" }
    return """
      \(path): merged, the changed weights in \(format.name).
      What \(format.name) keeps of the adapters' change, and how large its rounding is against that change:
      \(lines.joined(separator: "\n"))
        in all: \(MergeReport.sentence(whole))
      \(advice)

      """
  }

  private var advice: String {
    guard let kept = whole.kept, let relativeError = whole.relativeError else {
      return
        "The adapters change nothing, by their values or their scale: the checkpoint is the base in \(format.name)."
    }
    if kept < 0.8 || kept > 1.25 {
      return
        "Much of what the adapters learnt is lost in \(format.name): use them beside the base (--adapter), or merge "
        + "into a wider type."
    }
    guard relativeError > 3 else { return "What the adapters learnt is in the checkpoint." }
    return "The change is there, but rounding has moved the weights much further than the adapters do: compare "
      + "answers before you rely on it, or merge into a wider type."
  }

  private static func sentence(_ loss: MergeLoss) -> String {
    guard let kept = loss.kept, let relativeError = loss.relativeError else { return "no change" }
    return "\(percent(kept)) kept, rounding \(percent(relativeError))"
  }

  private static func percent(_ part: Double) -> String {
    let tenths = (part * 1000).rounded()
    return abs(tenths) < 1e15 ? "\(tenths / 10) %" : "beyond measure"
  }

  /// The report for programs.
  var json: JSONValue {
    func value(_ loss: MergeLoss) -> JSONValue {
      [
        "kept": loss.kept.map { .number($0) } ?? .null,
        "relative_error": loss.relativeError.map { .number($0) } ?? .null,
      ]
    }
    return [
      "path": .string(path), "type": .string(format.name),
      "projections": .object(OrderedFields(rows.map { ($0.name, value($0.loss)) })), "all": value(whole),
    ]
  }
}
