// Outputs are never what a run is made from, however they are spelled and whatever was said about replacing.
import Foundation
import GGUF
import Testing

@Suite struct OutputTests {
  private let folder: TemporaryFolder
  private let model, pairs: String

  init() throws {
    folder = try TemporaryFolder()
    model = folder.path + "/tiny.gguf"
    try TinyCheckpoint.write(to: model)
    pairs = try folder.file("pairs.jsonl", Data(#"{"id": "1", "question": "Q?", "answer": "A."}"#.utf8))
  }

  /// What a command is refused with that must change neither the model nor the pairs.
  private func refusal(_ arguments: [String]) throws -> String {
    let inputs = [model, pairs]
    let before = try inputs.map { try Data(contentsOf: URL(filePath: $0)) }
    let program = try PipedProgram(arguments)
    program.closeInput()
    let outcome = try program.finish()
    #expect(outcome.status == 1 && outcome.output.isEmpty)
    #expect(try inputs.map { try Data(contentsOf: URL(filePath: $0)) } == before)
    return outcome.errors
  }

  private var spelled: String { folder.path + "/./pairs.jsonl" }

  @Test func evaluationsKeepThemApart() throws {
    let command = ["eval", "-m", model, "--loss", pairs]
    #expect(try refusal(command + ["--report", model]).contains("\(model): is a model, which would be lost"))
    #expect(try refusal(command + ["--json", spelled]).contains("\(spelled): is read by this run, which"))
    #expect(try refusal(command + ["--json", folder.path]).contains("\(folder.path): is a folder"))
    let key = try folder.file("study.key.json", Data("{}".utf8))
    let rate = ["eval", "rate", "--collect", key, pairs, "--json", key]
    #expect(try refusal(rate).contains("\(key): is the key, which would be lost"))
  }

  @Test func filtersKeepThemApart() throws {
    let command = ["filter", "-m", model, pairs, "--force"]
    let out = folder.path + "/kept.jsonl"
    #expect(try refusal(command + ["--out", spelled]).contains("\(spelled): is filtered, which would be lost"))
    #expect(try refusal(command + ["--out", out, "--report", model]).contains("\(model): is a judge, which"))
    let missing = folder.path + "/none/rejected.jsonl"
    #expect(try refusal(command + ["--out", out, "--rejected", missing]).contains("cannot be written to the folder"))
    let twin = folder.path + "/./kept.jsonl"
    #expect(try refusal(command + ["--out", out, "--rejected", twin]).contains("\(twin): named for two outputs"))
  }

  @Test func generationsKeepThemApart() throws {
    let command = ["generate", "-m", model, "--count", "1", "--seeds", pairs, "--force"]
    #expect(try refusal(command + ["--out", model]).contains("\(model): is the model, which would be lost"))
    #expect(try refusal(command + ["--out", spelled]).contains("\(spelled): is read by this run, which"))
  }

  @Test func namesFromFilesDoNotSteerTheTerminal() throws {
    var writer = GGUFWriter()
    writer.set("general.architecture", .string("x\u{1B}[31m\u{1B}]0;title\u{7}"))
    let hostile = folder.path + "/hostile.gguf"
    try writer.write(to: hostile)
    for command in [["inspect", hostile], ["ask", "-m", hostile, "Hi"]] {
      let program = try PipedProgram(command)
      program.closeInput()
      let outcome = try program.finish()
      #expect(outcome.status == 1 && outcome.errors.contains("x␛[31m"))
      #expect(!(outcome.output + outcome.errors).unicodeScalars.contains { $0 == "\u{1B}" || $0 == "\u{7}" })
    }
    #expect(try Hypnos.run("inspect", "-c", "9223372036854775807", hostile).status == 2)
    let judge = "-9223372036854775808:\(pairs)"
    #expect(try Hypnos.run("filter", pairs, "--out", "x", "--adapter=\(judge)").status == 2)
  }
}
