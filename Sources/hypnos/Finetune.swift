// `hypnos finetune`: a LoRA adapter from one's own notes. What can go wrong is found out before the first step, and
// whatever happens behind it leaves a run that can go on.
import ArgumentParser
import CSystem
import Compute
import Glibc
import Model
import Text
import Training

/// Trains an adapter.
struct Finetune: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train a LoRA adapter on your own questions, dialogues and notes.",
    discussion: """
      The checkpoint stays as it is; what is learnt goes into a small file that --adapter uses. The run's folder, the \
      output's name with .run, keeps the state every few minutes and on Ctrl-C: the same command with --resume goes \
      on. docs/finetune.md has a whole run.
      """)

  @Option(name: [.short, .long], help: "The base, a GGUF file; the default checkpoint without.")
  var model: String?

  @Option(help: "The adapter: a GGUF file when its name ends in .gguf, else a folder of PEFT's.")
  var out: String?

  @OptionGroup(title: "Data") var data: FinetuneDataOptions
  @OptionGroup(title: "Adapter") var adapter: FinetuneAdapterOptions
  @OptionGroup(title: "Training") var training: FinetuneTrainingOptions

  @Option(
    help: ArgumentHelp(
      "The most memory to take beside the checkpoint, such as 4G; 3G, or the least that is needed, without.",
      valueName: "size"))
  var memory: String?

  @Option(name: [.short, .long], help: "Threads; one for each physical core without.")
  var threads: Int?

  @Option(help: "Minutes between two states in the run's folder; 0 for one after every step.")
  var saveEvery = 10.0

  @Flag(help: "Go on with the run in the output's folder.")
  var resume = false

  @Flag(help: "Replace an output that exists, and throw away a run that was begun.")
  var force = false

  @Flag(help: "Show examples, counts, memory and time, and do nothing.")
  var dryRun = false

  @Option(help: ArgumentHelp("Write a page about the run, with answers to held-out questions.", valueName: "file"))
  var report: String?

  @Option(help: ArgumentHelp("Write the run as a job for PyTorch into a new folder, and do nothing else."))
  var exportJob: String?

  func validate() throws {
    if let threads, !(1...256).contains(threads) {
      throw ValidationError("--threads \(threads): it can be 1 to 256")
    }
    guard (0...10_000).contains(saveEvery) else {
      throw ValidationError("--save-every \(saveEvery): it can be 0 to 10000 minutes")
    }
    if let memory, ByteCount(memory) == nil { throw ValidationError("--memory \(memory): write it such as 4G or 512M") }
    guard out != nil || dryRun || exportJob != nil else {
      throw ValidationError("name the adapter to write, with --out anesthesia.gguf")
    }
    guard exportJob == nil || !(dryRun || resume || force) else {
      throw ValidationError("--export-job writes a job into a new folder: without --dry-run, --resume and --force")
    }
    guard out?.isEmpty != true else { throw ValidationError("--out: the name is empty") }
  }

  mutating func run() throws {
    hypnos_install_stop_handler("\nStopping; again to stop at once, without saving.\n")
    let checkpoint = try ModelOptions.open(ModelLocator.find(model), kernels: ModelOptions.kernels())
    do {
      if let exportJob { return try FinetuneExport(self, checkpoint).write(to: exportJob) }
      if dryRun { return try FinetuneDryRun(self, checkpoint).show() }
      try FinetuneRun(self, checkpoint, out: out ?? "").run()
    } catch DataError.interrupted {
      throw Failure("", code: 130)
    } catch GradientError.stopped {
      throw Failure("", code: 130)
    }
  }

  /// Threads to compute on.
  var threadCount: Int { threads ?? Processors.physicalCores }

  /// The most memory to take, in bytes.
  var memoryLimit: Int? { memory.flatMap(ByteCount.init)?.bytes }
}
