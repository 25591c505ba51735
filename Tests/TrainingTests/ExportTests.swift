import Common
import Foundation
import Testing
import Text

@testable import Training

/// The exported job: the same rows on the same sides, the settings, and files that only their owner can read.
@Suite struct ExportTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func dataset(_ path: String, sequenceLength: Int = 64) throws -> Dataset {
    var options = Dataset.Options()
    options.heldOut = .fraction(0.3)
    options.skipsBadRows = true
    return try Dataset(reading: [path], maker: toyMaker(sequenceLength: sequenceLength), options: options)
  }

  private func job(_ datasets: [Dataset]) throws -> ExportJob {
    let stages = datasets.enumerated().map {
      ExportJob.Stage(name: "stage \($0.offset)", dataset: $0.element, epochs: 2, learningRate: 2e-4)
    }
    var settings = ExportSettings()
    settings.rank = 8
    settings.lastLayers = 3
    settings.seed = .max
    return ExportJob(
      stages: stages, settings: settings, baseName: "Toy", tokenizer: try Toy.tokenizer(),
      template: ChatTemplate.builtIn("chatml"))
  }

  @Test func theRowsReadBackAreTheSameExamplesOnTheSameSides() throws {
    let note = String(repeating: "麻醉与丙泊酚。", count: 12)
    var lines = (0..<12).map { #"{"question": "Q", "answer": "a\#($0)\n\"é\""}"# }
    lines += ["{", lines[0], #"{"prompt": "P", "completion": "C"}"#]
    lines.append(#"{"instruction": "I", "input": "x", "output": "O"}"#)
    lines.append(
      #"{"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "Q"}, "#
        + #"{"role": "assistant", "content": "A"}]}"#)
    try folder.write("data/rows.jsonl", lines.joined(separator: "\n"))
    try folder.write("data/note.md", note)
    let data = try dataset(folder.path + "/data")
    #expect(data.heldOut.count > 1)
    let target = folder.path + "/job"
    try job([data]).write(to: target)

    for (name, examples) in [("train", data.training), ("validation", data.heldOut)] {
      let again = try Dataset(
        reading: ["\(target)/\(name).jsonl"], maker: toyMaker(sequenceLength: 65))
      #expect(Set(again.training.map(\.tokens)) == Set(examples.map(\.tokens)))
      #expect(again.report.files[0].duplicates == 0)
    }
    let names = ["README.md", "job.json", "template.jinja", "train.jsonl", "train.py", "validation.jsonl"]
    #expect(try FileManager.default.contentsOfDirectory(atPath: target).sorted() == names)
    for name in names {
      let attributes = try FileManager.default.attributesOfItem(atPath: target + "/" + name)
      #expect(attributes[.posixPermissions] as? Int == 0o600)
    }
    #expect(throws: WritingError(path: target, code: EEXIST)) { try job([data]).write(to: target) }
  }

  @Test func settingsAndStages() throws {
    let general = try dataset(folder.write("general.jsonl", #"{"question": "Q", "answer": "A"}"#))
    let specific = try dataset(folder.write("specific.jsonl", #"{"question": "R", "answer": "B"}"#))
    let target = folder.path + "/job"
    try job([general, specific]).write(to: target)
    let json = try JSONValue(parsing: String(contentsOfFile: target + "/job.json", encoding: .utf8))
    #expect(json["settings"]?["rank"] == 8)
    #expect(json["settings"]?["last_layers"] == 3)
    #expect(json["settings"]?["seed"] == 4_294_967_295)
    #expect(json["settings"]?["schedule"] == "cosine")
    #expect(json["stages"]?.array?.compactMap { $0["train"]?.string } == ["train-1.jsonl", "train-2.jsonl"])
    #expect(json["stages"]?.array?.compactMap { $0["learning_rate"]?.number } == [2e-4, 2e-4])
    let rows = try String(contentsOfFile: target + "/train-2.jsonl", encoding: .utf8)
    #expect(
      rows == #"{"messages":[{"role":"user","content":"R"},{"role":"assistant","content":"B"}]}"# + "\n")
  }
}
