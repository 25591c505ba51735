// A LoRA adapter as a value: what it adds to which weights of which base, and where it comes from. It is kept in
// the layout of GGUF checkpoints; Adapter+GGUF.swift and Adapter+PEFT.swift read and write its two formats.
import Compute

/// A LoRA adapter (arXiv 2106.09685).
public struct Adapter: Sendable, Equatable {
  /// What is added to one weight.
  public struct Part: Sendable, Equatable {
    /// The weight.
    public let target: AdapterTarget
    /// B and A, in the layout of the checkpoint's tensor.
    public var matrix: LowRankMatrix

    /// `matrix` for the weight `target`.
    public init(target: AdapterTarget, matrix: LowRankMatrix) {
      self.target = target
      self.matrix = matrix
    }
  }

  /// The checkpoint an adapter was made for, as far as its file says.
  public struct Base: Sendable, Equatable {
    /// The family.
    public var architecture: Architecture
    /// Values in a head, which decide how PEFT's layout of llama's queries and keys differs from GGUF's.
    public var headSize: Int?
    /// `Checkpoint.fingerprint`.
    public var fingerprint: String?
    /// Its name.
    public var name: String?

    /// A base of which so much is known.
    public init(architecture: Architecture, headSize: Int?, fingerprint: String? = nil, name: String? = nil) {
      self.architecture = architecture
      self.headSize = headSize
      self.fingerprint = fingerprint
      self.name = name
    }

    /// The base that `checkpoint` is.
    public init(_ checkpoint: Checkpoint) {
      self.init(
        architecture: checkpoint.parameters.architecture, headSize: checkpoint.parameters.headSize,
        fingerprint: checkpoint.fingerprint, name: checkpoint.name)
    }
  }

  /// The most rows of A.
  public static let rankLimit = 1 << 13

  /// Why no adapter has a part of this shape; nil when one can. Asked before its values are read.
  static func objection(rank: Int, inputWidth: Int, outputWidth: Int) -> String? {
    if rank > rankLimit { return "has a rank of \(rank), which is too large" }
    guard max(inputWidth, outputWidth) > Hyperparameters.widthLimit else { return nil }
    return "changes a weight of \(inputWidth) by \(outputWidth), larger than any model's"
  }

  /// The values of `weight`, a half of a part in the file at `path`.
  static func values(of weight: WeightMatrix, path: String) throws(AdapterError) -> [Float] {
    let kernels = KernelSet.available[0]
    let values = weight.decoded(kernels)
    guard values.allSatisfy(\.isFinite) else {
      throw .notFinite(path: path, tensor: weight.name, offset: weight.firstBrokenScale(kernels))
    }
    return values
  }

  /// What it was made for.
  public var base: Base
  /// The factor that the rank divides.
  public var alpha: Float
  /// Whether alpha is divided by the square root of the rank (rsLoRA, arXiv 2312.03732) rather than by the rank.
  public var isRankStabilized: Bool
  /// The chat template it was trained with.
  public var chatTemplate: String?
  /// How it was trained: JSON of the trainer's.
  public var trainingRecord: String?
  /// What is added to which weights, in the order of the targets, each at most once.
  public let parts: [Part]

  /// An adapter of `parts`, at least one and no two of the same target.
  public init(
    base: Base, alpha: Float, isRankStabilized: Bool = false, parts: [Part], chatTemplate: String? = nil,
    trainingRecord: String? = nil
  ) {
    precondition(!parts.isEmpty && Set(parts.map(\.target)).count == parts.count, "one part a target")
    self.base = base
    self.alpha = alpha
    self.isRankStabilized = isRankStabilized
    self.chatTemplate = chatTemplate
    self.trainingRecord = trainingRecord
    self.parts = parts.sorted { $0.target < $1.target }
  }

  /// The largest rank of its parts; nearly always that of all.
  public var rank: Int { parts.map(\.matrix.rank).max() ?? 0 }

  /// Whether all parts have the same rank.
  public var hasOneRank: Bool { parts.allSatisfy { $0.matrix.rank == parts[0].matrix.rank } }

  /// The number of its values.
  public var parameterCount: Int { parts.reduce(0) { $0 + $1.matrix.a.count + $1.matrix.b.count } }

  /// What the product B A of `part` is multiplied with.
  public func scale(of part: Part) -> Float {
    let rank = Float(part.matrix.rank)
    return alpha / (isRankStabilized ? rank.squareRoot() : rank)
  }
}
