// Adapters merged into their base for good: a whole checkpoint whose changed weights are the base's plus the
// adapters', in a number format of choice, and a measure of what that format leaves of the change. A weight is made
// row by row while the file is written, so that no more than a piece of it lies in memory.
import Compute
import GGUF
import Synchronization

/// What rounding left of the adapters' change D of some weights W, where M was written: sums over their values.
public struct MergeLoss: Sendable {
  /// |D|^2.
  public var change = 0.0
  /// The product of M - W and D.
  public var along = 0.0
  /// |M - W - D|^2.
  public var error = 0.0

  /// Nothing yet.
  public init() {}

  private init(change: Double, along: Double, error: Double) {
    (self.change, self.along, self.error) = (change, along, error)
  }

  /// The part of the change that is in the file: 1 when all of it is, 0 when none; nil where there was no change.
  public var kept: Double? { change > 0 ? along / change : nil }
  /// How large what the file has beside or instead of the change is, against the change; nil where there was none.
  public var relativeError: Double? { change > 0 ? (error / change).squareRoot() : nil }

  /// Both together.
  public static func + (left: MergeLoss, right: MergeLoss) -> MergeLoss {
    MergeLoss(
      change: left.change + right.change, along: left.along + right.along, error: left.error + right.error)
  }
}

/// A merge that is about to be written.
public struct CheckpointMerge {
  private let checkpoint: Checkpoint
  private let adapters: [LoadedAdapter]
  private let format: BlockFormat

  /// The merge of `adapters`, which fit `checkpoint`, into weights of `format`, one of `BlockFormat.encodable`.
  public init(_ checkpoint: Checkpoint, adapters: [LoadedAdapter], format: BlockFormat) throws(AdapterError) {
    precondition(BlockFormat.encodable.contains(format), "a format that can be written")
    for loaded in adapters {
      try loaded.adapter.check(fits: checkpoint, path: loaded.path, anyBase: true)
      for part in loaded.adapter.parts where part.matrix.inputWidth % format.blockWidth != 0 {
        throw .tensor(
          path: checkpoint.path, name: part.target.tensorName, offset: nil,
          reason: "has rows of \(part.matrix.inputWidth) values, no whole number of \(format.name)'s blocks of "
            + "\(format.blockWidth); choose a type of smaller blocks, such as q8_0, or of none, such as f16")
      }
    }
    self.checkpoint = checkpoint
    self.adapters = adapters
    self.format = format
  }

  /// Writes the checkpoint to `path`, all or nothing, on `threads` threads: every key of the metadata but those that
  /// say how the file is cut in parts, the tensors no adapter changes byte for byte. Returns what the format lost,
  /// by projection.
  public func write(to path: String, threads: Int) throws(AdapterError) -> [Projection: MergeLoss] {
    let losses = LossRecord()
    let pool = WorkerPool(threads: threads)
    var writer = GGUFWriter(version: checkpoint.file.version)
    for key in checkpoint.file.metadata.keys where !key.hasPrefix("split.") {
      writer.set(key, copying: checkpoint.file.metadata)
    }
    if checkpoint.file.metadata.entry("general.file_type") != nil, let number = format.fileType {
      writer.set("general.file_type", .uint32(number))
    }
    for tensor in checkpoint.file.tensors {
      guard let (target, weight) = merged(tensor.name) else {
        writer.add(
          tensor: tensor.name, shape: tensor.shape, format: tensor.format, region: checkpoint.file.region(of: tensor))
        continue
      }
      let format = format
      writer.add(tensor: tensor.name, shape: tensor.shape, format: format) { rows throws(GGUFWriterError) in
        let made = pool.map(rows.count) { MergedRow(weight, row: rows.lowerBound + $0, format: format) }
        guard made.allSatisfy(\.isFinite) else {
          throw .notMade(tensor: tensor.name, reason: "a merged value is not finite; look for a damaged weight")
        }
        losses.add(made.reduce(MergeLoss()) { $0 + $1.loss }, to: target.projection)
        return Array(made.map(\.bytes).joined())
      }
    }
    do { try writer.write(to: path) } catch { throw .writing(error) }
    return losses.byProjection
  }

  private func merged(_ name: String) -> (AdapterTarget, MergedWeight)? {
    guard let target = AdapterTarget(tensorName: name), let weight = checkpoint.weights.projection(target) else {
      return nil
    }
    let terms = adapters.compactMap { $0.term(target) }
    return terms.isEmpty ? nil : (target, MergedWeight(weight, adding: terms, kernels: checkpoint.kernels))
  }
}

/// One row as it is written, and what that lost.
private struct MergedRow: Sendable {
  let bytes: [UInt8]
  let isFinite: Bool
  let loss: MergeLoss

  init(_ weight: MergedWeight, row: Int, format: BlockFormat) {
    let (base, change) = weight.row(row)
    let merged = zip(base, change).map { $0 + $1 }
    bytes = format.encode(merged) ?? []
    let written = weight.decode(bytes, format: format)
    // Of blocks, some have no way to say that a value was no number.
    isFinite = merged.allSatisfy(\.isFinite) && written.allSatisfy(\.isFinite)
    var loss = MergeLoss()
    for index in base.indices {
      let wanted = Double(change[index])
      let found = Double(written[index]) - Double(base[index])
      loss.change += wanted * wanted
      loss.along += wanted * found
      loss.error += (found - wanted) * (found - wanted)
    }
    self.loss = loss
  }
}

/// The losses so far; the writer asks for rows one piece after another.
private final class LossRecord: Sendable {
  private let losses = Mutex<[Projection: MergeLoss]>([:])

  func add(_ loss: MergeLoss, to projection: Projection) {
    losses.withLock { $0[projection] = ($0[projection] ?? MergeLoss()) + loss }
  }

  var byProjection: [Projection: MergeLoss] { losses.withLock { $0 } }
}

extension BlockFormat {
  /// The number of `general.file_type` for checkpoints whose weights are mostly of this format.
  fileprivate var fileType: UInt32? {
    switch self {
    case .f32: 0
    case .f16: 1
    case .q4_0: 2
    case .q4_1: 3
    case .q8_0: 7
    case .q5_0: 8
    case .q5_1: 9
    case .q4_k: 14
    case .q5_k: 16
    case .q6_k: 18
    case .bf16: 32
    default: nil
    }
  }
}
