// `hypnos eval` as it is run: its output, its files, and what it says of bad ones.
import Foundation
import Testing

@Suite struct EvalTests {
  private let folder: TemporaryFolder
  private let model: String

  init() throws {
    folder = try TemporaryFolder()
    model = folder.path + "/tiny.gguf"
    try TinyCheckpoint.write(to: model)
  }

  private func write(_ name: String, _ rows: [String]) throws -> String {
    try folder.file(name, Data(rows.joined(separator: "\n").utf8))
  }

  private func choices() throws -> String {
    try write(
      "choice.jsonl",
      (0..<8).map {
        #"{"id": "\#($0)", "question": "q\#($0)？", "options": {"A": "x", "B": "yy", "C": "z"}, "answer": "B"}"#
      })
  }

  @Test func measuresComparesAndWrites() throws {
    let (task, first, second) = (try choices(), folder.path + "/1.json", folder.path + "/2.json")
    let page = folder.path + "/page.html"
    let shared = try Hypnos.run("eval", "-m", model, "--task", task, "--resamples", "100", "--json", first)
    #expect(shared.status == 0 && shared.output.contains("8 items, choice") && shared.output.contains("accuracy"))
    let plain = try Hypnos.run(
      "eval", "-m", model, "--task", task, "--resamples", "100", "--json", second, "--report", page, "--compare", first,
      "--no-shared-cache")
    #expect(plain.status == 0 && plain.output.contains("8 of 8 items in both"))
    func results(_ path: String) throws -> NSArray? {
      let run = try jsonObject(String(contentsOfFile: path, encoding: .utf8))
      return ((run["tasks"] as? [[String: Any]])?[0]["results"]) as? NSArray
    }
    #expect(try results(first) == results(second) && results(first)?.count == 8)
    for path in [first, page] {
      #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
    }
  }

  @Test func answersOfAFileNeedNoModel() throws {
    let task = try write(
      "qa.jsonl", (0..<2).map { #"{"id": "\#($0)", "question": "q", "answer": "the cat sat down"}"# })
    let answers = try write("a.jsonl", (0..<2).map { #"{"id": "\#($0)", "answer": "the cat sat down"}"# })
    let outcome = try Hypnos.run("eval", "--task", task, "--answers", answers, "--resamples", "100")
    #expect(outcome.status == 0 && outcome.output.contains("BLEU-4                     100.0000 [100.0000, 100.0000]"))
    let named = try Hypnos.run("eval", "--task", task, "--answers", answers, "--adapter", "/none")
    #expect(named.status == 2 && named.errors.contains("--adapter belong to a model"))
    // The files are written although nobody reads what is printed.
    let json = folder.path + "/kept.json"
    let unread = try PipedProgram(["eval", "--task", task, "--answers", answers, "--resamples", "100", "--json", json])
    unread.closeInput()
    unread.closeOutput()
    #expect(try unread.finish().status == 0 && FileManager.default.fileExists(atPath: json))
    let others = try write("b.jsonl", (0..<3).map { #"{"id": "\#($0)", "answer": "x"}"# })
    let refused = try Hypnos.run("eval", "--task", task, "--answers", others)
    #expect(refused.status == 1 && refused.errors.contains("\(others), line 3: \"2\" is no item of the tasks"))
  }

  @Test func chineseByWords() throws {
    let task = try write("zh.jsonl", [#"{"id": "1", "question": "问", "answer": "全身麻醉药"}"#])
    let answers = try write("zh-a.jsonl", [#"{"id": "1", "answer": "局部麻醉药"}"#])
    let words = try write("words.txt", ["全身 3 n", "局部 3 n", "麻醉药 2 n"])
    func eval(_ more: String...) throws -> Outcome {
      let program = try PipedProgram(["eval", "--task", task, "--answers", answers, "--resamples", "100"] + more)
      program.closeInput()
      return try program.finish()
    }
    #expect(try eval().output.contains("ROUGE-1                    0.6000"))
    let json = folder.path + "/words.json"
    let cut = try eval("--words", words, "--json", json)
    #expect(cut.status == 0 && cut.output.contains("ROUGE-1                    0.5000"))
    let settings = try String(contentsOfFile: json, encoding: .utf8)
    #expect(settings.contains("mean F of rouge-chinese, tokens none over the 3 words of \(words)"))
    #expect(try eval("--words", words, "--rouge", "rouge").output.contains("ROUGE-1                    0.5000"))
    let english = try eval("--words", words, "--language", "en")
    #expect(english.status == 2 && english.errors.contains("--words \(words): no task asks for answers in Chinese"))
    let bad = try eval("--words", try write("bad.txt", ["全身 3", "麻醉药"]))
    #expect(bad.status == 1 && bad.output.isEmpty)
    #expect(bad.errors.contains("bad.txt, line 2: no word, space and frequency, a whole number: \"麻醉药\""))
  }

  @Test func lossAndPerplexity() throws {
    let task = try write("qa.jsonl", (0..<3).map { #"{"id": "\#($0)", "question": "q", "answer": "because \#($0)"}"# })
    let text = try folder.file("text.md", Data(String(repeating: "全身麻醉 sevoflurane. ", count: 40).utf8))
    let outcome = try Hypnos.run(
      "eval", "-m", model, "--loss", task, "--perplexity", text, "--stride", "64", "--resamples", "100")
    #expect(outcome.status == 0 && outcome.output.contains("3 items, loss") && outcome.output.contains("bits a byte"))
  }

  @Test func badRowsAndLongPassagesAreNamed() throws {
    let passage = String(repeating: "血", count: 200)
    let task = try write(
      "bad.jsonl",
      [
        #"{"id": "1", "question": "q", "options": {"A": "x", "B": "y"}, "answer": "A"}"#,
        #"{"id": "2", "question": "q", "options": {"A": "x", "B": "y"}, "answer": "C"}"#,
        #"{"id": "3", "question": "q", "context": "\#(passage)", "options": {"A": "x", "B": "y"}, "answer": "A"}"#,
      ])
    let refused = try Hypnos.run("eval", "-m", model, "--task", task)
    #expect(refused.status == 1 && refused.output.isEmpty)
    #expect(refused.errors.contains("\(task), line 2: the key \"C\" names no option; there are A, B"))
    #expect(refused.errors.contains("\(task), line 3: takes ") && refused.errors.contains("the context holds 256"))
    let rest = try Hypnos.run("eval", "-m", model, "--task", task, "--skip-bad", "--resamples", "100")
    #expect(rest.status == 0 && rest.output.contains("1 items, choice, layout question/options/answer, 2 left out"))
    #expect(try Hypnos.run("eval", "-m", model).status == 2)
    #expect(try Hypnos.run("eval", "-m", model, "--task", task, "--shots", "2").status == 2)
  }

  @Test func anInterruptedRunGoesOnToTheSameBytes() throws {
    let task = try write(
      "qa.jsonl", (0..<1500).map { #"{"id": "\#($0)", "question": "why \#($0)?", "answer": "because \#($0)"}"# })
    let letters = try choices()
    func arguments(_ json: String, _ more: String...) -> [String] {
      ["eval", "-m", model, "--task", letters, task, "--max-tokens", "64", "--resamples", "100", "--json", json] + more
    }
    func run(_ arguments: [String]) throws -> Outcome {
      let program = try PipedProgram(arguments)
      program.closeInput()
      return try program.finish()
    }
    let (whole, broken) = (folder.path + "/whole.json", folder.path + "/broken.json")
    let partial = broken + ".partial"
    #expect(try run(arguments(whole)).status == 0)
    #expect(!FileManager.default.fileExists(atPath: whole + ".partial"))

    // The slowest kernels give the same bytes, and the interrupt comes in time on a busy machine too.
    let program = try PipedProgram(arguments(broken, "--threads", "1"), environment: ["HYPNOS_CPU": "scalar"])
    program.closeInput()
    func kept() -> String { (try? String(contentsOfFile: partial, encoding: .utf8)) ?? "" }
    let deadline = Deadline()
    while kept().split(separator: "\n").count < 12, !deadline.hasPassed { usleep(1000) }
    program.send(SIGINT)
    let stopped = try program.finish()
    #expect(stopped.status == 130 && stopped.output.contains("8 items, choice"))
    #expect(
      stopped.errors.contains(
        "interrupted; 1 of 2 tasks were finished; the results so far are in \(partial), the same command goes on"))
    #expect(try FileManager.default.attributesOfItem(atPath: partial)[.posixPermissions] as? Int == 0o600)
    #expect(!FileManager.default.fileExists(atPath: broken))

    let other = try run(arguments(broken, "--by", "text"))
    #expect(other.status == 1 && other.errors.contains("\(partial): begun with another --by; give the same again"))
    try kept().dropLast(9).write(toFile: partial, atomically: false, encoding: .utf8)
    let resumed = try run(arguments(broken))
    #expect(resumed.status == 0 && resumed.errors.contains("items of the run that was interrupted"))
    #expect(!FileManager.default.fileExists(atPath: partial))
    #expect(try Data(contentsOf: URL(filePath: broken)) == Data(contentsOf: URL(filePath: whole)))
  }

  @Test func answersToOtherQuestionsAndHalfBadFiles() throws {
    let task = try write(
      "qa.jsonl", [#"{"id": "1", "question": "q", "answer": "a"}"#, #"{"id": "2", "question": "q"}"#])
    let good = try write("good.jsonl", (1...2).map { #"{"id": "\#($0)", "question": "q", "answer": "a"}"# })
    let answers = try write("a.jsonl", (1...2).map { #"{"id": "\#($0)", "answer": "a"}"# })
    // What is wrong with the questions is said first, and what is left out may be answered.
    let refused = try Hypnos.run("eval", "--task", task, "--answers", answers)
    #expect(refused.status == 1 && refused.errors.contains("\(task), line 2: \"answer\" is missing"))
    let skipped = try Hypnos.run("eval", "--task", task, "--answers", answers, "--skip-bad", "--resamples", "100")
    #expect(skipped.status == 0 && skipped.output.contains("1 items, answers, layout question/answer, 1 left out"))
    let twice = try Hypnos.run("eval", "--task", good, good, "--answers", answers)
    #expect(twice.status == 2 && twice.errors.contains("--task \(good): the file is named twice"))
    // Before anything is computed.
    let json = folder.path + "/choices.json"
    #expect(try Hypnos.run("eval", "-m", model, "--task", try choices(), "--json", json).status == 0)
    let compared = try Hypnos.run("eval", "-m", model, "--task", good, "--compare", json)
    #expect(compared.status == 1 && compared.output.isEmpty)
    #expect(compared.errors.contains("\(json): has no task of the same file and kind with an item of this run's"))
    let sheets = ["eval", "rate", "--answers", answers, "--answers", good, "--out", folder.path + "/study"]
    let unasked = try PipedProgram(sheets + ["--task", try write("z.jsonl", [#"{"id": "z", "text": "t"}"#])])
    let outcome = try unasked.finish()
    #expect(outcome.status == 1 && outcome.errors.contains(" is no item of "))
    let broken = try PipedProgram(sheets + ["--task", task]).finish()
    #expect(broken.status == 1 && broken.errors == "hypnos: \(task), line 2: \"answer\" is missing\n")
    #expect(!FileManager.default.fileExists(atPath: folder.path + "/study.csv"))
  }

  /// The judge of some kilobytes has room for no prompt, which is said of every answer with file and line.
  @Test func judgesAreHeldAgainstTheirFilesAndRoom() throws {
    let task = try write("qa.jsonl", (1...2).map { #"{"id": "\#($0)", "question": "q", "answer": "a"}"# })
    let answers = try write("a.jsonl", (1...2).map { #"{"id": "\#($0)", "answer": "a"}"# })
    func judge(_ more: String...) throws -> Outcome {
      try PipedProgram(
        ["eval", "--task", task, "--answers", answers, "--judge", model, "--resamples", "100"] + more
      ).finish()
    }
    let small = try judge()
    #expect(small.status == 0 && !small.output.contains("judged coherence"))
    #expect(small.errors.contains("\(task), line 2: the answer to \"2\" is not judged: takes "))
    let large = try judge("-c", "8192")
    #expect(large.status == 0 && large.output.contains("judged coherence"))
    let other = try write("other.jsonl", [#"{"id": "9", "answer": "a"}"#])
    let refused = try judge("--against", other)
    #expect(refused.status == 1 && refused.errors.contains("\(other): has no answer to an item of \(task)"))
    let part = try write("part.jsonl", [#"{"id": "2", "answer": "b"}"#])
    let told = try judge("-c", "8192", "--against", part)
    #expect(told.status == 0 && told.output.contains("pairwise won"))
    #expect(told.errors.contains("\(part): has answers to 1 of the 2 items of \(task); only these are compared"))
  }

  /// Marks with an adapter are those of a checkpoint that has it in its weights, and no others.
  @Test func aJudgeWithAnAdapter() throws {
    let rows = (1...4).map { #"{"id": "\#($0)", "question": "q\#($0)", "answer": "good"}"# }
    let (task, answers) = (try write("qa.jsonl", rows), try write("a.jsonl", rows))
    let (adapter, merged) = (folder.path + "/ward.gguf", folder.path + "/merged.gguf")
    let trained = try Hypnos.run(
      "finetune", "-m", model, "--data", task, "--out", adapter, "--rank", "2", "--epochs", "8", "--batch", "1",
      "--sequence-length", "64", "--rate", "0.05", "--save-every", "0", "--patience", "0")
    #expect(trained.status == 0, "\(trained.errors)")
    #expect(try Hypnos.run("adapter", "merge", adapter, "-m", model, "--out", merged, "--type", "f32").status == 0)
    func marks(_ judge: String, _ more: [String] = []) throws -> [Double] {
      let path = folder.path + "/run.json"
      let outcome = try PipedProgram(
        ["eval", "--task", task, "--answers", answers, "--judge", judge, "-c", "8192", "--resamples", "100"]
          + ["--json", path, "--force"] + more
      ).finish()
      #expect(outcome.status == 0, "\(outcome.errors)")
      let run = try jsonObject(String(contentsOfFile: path, encoding: .utf8))
      let results = try #require((run["tasks"] as? [[String: Any]])?.first?["results"] as? [[String: Any]])
      return try results.map { try #require(($0["marks"] as? [String: Double])?["coherence"]) }
    }
    let (plain, whole, adapted) = (try marks(model), try marks(merged), try marks(model, ["--judge-adapter", adapter]))
    #expect(adapted.count == 4 && adapted != plain)
    for (adapted, whole) in zip(adapted, whole) { #expect(abs(adapted - whole) < 2e-3) }
    let idle = try Hypnos.run("eval", "-m", model, "--task", task, "--judge-adapter", adapter)
    #expect(idle.status == 2 && idle.errors.contains("--judge-adapter needs a --judge"))
  }

  @Test func ratingSheets() throws {
    let files = try ["a", "b"].map { try write("\($0).jsonl", [#"{"id": "1", "answer": "answer"}"#]) }
    let out = folder.path + "/study"
    let written = try Hypnos.run(
      "eval", "rate", "--answers", files[0], "--answers", files[1], "--name", "M1", "--name", "M2", "--out", out)
    #expect(written.status == 0)
    let empty = try Hypnos.run("eval", "rate", "--collect", out + ".key.json", out + ".csv")
    #expect(empty.status == 1 && empty.errors.contains("no mark is filled in"))
    let sheet = try String(contentsOfFile: out + ".csv", encoding: .utf8)
    let filled = try folder.file("r.csv", Data(sheet.replacing(",,,,,,,", with: ",5,5,5,5,5,1,").utf8))
    let taken = try Hypnos.run("eval", "rate", "--collect", out + ".key.json", filled)
    #expect(taken.status == 0 && taken.output.contains("M1\n  win rate  0.5000"))
  }
}
