// `hypnos generate` and `hypnos filter` as a person runs them.
import Foundation
import Testing

@Suite struct CurationTests {
  private let folder: TemporaryFolder
  private let judge: String
  private let pairs: String

  init() throws {
    folder = try TemporaryFolder()
    judge = folder.path + "/judge.gguf"
    try TinyCheckpoint.write(to: judge)
    let rows = (0..<6).map {
      #"{"id": \#($0), "question": "问题\#($0)？", "answer": "Answer \#($0).", "label": "\#($0 % 2 == 0 ? "a" : "b")"}"#
    }
    pairs = try folder.file("pairs.jsonl", Data((rows.joined(separator: "\n") + "\n").utf8))
  }

  private func run(_ arguments: [String]) throws -> Outcome {
    let program = try PipedProgram(arguments)
    program.closeInput()
    return try program.finish()
  }

  private func filter(_ more: String..., model: String? = nil) throws -> Outcome {
    try run(
      ["filter", "-m", model ?? judge, "-c", "8192", pairs, "--out", out, "--rejected", rejected, "-t", "1"] + more)
  }

  private var out: String { folder.path + "/kept.jsonl" }
  private var rejected: String { folder.path + "/rejected.jsonl" }

  private func rows(_ path: String) throws -> [[String: Any]] {
    try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map { try jsonObject(String($0)) }
  }

  private func mode(_ path: String) throws -> Int {
    try #require(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
  }

  @Test func everyRowHasItsScoresAndReasons() throws {
    let report = folder.path + "/report.html"
    let outcome = try filter("--report", report, "--labels", "label=a")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.hasPrefix("kept 3, rejected 3\n"))
    #expect(outcome.output.contains("AUC over 3 pairs with the label and 3 without"))
    let (kept, lost) = (try rows(out), try rows(rejected))
    #expect(kept.count == 3 && lost.count == 3)
    #expect(Set((kept + lost).compactMap { $0["id"] as? Int }) == Set(0..<6))
    for row in kept + lost {
      let found = try #require(row["filter"] as? [String: Any])
      let reasons = try #require(found["reasons"] as? [String])
      let isKept = try #require(found["kept"] as? Bool)
      #expect(reasons.isEmpty == isKept)
      let aspects = try #require(found["aspects"] as? [String: [String: Double]])
      #expect(aspects.count == 5)
      for (_, marks) in aspects {
        #expect((0...10).contains(try #require(marks["score"])))
        #expect((0...10).contains(try #require(marks["expected"])))
      }
      #expect(row["question"] != nil && row["label"] != nil)
    }
    for path in [out, rejected, report] { #expect(try mode(path) == 0o600) }
    #expect(!FileManager.default.fileExists(atPath: out + ".partial"))
    #expect(try String(contentsOfFile: report, encoding: .utf8).contains("问题"))
    // A label that no pair has is told of before anything is judged.
    let misspelt = try filter("--labels", "label=A", "--force")
    #expect(misspelt.status == 2)
    #expect(misspelt.errors.contains(#"--labels label=A: no pair has it; there are "a", "b""#))
    // Not replaced unasked.
    let again = try filter()
    #expect(again.status == 1)
    #expect(again.errors.contains("\(out): exists; give another name, or replace it with --force"))
  }

  @Test func aJudgeOfItsOwnAnswersIsToldOf() throws {
    let first = try filter()
    #expect(!first.errors.contains("warning"))
    let row = try #require(try rows(out).first?["filter"] as? [String: Any])
    let checkpoint = try #require((row["judges"] as? [[String: Any]])?.first?["checkpoint"] as? String)
    let own = #"{"question": "Q", "answer": "A", "provenance": {"checkpoint": "\#(checkpoint)"}}"#
    let path = try folder.file("own.jsonl", Data((own + "\n").utf8))
    let outcome = try run(["filter", "-m", judge, "-c", "8192", path, "--out", folder.path + "/x.jsonl"])
    #expect(outcome.status == 0)
    #expect(outcome.errors.contains("warning: Tiny made 1 of the 1 pairs itself"))
  }

  @Test func twoJudgesAverageAndAgreeMoreOrLess() throws {
    let other = folder.path + "/other.gguf"
    try TinyCheckpoint.write(to: other, seed: 2)
    let outcome = try filter("--judge", other, "--min", "coherence=0")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.hasPrefix("kept 6, rejected 0\n"))
    #expect(outcome.output.contains("coherence, judges 1 and 2: correlation "))
    let found = try #require(try rows(out).first?["filter"] as? [String: Any])
    let judges = try #require(found["judges"] as? [[String: Any]])
    let gains = judges.compactMap { $0["gain"] as? Double }
    #expect(gains.count == 2)
    #expect(abs(try #require(found["gain"] as? Double) - (gains[0] + gains[1]) / 2) < 2e-4)
  }

  /// An adapter that a short training makes of the pairs.
  private func adapter() throws -> String {
    let path = folder.path + "/ward.gguf"
    let trained = try run(
      ["finetune", "-m", judge, "--data", pairs, "--out", path, "--rank", "2", "--epochs", "8", "--batch", "1"]
        + ["--sequence-length", "64", "--rate", "0.05", "--save-every", "0", "--patience", "0"])
    #expect(trained.status == 0, "\(trained.errors)")
    return path
  }

  /// Marks with an adapter are those of a checkpoint that has it in its weights.
  @Test func aJudgeWithAnAdapter() throws {
    let (ward, merged) = (try adapter(), folder.path + "/merged.gguf")
    #expect(try run(["adapter", "merge", ward, "-m", judge, "--out", merged, "--type", "f32"]).status == 0)
    func found(_ outcome: Outcome) throws -> [[String: Any]] {
      #expect(outcome.status == 0, "\(outcome.errors)")
      return try (rows(out) + rows(rejected)).sorted { ($0["id"] as? Int ?? 0) < ($1["id"] as? Int ?? 0) }
        .map { try #require($0["filter"] as? [String: Any]) }
    }
    func gains(_ rows: [[String: Any]]) -> [Double] { rows.compactMap { $0["gain"] as? Double } }
    let plain = try found(filter())
    let whole = try found(filter("--force", model: merged))
    let adapted = try found(filter("--force", "--adapter", ward))
    #expect(gains(adapted).count == 6 && gains(adapted) != gains(plain))
    for (adapted, whole) in zip(gains(adapted), gains(whole)) { #expect(abs(adapted - whole) < 2e-3) }
    let told = try #require((adapted[0]["judges"] as? [[String: Any]])?.first?["adapters"] as? [[String: Any]])
    #expect(told.count == 1 && told[0]["name"] as? String == "ward" && told[0]["scale"] as? Double == 1)
    #expect((told[0]["fingerprint"] as? String)?.count == 64)
    // Of two judges it is the second's alone; the first marks as it does without.
    let both = try found(filter("--force", "--judge", judge, "--adapter", "2:" + ward))
    let judges = try #require(both[0]["judges"] as? [[String: Any]])
    #expect((judges[0]["adapters"] as? [Any])?.isEmpty == true && (judges[1]["adapters"] as? [Any])?.count == 1)
    #expect(judges[0]["gain"] as? Double == plain[0]["gain"] as? Double)
    #expect(judges[1]["gain"] as? Double == adapted[0]["gain"] as? Double)
  }

  @Test func whoseAnAdapterIsMustBeSaid() throws {
    let other = folder.path + "/other.gguf"
    let unclear = try filter("--judge", other, "--adapter", "ward.gguf=0.5")
    #expect(unclear.status == 2)
    #expect(
      unclear.errors.contains(
        "--adapter ward.gguf=0.5: there are 2 judges; say whose it is: 1:ward.gguf=0.5 for \(judge), 2:ward.gguf=0.5 for "
          + other))
    let beyond = try filter("--adapter", "2:ward.gguf")
    #expect(beyond.status == 2 && beyond.errors.contains("--adapter 2:ward.gguf: there is no judge 2; 1 is named"))
    let missing = try filter("--adapter", folder.path + "/none.gguf")
    #expect(missing.status == 1 && missing.errors.contains("none.gguf"))
    #expect(try filter("--adapter", "1:none.gguf=x").status == 2)
  }

  @Test func badRowsAreNamed() throws {
    let path = try folder.file("bad.jsonl", Data("{\"question\": \"Q\", \"answer\": \"A\"}\n{\"question\": 1}\n".utf8))
    let arguments = ["filter", "-m", judge, "-c", "8192", path, "--out", out]
    let outcome = try run(arguments)
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("\(path), line 2: "))
    #expect(!FileManager.default.fileExists(atPath: out))
    #expect(try run(arguments + ["--skip-bad"]).status == 0)
    #expect(try rows(out).count == 1)
  }

  @Test(arguments: [
    (["--min", "beauty=3"], "--min beauty=3"), (["--min", "coherence=11"], "--min coherence=11"),
    (["--keep", "0"], "--keep 0.0"), (["--keep", "nan"], "--keep nan"), (["--labels", "x"], "--labels x"),
  ])
  func wrongUse(_ more: [String], _ message: String) throws {
    let outcome = try run(["filter", "-m", judge, pairs, "--out", out] + more)
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains(message))
  }

  @Test func generatedRowsGoOnToTheSameBytes() throws {
    let (whole, broken) = (folder.path + "/whole.jsonl", folder.path + "/broken.jsonl")
    func generate(_ path: String, _ more: String...) throws -> Outcome {
      try run(
        ["generate", "--count", "4", "--language", "en", "--prompt", "examples", "--max-tokens", "48", "--out", path]
          + more)
    }
    let outcome = try generate(whole)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("\(whole): 4 rows, 4 of them new"))
    #expect(try mode(whole) == 0o600)
    let bytes = try Data(contentsOf: URL(filePath: whole))
    let lines = bytes.split(separator: 10)
    try (Data(lines[0] + [10] + lines[1].prefix(30))).write(to: URL(filePath: broken))
    let resumed = try generate(broken, "--parallel", "3")
    #expect(resumed.status == 0, "\(resumed.errors)")
    #expect(resumed.errors.contains("\(broken): going on behind its 1 rows"))
    #expect(try Data(contentsOf: URL(filePath: broken)) == bytes)
    #expect(try generate(whole).output.contains("has 4 rows already; nothing to do"))
    let other = try generate(whole, "--seed", "9")
    #expect(other.status == 1)
    #expect(other.errors.contains("begun with another --seed"))
  }

  @Test func aModelThatWritesNothingNewIsGivenUp() throws {
    let outcome = try run(
      ["generate", "-m", judge, "-c", "8192", "--count", "2", "--patience", "3", "--max-tokens", "8", "--out", out])
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("gave up with 0 of 2 rows: the last 3 attempts brought nothing new"))
  }
}
