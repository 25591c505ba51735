// `hypnos finetune --export-job`: the same run for machines with PyTorch.
import Console
import Glibc
import Model
import Text
import Training

/// A run that others carry out.
struct FinetuneExport {
  private let plan: FinetunePlan
  private let command: Finetune

  init(_ command: Finetune, _ checkpoint: Checkpoint) throws {
    guard command.adapter.initial == nil else {
      throw Failure("--init cannot be exported: a job begins with a new adapter", code: 2)
    }
    self.command = command
    plan = try FinetunePlan(command, checkpoint: checkpoint, moment: .current())
  }

  /// Writes the job into the new folder `folder`.
  func write(to folder: String) throws {
    guard access(folder, F_OK) != 0 else {
      throw Failure("\(folder): exists; a job is written into a new folder, give another name")
    }
    try OutputPlace.checkFolder(of: folder)
    plan.tellData()
    let stages = zip(plan.stages, plan.datasets).map {
      ExportJob.Stage(name: $0.name, dataset: $1, epochs: $0.epochs, learningRate: $0.rate)
    }
    let job = ExportJob(
      stages: stages, settings: try settings(), baseName: plan.checkpoint.name, tokenizer: plan.checkpoint.tokenizer,
      template: plan.template)
    try job.write(to: folder)
    try Output.write("\(folder): written; its README.md says how to run it\n")
  }

  private func settings() throws -> ExportSettings {
    let training = command.training
    let chosen = Set(try command.adapter.projections())
    var settings = ExportSettings()
    settings.rank = plan.adapter.rank
    settings.alpha = Double(plan.adapter.alpha)
    settings.dropout = Double(plan.dropout)
    settings.isRankStabilized = plan.adapter.isRankStabilized
    settings.targets = Projection.allCases.filter(chosen.contains).map(\.moduleName)
    settings.lastLayers = command.adapter.lastLayers
    settings.weightDecay = training.weightDecay
    // PyTorch's trainer takes 0 for no clipping.
    settings.gradientClipping = training.clip
    settings.schedule = training.schedule.exported
    settings.warmUp = training.warmUp
    settings.sequenceLength = plan.settings.sequenceLength
    settings.microBatch = training.batch
    settings.accumulation = training.accumulate
    settings.seed = training.seed
    return settings
  }
}
