// The conversation at a terminal, as a person has it: typing, pasting, Ctrl-C and Ctrl-D.
import Foundation
import Testing

@Suite struct ReplTests {
  @Test func opensAnswersAndLeaves() throws {
    let terminal = try TerminalProgram("--max-tokens", "8")
    let opening = try terminal.waitForPrompt()
    #expect(opening.contains("hypnos · Smollm2 135M 8k Lc100K Mix1 Ep2 · "))
    #expect(opening.contains("· 135M"))
    #expect(opening.contains("Context 8,192 tokens · kernels "))
    #expect(opening.contains("Answers are a reference, not an order: check them before you act on them."))
    let asked = try Hypnos.run("ask", "--max-tokens", "8", "What is propofol?")
    terminal.type("What is propofol?\r")
    try terminal.wait(for: "What is propofol?")
    let answer = try terminal.waitForPrompt()
    #expect(answer.contains(asked.lines[0]))
    #expect(answer.contains("[ended by max-tokens; /set max-tokens changes it]"))
    terminal.type("\u{4}")
    #expect(try terminal.finish() == 0)
  }

  @Test func commandsAreExplained() throws {
    let terminal = try TerminalProgram()
    try terminal.waitForPrompt()
    terminal.type("/help\r")
    try terminal.wait(for: "/help [COMMAND]")
    let help = try terminal.wait(for: "at the prompt, clears the line")
    for command in [
      "system", "model", "adapter", "set", "show", "retry", "undo", "clear", "save", "load", "read", "stats", "quit",
    ] {
      #expect(help.contains("/\(command)"))
    }
    terminal.type("/hepl\r")
    try terminal.wait(for: "did you mean /help?")
    terminal.type("/read \(Hypnos.checkpoint)\r")
    try terminal.wait(for: "larger than 8,388,608 bytes")
    terminal.type("/quit\r")
    #expect(try terminal.finish() == 0)
  }

  @Test func wideCharactersAreEditedWhole() throws {
    let terminal = try TerminalProgram()
    try terminal.waitForPrompt()
    // Two left, backspace deletes the third character from the right.
    terminal.type("/system 你好世界\u{1B}[D\u{1B}[D\u{7F}大\r")
    try terminal.wait(for: "System prompt set.")
    terminal.type("/system\r")
    try terminal.wait(for: "System prompt: 你大世界")
    try terminal.waitForPrompt()
    terminal.type("\u{4}")
    #expect(try terminal.finish() == 0)
  }

  @Test func interruptsEndTheLineOrTheAnswer() throws {
    // With the slowest kernels the answer still goes on when a busy machine gets to the second Ctrl-C.
    let terminal = try TerminalProgram(environment: ["HYPNOS_CPU": "scalar"])
    try terminal.waitForPrompt()
    terminal.type("abandoned")
    try terminal.wait(for: "abandoned")
    terminal.type("\u{3}")
    try terminal.waitForPrompt()
    terminal.type("Write a long story about a ship and its captain.\r")
    try terminal.wait(for: "captain.")
    try terminal.wait(for: "a")
    terminal.type("\u{3}")
    try terminal.wait(for: "[stopped; what came stays in the conversation, /undo takes it back]")
    try terminal.waitForPrompt()
    terminal.type("/show\r")
    try terminal.wait(for: "Conversation: 1 exchange")
    try terminal.waitForPrompt()
    terminal.type("/undo\r")
    try terminal.wait(for: "Taken back: Write a long story about a ship and its captain.")
    try terminal.waitForPrompt()
    terminal.type("\u{4}")
    #expect(try terminal.finish() == 0)
  }

  @Test func aPasteOfSeveralLinesIsOneMessage() throws {
    let folder = try TemporaryFolder()
    let session = folder.path + "/session.json"
    let terminal = try TerminalProgram("--session", session, "--max-tokens", "4")
    try terminal.waitForPrompt()
    terminal.type("\u{1B}[200~first line\rsecond line\r/quit\u{1B}[201~\r")
    try terminal.wait(for: "[ended by max-tokens")
    try terminal.waitForPrompt()
    terminal.type("\u{4}")
    #expect(try terminal.finish() == 0)
    let kept = try jsonObject(String(contentsOfFile: session, encoding: .utf8))
    let messages = try #require(kept["messages"] as? [[String: Any]])
    #expect(messages.map { $0["role"] as? String } == ["user", "assistant"])
    #expect(messages[0]["content"] as? String == "first line\nsecond line\n/quit")
  }

  @Test func aSessionIsPrivateAndTakenUpAgain() throws {
    let folder = try TemporaryFolder()
    let session = folder.path + "/session.json"
    let first = try TerminalProgram("--session", session, "--max-tokens", "4")
    try first.waitForPrompt()
    first.type("Say hi.\r")
    try first.wait(for: "[ended by max-tokens")
    try first.waitForPrompt()
    first.type("\u{4}")
    #expect(try first.finish() == 0)
    let mode = try FileManager.default.attributesOfItem(atPath: session)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["session.json"])

    let second = try TerminalProgram("--session", session, "--max-tokens", "4")
    try second.wait(for: "Took up 1 exchange from \(session).")
    try second.wait(for: "> Say hi.")
    try second.waitForPrompt()
    second.type("\u{4}")
    #expect(try second.finish() == 0)
  }

  @Test func aDamagedSessionFileIsRefused() throws {
    let folder = try TemporaryFolder()
    let session = try folder.file("session.json", Data("{\"version\": 1, \"messages\": 7}".utf8))
    let terminal = try TerminalProgram("--session", session)
    try terminal.wait(for: "hypnos: \(session): not a session file: ")
    #expect(try terminal.finish() == 1)
  }

  @Test func colourCanBeTurnedOff() throws {
    func opening(_ environment: [String: String]) throws -> String {
      let terminal = try TerminalProgram(environment: environment)
      let opening = try terminal.wait(for: "Ctrl-D leaves.")
      try terminal.waitForPrompt()
      terminal.type("\u{4}")
      #expect(try terminal.finish() == 0)
      return opening
    }
    let coloured = try opening([:])
    #expect(coloured.contains("\u{1B}[1mhypnos"))
    #expect(try !opening(["NO_COLOR": "1"]).contains("\u{1B}["))
    #expect(try !opening(["TERM": "dumb"]).contains("\u{1B}["))
  }
}
