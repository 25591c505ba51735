// What a run is: everything that its result depends on, as named texts. Two runs are the same when all of these are;
// when they are not, the person who wants to go on is told which. Data and base are there as digests alone.
import Common
import Crypto
import Model
import Text

/// What makes a run the run it is.
public struct RunIdentity: Sendable, Equatable {
  /// Names and values, in the order in which they are compared and told.
  public private(set) var entries: [(name: String, value: String)] = []

  /// An identity without entries.
  public init() {}

  /// Adds `value` under `name`.
  public mutating func add(_ name: String, _ value: some CustomStringConvertible) {
    entries.append((name, value.description))
  }

  /// Adds the settings and stages of a run.
  public mutating func add(_ settings: TrainingSettings, _ stages: [TrainingStage]) {
    add("sequence length", settings.sequenceLength)
    add("sequences of a step", settings.sequencesPerStep)
    add("schedule", settings.schedule.rawValue)
    add("warm-up", settings.warmUp)
    add("weight decay", settings.weightDecay)
    add("clipping", settings.clipping.map { "\($0)" } ?? "none")
    add("steps between evaluations", settings.evaluationInterval.map { "\($0)" } ?? "a quarter of an epoch")
    add("patience", settings.patience)
    add("seed", settings.seed)
    // Which examples meet in a sequence; earlier versions had another way.
    add("packing", "by beginnings")
    add("stages", stages.map(\.name).joined(separator: ", "))
    for stage in stages {
      add("epochs of \(stage.name)", stage.epochs)
      add("rate of \(stage.name)", stage.rate)
      add("training data of \(stage.name)", RunIdentity.digest(of: stage.training))
      add("held-out data of \(stage.name)", RunIdentity.digest(of: stage.heldOut))
    }
  }

  /// Adds what the parameters begin as; their values decide, wherever they come from.
  public mutating func add(adapter: Adapter) {
    add("rank", adapter.rank)
    add("alpha", adapter.alpha)
    add("rank-stabilized", adapter.isRankStabilized)
    add("weights adapted", adapter.parts.count)
    add("initial adapter", LoadedAdapter(adapter, path: "").fingerprint)
  }

  /// What is different in `other`, a sentence each; empty for the same run.
  public func differences(from other: RunIdentity) -> [String] {
    let names = entries.map(\.name) + other.entries.map(\.name).filter { self[$0] == nil }
    return names.compactMap { name in
      let (here, there) = (self[name], other[name])
      return here == there ? nil : "\(name): \(here ?? "none") now, \(there ?? "none") in the run that was begun"
    }
  }

  /// The value under `name`.
  public subscript(name: String) -> String? { entries.first { $0.name == name }?.value }

  /// SHA-256 of `text`, in hexadecimal digits.
  public static func digest(of text: String) -> String { SHA256.hash(data: Array(text.utf8)).hexadecimal }

  /// Whether all entries are equal.
  public static func == (left: RunIdentity, right: RunIdentity) -> Bool { left.differences(from: right).isEmpty }

  /// SHA-256 of the tokens and masks of `examples`, in order.
  static func digest(of examples: [TrainingExample]) -> String {
    var hash = SHA256()
    for example in examples {
      hash.update(data: LittleEndian.bytes(UInt32(example.tokens.count)))
      hash.update(data: example.tokens.flatMap { LittleEndian.bytes(UInt32(bitPattern: $0)) })
      hash.update(data: example.lossMask.map { $0 ? 1 : 0 })
    }
    return hash.finalize().hexadecimal
  }
}

extension RunIdentity {
  var json: JSONValue { .object(OrderedFields(entries.map { ($0.name, .string($0.value)) })) }

  init?(json: JSONValue?) {
    guard let fields = json?.object else { return nil }
    for field in fields {
      guard let value = field.value.string else { return nil }
      entries.append((field.key, value))
    }
  }
}

/// Numbers as the bytes of a file.
enum LittleEndian {
  static func bytes(_ number: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) } }

  /// The number that four `bytes` are.
  static func number(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }
}
