// A run of `hypnos finetune` from its folder to its adapter.
import CSystem
import Compute
import Console
import Glibc
import Model
import Text
import Training

/// A run and where it goes.
struct FinetuneRun {
  private let command: Finetune
  private let checkpoint: Checkpoint
  private let out: String

  init(_ command: Finetune, _ checkpoint: Checkpoint, out: String) {
    self.command = command
    self.checkpoint = checkpoint
    var out = out
    while out.count > 1, out.hasSuffix("/") { out.removeLast() }
    self.out = out
  }

  private var outputs: [String] { [out] + (command.report.map { [$0] } ?? []) }

  /// What a night's work must not fail on is looked at before it.
  private func checkOutputs() throws {
    var status = stat()
    if !out.hasSuffix(".gguf"), stat(out, &status) == 0, status.st_mode & S_IFMT != S_IFDIR {
      throw Failure("\(out): is a file; an adapter is a folder of PEFT's, or a file whose name ends in .gguf")
    }
    for path in outputs {
      if path.hasSuffix(".gguf") || path != out { try OutputPlace.checkIsNoFolder(path) }
      try OutputPlace.checkFolder(of: path, made: out)
      // A run that goes on was allowed to replace it when it began.
      if command.resume, path == out { continue }
      try FinetuneRun.allowReplacing(path, "replace it", force: command.force)
    }
  }

  /// Trains and writes the adapter.
  func run() throws {
    try checkOutputs()
    let found = try earlierFolder()
    let kept = try command.resume ? takeUp(found) : nil
    if let kept, kept.state.progress.isFinished, !command.force, access(out, F_OK) == 0 {
      throw Failure(
        "\(out): is written already; a run that is over needs no --resume. --force writes it again from the run's last "
          + "state")
    }
    if let found, kept == nil { try allowBeginning(in: found) }
    let plan = try FinetunePlan(command, checkpoint: checkpoint, moment: kept?.moment ?? .current())
    plan.tellData()
    try OutputPlace.check(outputs, inputs: plan.inputs + [(folderPath, "the run's folder")])
    let engine = try plan.makeEngine(threads: command.threadCount, memoryLimit: command.memoryLimit)
    let folder = try found ?? RunFolder(path: folderPath)
    if let kept {
      let differences = plan.identity.differences(from: kept.identity)
      guard differences.isEmpty, kept.state.fits(engine.parameters, stages: plan.stages) else {
        throw RunError.otherRun(folder: folder.path, differences: differences)
      }
    } else {
      try folder.clear()
    }
    if kept == nil { warnOfFullDisk(plan) }
    let saving = RunSaving(
      folder: folder, identity: plan.identity, moment: plan.moment, interval: command.saveEvery * 60)
    let run = TrainingRun(engine, stages: plan.stages, settings: plan.settings, saving: saving, from: kept?.state)
    try finish(run, try train(run), plan, in: folder)
  }

  /// What the disk of the run's folder has left.
  private var freeBytes: Int? {
    var disk = statvfs()
    guard statvfs(folderPath, &disk) == 0 else { return nil }
    let bytes = disk.f_bavail.multipliedReportingOverflow(by: disk.f_frsize)
    return bytes.overflow ? .max : Int(clamping: bytes.partialValue)
  }

  /// Says when the disk has less room than the run's states may take.
  private func warnOfFullDisk(_ plan: FinetunePlan) {
    guard let free = freeBytes, free < plan.stateBytes else { return }
    Output.complain(
      "\(folderPath): the disk has \(Figure.bytes(free)) left, and the run's states take up to "
        + "\(Figure.bytes(plan.stateBytes)); free some, or the run may not be saved")
  }

  private func train(_ run: TrainingRun<GradientEngine>) throws -> TrainingOutcome {
    let display = FinetuneProgress()
    defer { display.end() }
    if run.progress.totalSteps > 0 {
      display.say("Going on behind step \(run.progress.totalSteps).")
    }
    return try run.run(isStopped: hypnos_interrupted, report: display.show)
  }

  /// Writes what the run came to, and says it.
  private func finish(
    _ run: TrainingRun<GradientEngine>, _ outcome: TrainingOutcome, _ plan: FinetunePlan, in folder: RunFolder
  ) throws {
    switch outcome {
    case .interrupted(let step):
      throw Failure(
        "stopped behind step \(step) of \(run.plannedSteps); the same command with --resume goes on", code: 130)
    case .diverged(let divergence):
      if divergence.kept != .initial {
        try write(run, plan, in: folder)
        Output.complain("\(out): written, the last good adapter")
      }
      throw Failure("\(divergence)")
    case .finished:
      try write(run, plan, in: folder)
      let told = Result { try Output.write(summary(run, plan)) }
      // A report that was asked for is written even where nobody reads the summary.
      if let report = command.report { try FinetuneReport(plan, run.progress, command).write(to: report, adapter: out) }
      try told.get()
    }
  }

  /// Writes the adapter. Where the disk is too full for it, the state that only a damaged one would need makes room.
  private func write(_ run: TrainingRun<GradientEngine>, _ plan: FinetunePlan, in folder: RunFolder) throws {
    var adapter = run.objective.adapter(trainingRecord: plan.record(run.progress).json.encoded)
    adapter.chatTemplate = plan.template?.source
    func write() throws {
      if out.hasSuffix(".gguf") { try adapter.write(gguf: out) } else { try adapter.write(peft: out) }
    }
    do { try write() } catch {
      guard freeBytes.map({ $0 < plan.stateBytes / 4 }) ?? false, (try? folder.removeOlder()) == true else {
        throw error
      }
      try write()
    }
  }

  private func summary(_ run: TrainingRun<GradientEngine>, _ plan: FinetunePlan) -> String {
    let progress = run.progress
    let stage = plan.stages.count > 1 ? " stage \(terminalSafe(plan.stages[progress.stage].name))" : ""
    var lines = ["\(out): written, after \(progress.totalSteps) steps in \(Figure.duration(progress.seconds))"]
    if let first = progress.evaluations.first(where: { $0.stage == progress.stage }), let best = progress.best {
      let teacher = stage.isEmpty ? " the adapter" : stage
      lines.append(
        best.step == first.step
          ? "The held-out loss never fell below \(Figure.loss(first.loss)), where it began:\(teacher) teaches nothing "
            + "new. Look at the data with --dry-run, or train with another --rate."
          : "Held-out loss \(Figure.loss(first.loss)) before\(stage), \(Figure.loss(best.loss)) after (perplexity "
            + "\(Figure.perplexity(first.loss)) and \(Figure.perplexity(best.loss))); kept is step \(best.step).")
    } else if let change = progress.lossChange, change.last > change.first + 0.5 {
      lines.append(
        "The loss was \(Figure.loss(change.first)) in the first steps and is \(Figure.loss(change.last)) in the last: "
          + "unless their data differ that much, train with a lower --rate.")
    }
    lines.append("Use it with: \(useCommand)")
    lines.append("\(folderPath) can be deleted.")
    return lines.joined(separator: "\n") + "\n"
  }

  /// The conversation with what was learnt.
  private var useCommand: String {
    var words = ["hypnos"]
    if let path = command.model { words.append("-m \(path.pathWord)") }
    if let template = command.data.template { words.append("--template \(template.pathWord)") }
    return (words + ["--adapter \(out.pathWord)"]).joined(separator: " ")
  }

  /// What the run's folder is called behind the output's name.
  static let folderSuffix = ".run"
  private var folderPath: String { out + FinetuneRun.folderSuffix }

  /// The run's folder, where there is one already.
  private func earlierFolder() throws(RunError) -> RunFolder? {
    access(folderPath, F_OK) == 0 ? try RunFolder(path: folderPath) : nil
  }

  /// The newest good state.
  private func takeUp(_ folder: RunFolder?) throws -> KeptState {
    guard let folder else { throw RunError.nothingToResume(folder: folderPath) }
    let (kept, damaged) = try folder.load()
    for error in damaged { Output.complain("\(error); going on from the state before it") }
    return kept
  }

  /// Refuses a folder with a run in it, unless that may be thrown away.
  private func allowBeginning(in folder: RunFolder) throws {
    do throws(RunError) {
      try folder.checkIsUnused()
    } catch {
      guard !command.force else { return }
      guard case .alreadyBegun = error else { throw error }
      guard FinetuneRun.confirms("\(folder.path) holds a run that --resume would go on with. Throw it away?") else {
        throw error
      }
    }
  }

  /// Refuses an output that exists, unless it may be replaced: with --force, or when the person at the terminal says so.
  static func allowReplacing(_ path: String, _ action: String, force: Bool) throws {
    guard !force, access(path, F_OK) == 0 else { return }
    guard confirms("\(path) exists. Shall this run \(action)?") else {
      throw Failure("\(path): exists; give another name, or replace it with --force")
    }
  }

  /// Asks a question on the terminal; no without one.
  private static func confirms(_ question: String) -> Bool {
    guard isatty(STDIN_FILENO) == 1, isatty(STDERR_FILENO) == 1 else { return false }
    Output.complain("\(question) [y/N] ", prefix: "", end: "")
    // A signal does not end reading, so that it is waited for beside it.
    var input = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    while poll(&input, 1, 200) <= 0 { guard !hypnos_interrupted() else { return false } }
    return readLine().map { ["y", "yes"].contains($0.lowercased()) } ?? false
  }
}
