// Which checkpoint is opened, and what is said of one that cannot be used.
import Foundation
import Testing

@Suite struct CheckpointTests {
  /// The whole message for the checkpoint at `path`, which must be refused with exit code 1 by every
  /// subcommand that opens one.
  private func refusal(_ path: String) throws -> String {
    let asked = try Hypnos.run("ask", "-m", path, "Say hi.")
    let inspected = try Hypnos.run("inspect", path)
    #expect(asked.status == 1 && inspected.status == 1)
    #expect(asked.output.isEmpty)
    #expect(asked.errors == inspected.errors)
    #expect(asked.errors.hasPrefix("hypnos: \(path): "))
    return asked.errors
  }

  @Test func whatIsNoCheckpointIsNamedAndExplained() throws {
    let folder = try TemporaryFolder()
    #expect(try refusal(folder.path + "/none.gguf").contains("no such file"))
    #expect(try refusal(folder.path).contains("is a directory"))
    #expect(try refusal(try folder.file("empty.gguf", Data())).contains("is empty"))
    let page = try folder.file("page.gguf", Data("<!DOCTYPE html>\n<html>".utf8))
    #expect(try refusal(page).contains("byte 0: is a text file, not a GGUF checkpoint"))
  }

  @Test func aCutCheckpointIsNamedWithTheByte() throws {
    let folder = try TemporaryFolder()
    let whole = try Data(contentsOf: URL(filePath: Hypnos.checkpoint), options: .alwaysMapped)
    for count in [3, 4, 23, 24, 1000, 5000, 1_000_000, 1_785_664, 20_000_000, whole.count - 1] {
      let path = try folder.file("cut.gguf", whole.prefix(count))
      #expect(try refusal(path).contains(/byte \d+/), "cut at \(count)")
    }
  }

  @Test(.enabled(if: geteuid() != 0, "root may read everything"))
  func aCheckpointThatMayNotBeReadIsNamed() throws {
    let folder = try TemporaryFolder()
    let path = try folder.file("closed.gguf", Data("GGUF".utf8))
    #expect(chmod(path, 0) == 0)
    #expect(try refusal(path).contains("ermission"))
  }

  @Test func aCheckpointThatShrinksInUseIsNamed() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/shrinks.gguf"
    try FileManager.default.copyItem(atPath: Hypnos.checkpoint, toPath: path)
    let program = try PipedProgram(["-m", path, "--jsonl", "--max-tokens", "4"])
    program.write("{\"question\": \"Say hi.\"}\n".utf8)
    _ = try program.nextLine()
    #expect(truncate(path, 4096) == 0)
    program.write("{\"question\": \"What is pain?\"}\n".utf8)
    program.closeInput()
    let outcome = try program.finish()
    #expect(outcome.status == 1)
    #expect(outcome.output.isEmpty)
    let start = "hypnos: \(path): the file shrank or became unreadable while in use (byte "
    #expect(outcome.errors.hasPrefix(start))
    #expect(outcome.errors.hasSuffix("). Restore it and start again.\n"))
  }

  @Test func withoutACheckpointItSaysWhereItLookedAndWhatToDo() throws {
    let folder = try TemporaryFolder()
    let copy = folder.path + "/hypnos"
    try FileManager.default.copyItem(atPath: Hypnos.path, toPath: copy)
    let program = try PipedProgram(
      ["ask", "Say hi."], environment: ["HYPNOS_MODEL": "", "HOME": folder.path], path: copy)
    program.closeInput()
    let outcome = try program.finish()
    #expect(outcome.status == 1)
    #expect(outcome.errors.hasPrefix("hypnos: there is no checkpoint to run."))
    let name = "SmolLM2-135M-Instruct.Q4_1.gguf"
    #expect(outcome.errors.contains("\(folder.path)/.local/share/hypnos/\(name)"))
    #expect(outcome.errors.contains("/Models/\(name)"))
    #expect(outcome.errors.contains("-m FILE.gguf or in $HYPNOS_MODEL"))
  }

  @Test func theUsersDataFolderAndTheProgramsAreLookedInto() throws {
    let name = "SmolLM2-135M-Instruct.Q4_1.gguf"
    let folder = try TemporaryFolder()
    let copy = folder.path + "/hypnos"
    try FileManager.default.copyItem(atPath: Hypnos.path, toPath: copy)
    for place in ["home/.local/share/hypnos", "Models"] {
      let models = folder.path + "/" + place
      try FileManager.default.createDirectory(atPath: models, withIntermediateDirectories: true)
      try FileManager.default.createSymbolicLink(
        atPath: models + "/" + name, withDestinationPath: Hypnos.checkpoint)
      let program = try PipedProgram(
        ["tokenize"], environment: ["HYPNOS_MODEL": "", "HOME": folder.path + "/home"], path: copy)
      program.write("Propofol".utf8)
      program.closeInput()
      #expect(try program.finish().output == "27355 1714 308\n")
      try FileManager.default.removeItem(atPath: models)
    }
  }
}
