// The settings an exported job carries, in the terms of PEFT and of the transformers library's trainer.
import Text

/// How the learning rate goes on after the warm-up.
public enum ExportSchedule: String, Sendable {
  /// Along half a cosine to 0.
  case cosine
  /// In a straight line to 0.
  case linear
  /// Not at all.
  case constant = "constant_with_warmup"
}

/// The settings of a run.
public struct ExportSettings: Sendable {
  /// Rank of the adapter.
  public var rank = 16
  /// The adapter's output is scaled by alpha / rank, or alpha / √rank if rank-stabilized.
  public var alpha = 32.0
  /// Part of the adapter's input that is dropped in training.
  public var dropout = 0.0
  /// Whether the scale is rsLoRA's.
  public var isRankStabilized = false
  /// The projections that are adapted, as PEFT calls them.
  public var targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
  /// Only so many of the last layers are adapted; nil for all.
  public var lastLayers: Int?
  /// AdamW's weight decay.
  public var weightDecay = 0.0
  /// The norm beyond which gradients are scaled down.
  public var gradientClipping = 1.0
  /// The schedule of the learning rate.
  public var schedule = ExportSchedule.cosine
  /// The part of the steps in which the learning rate rises from 0.
  public var warmUp = 0.03
  /// The most tokens of a sequence.
  public var sequenceLength = 1024
  /// Examples that a process computes at a time.
  public var microBatch = 4
  /// Micro-batches of a step.
  public var accumulation = 4
  /// The seed of the adapter's first values, dropout and the order of the data.
  public var seed: UInt64 = 0

  /// Rank 16, alpha 32, all projections, cosine.
  public init() {}

  var json: JSONValue {
    [
      "rank": .integer(rank), "alpha": .number(alpha), "dropout": .number(dropout),
      "rank_stabilized": .boolean(isRankStabilized), "targets": .array(targets.map { .string($0) }),
      "last_layers": lastLayers.map { .integer($0) } ?? .null, "weight_decay": .number(weightDecay),
      "gradient_clipping": .number(gradientClipping), "schedule": .string(schedule.rawValue),
      "warm_up": .number(warmUp), "sequence_length": .integer(sequenceLength), "micro_batch": .integer(microBatch),
      // The libraries seed generators that take 32 bits.
      "accumulation": .integer(accumulation), "seed": .integer(Int(seed & 0xFFFF_FFFF)),
    ]
  }
}
