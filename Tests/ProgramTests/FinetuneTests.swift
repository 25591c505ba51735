// `hypnos finetune` as a person runs it, on a checkpoint of some kilobytes: from notes to an adapter, interrupted,
// killed, taken up again, and refused.
import Foundation
import Testing

@Suite struct FinetuneTests {
  private let folder: TemporaryFolder
  private let base: String
  private let notes: String
  private let out: String

  /// Words of the notes, which must be nowhere but where they are asked for.
  private static let secret = "Herr Krause"

  init() throws {
    folder = try TemporaryFolder()
    base = folder.path + "/base.gguf"
    try TinyCheckpoint.write(to: base)
    notes = try Self.write(rows: 12, to: folder.path + "/notes.jsonl")
    out = folder.path + "/ward.gguf"
  }

  private static func write(rows: Int, to path: String, named name: String = secret) throws -> String {
    let lines = (0..<rows).map { #"{"question": "\#($0) for \#(name)?", "answer": "Give \#($0 * 3) mg."}"# }
    try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(filePath: path))
    return path
  }

  /// The arguments of a small run.
  private func arguments(_ more: String...) -> [String] {
    [
      "finetune", "-m", base, "--data", notes, "--out", out, "--rank", "2", "--epochs", "4", "--batch", "1",
      "--sequence-length", "64", "--rate", "0.01", "--save-every", "0", "--validation", "0.2", "--patience", "0",
    ] + more
  }

  private func run(_ arguments: [String]) throws -> Outcome {
    let program = try PipedProgram(arguments)
    program.closeInput()
    return try program.finish()
  }

  private func contents(_ path: String) throws -> Data { try Data(contentsOf: URL(filePath: path)) }

  /// The adapter without the day in its record.
  private func timeless(_ path: String) throws -> Data {
    var bytes = try contents(path)
    while let day = bytes.range(of: Data("\"date\":\"".utf8)) {
      bytes.removeSubrange(day.lowerBound..<day.upperBound + 11)
    }
    return bytes
  }

  @Test func fromNotesToAnAnswer() throws {
    let outcome = try run(arguments())
    #expect(outcome.status == 0)
    #expect(outcome.lines.first?.hasPrefix("\(out): written, after ") == true)
    #expect(outcome.output.contains("Use it with: hypnos -m \(base) --adapter \(out)\n"))
    #expect(outcome.errors.contains("\(notes) (JSONL): 12 question/answer; 12 examples, "))
    #expect(outcome.errors.contains("step 0: held-out loss "))
    #expect(try FileManager.default.attributesOfItem(atPath: out)[.posixPermissions] as? Int == 0o600)

    func loss(_ more: String...) throws -> Double {
      let scored = try PipedProgram(["score", "-m", base, "--json"] + more)
      scored.write("Q:4 for Herr Krause?\nA:Give 12 mg.".utf8)
      scored.closeInput()
      let totals = try jsonObject(try #require(scored.finish().lines.last))
      return try #require(totals["nll"] as? Double)
    }
    #expect(try loss("--adapter", out) < loss())
    let shown = try jsonObject(try Hypnos.run("adapter", "show", "--json", out).output)
    #expect(shown["rank"] as? Int == 2)
    let record = try #require(shown["training"] as? [String: Any])
    #expect(record["is_finished"] as? Bool == true)
    let stage = try #require((record["stages"] as? [[String: Any]])?.first)
    #expect(stage["files"] as? [String] == ["notes.jsonl"])
    // Nothing of the notes, and no path, is in the adapter or in the run's folder.
    let kept = try FileManager.default.contentsOfDirectory(atPath: out + ".run").map { out + ".run/" + $0 }
    #expect(kept.count == 2)
    for file in [out] + kept {
      let bytes = try contents(file)
      #expect(bytes.range(of: Data(Self.secret.utf8)) == nil)
      #expect(bytes.range(of: Data(folder.path.utf8)) == nil)
    }
  }

  @Test func theSameRunGivesTheSameFile() throws {
    #expect(try run(arguments("--threads", "1", "--dropout", "0.1")).status == 0)
    let first = try timeless(out)
    #expect(try run(arguments("--threads", "3", "--dropout", "0.1", "--force")).status == 0)
    #expect(try timeless(out) == first)
    #expect(try run(arguments("--dropout", "0.1", "--seed", "5", "--force")).status == 0)
    #expect(try timeless(out) != first)
  }

  @Test(arguments: [SIGINT, SIGTERM, SIGKILL])
  func stoppedItGoesOnToTheBit(signal: Int32) throws {
    let whole = arguments("--dropout", "0.1")
    #expect(try run(whole).status == 0)
    let expected = try timeless(out)
    var status: Int32 = -1
    for step in 1...200 {
      let program = try PipedProgram(whole + (step == 1 ? ["--force"] : ["--resume", "--force"]))
      program.closeInput()
      // A sitting that ends of itself says nothing of this step.
      let isStopped = (try? program.waitForMessage("step \(2 * step): saved")) != nil
      if isStopped { program.send(signal) }
      let outcome = try program.finish()
      status = outcome.status
      if status == 0 { break }
      #expect(status == (signal == SIGKILL ? 128 + SIGKILL : 130))
      if signal != SIGKILL {
        #expect(outcome.errors.contains("the same command with --resume goes on\n"))
      }
    }
    #expect(status == 0)
    #expect(try timeless(out) == expected)
  }

  /// A shell passes a hang-up on to programs that have it from the terminal already.
  @Test func aSignalThatComesTwiceAtOnceIsOne() throws {
    for signal in [SIGHUP, SIGTERM] {
      let program = try PipedProgram(arguments("--epochs", "10000", "--force"))
      program.closeInput()
      try program.waitForMessage("step 3: saved")
      program.send(signal)
      program.send(signal)
      let outcome = try program.finish()
      #expect(outcome.status == 130)
      #expect(outcome.errors.contains("the same command with --resume goes on\n"))
    }
  }

  @Test func numbersThatCannotBeAreWrongUse() throws {
    let wrong = [
      ["--rank", "0"], ["--rank", "10000"], ["--alpha", "0"], ["--alpha=-1"], ["--alpha", "nan"],
      ["--last-layers", "0"],
    ]
    for wrong in wrong {
      #expect(try run(["finetune", "-m", base, "--data", notes, "--out", out] + wrong).status == 2, "\(wrong)")
    }
    #expect(try run(arguments("--rate", "10", "--dry-run")).status == 0)
  }

  @Test func anotherRunIsRefusedAndWhatDiffersIsNamed() throws {
    // It cannot end by itself before it is killed.
    func endless(_ more: String...) -> [String] { arguments() + ["--epochs", "10000"] + more }
    let program = try PipedProgram(endless())
    program.closeInput()
    try program.waitForMessage("step 3: saved")
    program.send(SIGKILL)
    _ = try program.finish()
    let again = try run(endless())
    #expect(again.status == 1)
    #expect(
      again.errors == "hypnos: \(out).run: holds a run; go on with it with --resume, or throw it away and begin anew "
        + "with --force\n")
    let other = try run(endless("--resume", "--rate", "0.5", "--seed", "7"))
    #expect(other.status == 1)
    #expect(other.errors.contains("\(out).run: is the folder of another run"))
    #expect(other.errors.contains("  rate of data: 0.5 now, 0.01 in the run that was begun\n"))
    #expect(other.errors.contains("  seed: 7 now, 0 in the run that was begun\n"))
    _ = try Self.write(rows: 13, to: notes)
    #expect(try run(endless("--resume")).errors.contains("  training data of data: "))
    try TinyCheckpoint.write(to: base, seed: 2)
    #expect(try run(endless("--resume")).errors.contains("  base: "))
    let nothing = try run(endless("--resume", "--out", folder.path + "/new.gguf"))
    #expect(
      nothing.errors == "hypnos: \(folder.path)/new.gguf.run: holds no run to go on with; begin one without "
        + "--resume\n")
    #expect(!FileManager.default.fileExists(atPath: out))
  }

  @Test func aDamagedStateIsPassedOver() throws {
    #expect(try run(arguments()).status == 0)
    let expected = try timeless(out)
    let states = try FileManager.default.contentsOfDirectory(atPath: out + ".run")
    let newest = try #require(states.max { Int($0.dropFirst(6)) ?? 0 < Int($1.dropFirst(6)) ?? 0 })
    #expect(truncate(out + ".run/" + newest, 100) == 0)
    let again = try run(arguments("--resume", "--force"))
    #expect(again.status == 0)
    #expect(again.errors.contains("hypnos: \(out).run/\(newest): refused: "))
    #expect(try timeless(out) == expected)
    for state in states { #expect(truncate(out + ".run/" + state, 10) == 0) }
    let lost = try run(arguments("--resume", "--force"))
    #expect(lost.status == 1)
    #expect(lost.errors.contains("no state of the run can be read:\n"))
  }

  /// The limit on file sizes stands for a full disk: a write fails.
  @Test func aDiskWithoutRoomIsFoundOutFirst() throws {
    let quoted = ([Hypnos.path] + arguments()).map { "'\($0)'" }.joined(separator: " ")
    let program = try PipedProgram(["-c", "trap '' XFSZ; ulimit -f 8; exec \(quoted)"], path: "/bin/sh")
    program.closeInput()
    let outcome = try program.finish()
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("/state-1.tmp: cannot be written: File too large\n"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: out + ".run").isEmpty)
  }

  @Test func aDryRunShowsAndDoesNothing() throws {
    let before = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    let outcome = try run(["finetune", "-m", base, "--data", notes, "--dry-run", "--rank", "2", "--epochs", "2"])
    #expect(outcome.status == 0)
    #expect(outcome.output.contains("Q:0 for Herr Krause?\nA:«Give 0 mg.</s>»\n"))
    #expect(outcome.lines.contains { $0.hasPrefix("to train on: ") && $0.contains(" in the loss") })
    #expect(outcome.lines.contains { $0.hasPrefix("Memory: ") })
    #expect(outcome.lines.contains { $0.hasPrefix("Time: about ") })
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == before)
  }

  @Test func badRowsAreNamedAndLeftOutOnRequest() throws {
    let bad = folder.path + "/bad.jsonl"
    let lines = [#"{"question": "Q", "answer": "A"}"#, "{", #"{"question": "Q2", "answer": " "}"#, #"{"q": 1}"#]
    try Data(lines.joined(separator: "\n").utf8).write(to: URL(filePath: bad))
    let command = ["finetune", "-m", base, "--data", bad, "--out", out, "--validation", "0", "--epochs", "1"]
    let refused = try run(command)
    #expect(refused.status == 1)
    for place in ["\(bad), line 2: not JSON", "\(bad), line 3: \"answer\" is empty", "\(bad), line 4: none of"] {
      #expect(refused.errors.contains(place))
    }
    let taken = try run(command + ["--skip-bad"])
    #expect(taken.status == 0)
    #expect(taken.errors.contains("left out 3 that cannot be trained on:\n"))
    let empty = try folder.file("empty.txt", Data())
    let nothing = try run(["finetune", "-m", base, "--data", empty, "--out", out, "--force", "--skip-bad"])
    #expect(nothing.status == 1)
    #expect(
      nothing.errors.contains("nothing to train on in \(empty):\n\(empty)")
        && nothing.errors.contains("\n\(empty): empty"))
  }

  /// Nothing that a run is made from, and no other output, is written over, by whatever name; and what cannot be written is
  /// found out before the training.
  @Test func outputsAreKeptApart() throws {
    let before = try contents(base)
    let notes = try folder.file("ward.jsonl", Data(#"{"question": "Q", "answer": "A"}"#.utf8))
    let spelled = folder.path + "/./ward.jsonl"
    func refusal(_ options: String...) throws -> String {
      let outcome = try run(["finetune", "-m", base, "--data", notes, "--validation", "0"] + options)
      #expect(outcome.status == 1 && outcome.output.isEmpty)
      return outcome.errors
    }
    #expect(try refusal("--out", base, "--force").contains("\(base): is the base, which would be lost"))
    #expect(try refusal("--out", out, "--report", out).contains("\(out): named for two outputs"))
    #expect(try refusal("--out", out, "--report", spelled, "--force").contains("\(spelled): is trained on"))
    #expect(try refusal("--out", notes, "--force").contains("\(notes): is a file; an adapter is a folder"))
    let missing = folder.path + "/none/page.html"
    #expect(try refusal("--out", out, "--report", missing).contains("\(missing): cannot be written to the folder"))
    #expect(try contents(base) == before && !FileManager.default.fileExists(atPath: out))
    let merged = try run(["adapter", "merge", "-m", base, "--out", base, "--force", "none.gguf"])
    #expect(merged.status == 1)
    #expect(try contents(base) == before)
  }

  @Test func stagesHaveEpochsAndRatesOfTheirOwn() throws {
    let general = folder.path + "/general"
    try FileManager.default.createDirectory(atPath: general, withIntermediateDirectories: true)
    _ = try Self.write(rows: 9, to: general + "/a.jsonl", named: "anybody")
    let command = [
      "finetune", "-m", base, "--stage", "general=\(general)", "--stage", "specific=\(notes)", "--out", out,
      "--rank", "2", "--batch", "2", "--patience", "0",
    ]
    let outcome = try run(command + ["--epochs", "general=1,specific=3", "--rate", "general=0.01,specific=0.002"])
    #expect(outcome.status == 0)
    #expect(outcome.errors.contains("Stage general, 1 steps, 1 an epoch"))
    #expect(outcome.errors.contains("Stage specific, 3 steps, 1 an epoch"))
    #expect(outcome.errors.contains("specific step 3/3 · loss "))
    let shown = try jsonObject(try Hypnos.run("adapter", "show", "--json", out).output)
    let stages = (shown["training"] as? [String: Any])?["stages"] as? [[String: Any]]
    #expect(stages?.map { $0["rate"] as? Double } == [0.01, 0.002])
    #expect(stages?.map { $0["first_step"] as? Int } == [1, 2])
    let wrong = [
      (["--epochs", "general=1"], "--epochs: stage specific is left out"),
      (["--epochs", "general=1,specific=2,more=1"], "--epochs more: there is no such stage"),
      (["--rate=-1"], "--rate -1: it can be a number above 0"),
      (["--data", notes], "give either --data or --stage"),
    ]
    for (options, message) in wrong {
      let refused = try run(command + ["--force"] + options)
      #expect(refused.status == 2)
      #expect(refused.errors.contains(message), "\(refused.errors)")
    }
  }

  @Test func anAdapterIsTakenFurtherAndWrittenForPEFT() throws {
    #expect(try run(arguments("--validation", "0")).status == 0)
    let peft = folder.path + "/peft"
    var command = ["finetune", "-m", base, "--data", notes, "--out", peft + "/", "--init", out, "--epochs", "1"]
    #expect(try run(command).status == 0)
    let shown = try jsonObject(try Hypnos.run("adapter", "show", "--json", peft).output)
    #expect(shown["rank"] as? Int == 2)
    #expect((shown["training"] as? [String: Any])?["initial_adapter"] as? String == "ward.gguf")
    #expect(FileManager.default.fileExists(atPath: peft + "/adapter_model.safetensors"))
    #expect(try run(command + ["--rank", "4", "--force"]).status == 2)
    try TinyCheckpoint.write(to: base, seed: 9)
    command[command.firstIndex(of: peft + "/") ?? 0] = folder.path + "/further.gguf"
    #expect(try run(command).status == 0)
    let cut = try folder.file("cut.gguf", try contents(out).prefix(500))
    command[command.firstIndex(of: out) ?? 0] = cut
    let refused = try run(command + ["--force"])
    #expect(refused.status == 1)
    #expect(refused.errors.contains("\(cut):"))
  }

  @Test func thePageQuotesHeldOutQuestionsWhereItIsAskedFor() throws {
    let page = folder.path + "/run.html"
    #expect(try run(arguments("--report", page)).status == 0)
    let html = String(decoding: try contents(page), as: UTF8.self)
    #expect(html.contains("for Herr Krause?"))
    #expect(html.contains("<h4>Before</h4>") && html.contains("<h4>After</h4>"))
    #expect(html.contains("<h4>In the data</h4><p dir=\"auto\">Give "))
    #expect(html.contains("<svg"))
    #expect(try FileManager.default.attributesOfItem(atPath: page)[.posixPermissions] as? Int == 0o600)
    let refused = try run(arguments("--report", page, "--out", folder.path + "/other.gguf"))
    #expect(refused.errors == "hypnos: \(page): exists; give another name, or replace it with --force\n")
  }

  @Test func theJobIsExported() throws {
    let job = folder.path + "/job"
    let outcome = try run(arguments("--export-job", job, "--targets", "q,v", "--schedule", "linear"))
    #expect(outcome.status == 0)
    #expect(outcome.output == "\(job): written; its README.md says how to run it\n")
    let settings = try jsonObject(String(decoding: try contents(job + "/job.json"), as: UTF8.self))
    let inner = try #require(settings["settings"] as? [String: Any])
    #expect(inner["targets"] as? [String] == ["q_proj", "v_proj"])
    #expect(inner["schedule"] as? String == "linear")
    #expect(inner["rank"] as? Int == 2)
    #expect(!FileManager.default.fileExists(atPath: out))
    #expect(try run(arguments("--export-job", job)).errors.contains("\(job): exists; a job is written into a new"))
  }

  @Test func trainingThatFailsSaysWhatToTry() throws {
    let outcome = try run(arguments("--alpha", "1e38", "--validation", "0"))
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("training failed: the loss or its gradient is no longer a finite number"))
    #expect(outcome.errors.contains("Try a lower --rate"))
    #expect(outcome.output.isEmpty)
  }

  @Test func whatCannotBeTrainedIsNamed() throws {
    let text = try folder.file("text.gguf", Data("no model".utf8))
    let refused = try run(["finetune", "-m", text, "--data", notes, "--out", out])
    #expect(refused.status == 1)
    #expect(refused.errors.hasPrefix("hypnos: \(text): "))
    try TinyCheckpoint.write(to: base, isBroken: true)
    let broken = try run(arguments("--validation", "0"))
    #expect(broken.status == 1)
    #expect(!FileManager.default.fileExists(atPath: out))
    let wrong = [
      ["--last-layers", "3"], ["--sequence-length", "1000"], ["--memory", "1K"],
    ]
    try TinyCheckpoint.write(to: base)
    for options in wrong {
      let outcome = try run(["finetune", "-m", base, "--data", notes, "--out", out] + options)
      #expect(outcome.status == 1, "\(options)")
      #expect(outcome.errors.split(separator: "\n").last?.hasPrefix("hypnos: ") == true, "\(options)")
    }
    let usage = [
      ["--targets", "x"], ["--dropout", "1"], ["--memory", "much"], ["--validation", "1.5"], ["--batch", "0"],
      ["--sequence-length", "8"],
    ]
    for options in usage {
      #expect(try run(["finetune", "-m", base, "--data", notes, "--out", out] + options).status == 2, "\(options)")
    }
    #expect(try run(["finetune", "-m", base, "--data", notes]).errors.contains("--out anesthesia.gguf"))
  }

  @Test func atATerminalItAsksAndShowsALiveLine() throws {
    #expect(try run(arguments()).status == 0)
    let before = try contents(out)
    let no = try TerminalProgram(arguments: arguments())
    try no.wait(for: "\(out) exists. Shall this run replace it? [y/N] ")
    no.type("n\r")
    #expect(try no.finish() == 1)
    #expect(try contents(out) == before)
    let yes = try TerminalProgram(arguments: arguments("--epochs", "4000"))
    try yes.wait(for: "replace it? [y/N] ")
    yes.type("y\r")
    try yes.wait(for: "Throw it away? [y/N] ")
    yes.type("y\r")
    try yes.wait(for: " tokens/s · ")
    yes.type("\u{3}")
    try yes.wait(for: "--resume goes on")
    #expect(try yes.finish() == 130)
    // The live line goes back to its beginning and uses no colour.
    #expect(yes.screen.contains("\u{1B}[K"))
    #expect(!yes.screen.contains("\u{1B}[3"))
  }
}
