// The conversation from a script of lines: what is asked, kept, taken back and said.
import Foundation
import Testing

@testable import Console

@Suite struct ReplTests {
  @Test func asksWithTheConversationSoFar() throws {
    let held = try converse(["  one ", "", "   ", "/system Be brief.", "two"])
    #expect(held.engine.asked.count == 2)
    #expect(
      held.engine.asked.last == [
        Message(role: .system, content: "Be brief."), Message(role: .user, content: "one"),
        Message(role: .assistant, content: "<one>"), Message(role: .user, content: "two"),
      ])
    #expect(held.output.contains("<one>\n"))
    #expect(held.lines.remembered == ["  one ", "/system Be brief.", "two"])
  }

  @Test func aSlashAfterASpaceIsAMessage() throws {
    #expect(try converse([" /help is a command"]).engine.questions == ["/help is a command"])
  }

  @Test func quitEndsItAndCommandsThatAreNoneAreExplained() throws {
    let held = try converse(["/hlep", "/quit", "never asked"])
    #expect(held.engine.asked.isEmpty)
    #expect(held.output.contains("No command /hlep: did you mean /help?"))
  }

  @Test func assemblesBlocksAndGivesThemUp() throws {
    let fence = MessageBlock.fence
    let events: [LineEvent] = [
      .line(fence), .line("a"), .line("/quit"), .line("b\(fence)"), .line("\(fence)c"), .interrupted,
      .interrupted, .notUTF8, .line("d"),
    ]
    let held = try converse(events: events)
    #expect(held.engine.questions == ["a\n/quit\nb", "d"])
    #expect(held.output.contains("Message given up."))
    #expect(held.output.contains("That line is not UTF-8"))
    #expect(held.lines.prompts.prefix(3) == ["> ", "| ", "| "])
  }

  @Test func aPartialAnswerIsKeptAndMarked() throws {
    let held = try converse(["partly", "nothing", "fail", "next"])
    #expect(held.repl.conversation.exchanges.map(\.finish) == [.cancelled, .endOfText])
    #expect(held.repl.conversation.exchanges.map(\.question) == ["partly", "next"])
    #expect(held.output.contains("<partly>\n[stopped; what came stays"))
    #expect(held.output.contains("[stopped before the answer began"))
    #expect(held.output.contains("the stub failed\n"))
  }

  @Test func retryAsksAgainWithAnotherSeed() throws {
    let greedy = try converse(["one", "/retry", "/retry"])
    #expect(greedy.engine.questions == ["one", "one", "one"])
    #expect(greedy.repl.conversation.exchanges.count == 1)
    #expect(greedy.output.contains("Greedy decoding gives the same answer unless something was changed"))
    let sampled = try converse(["/set temperature 0.7", "one", "/retry", "/retry"])
    #expect(sampled.engine.settings[1].value == "9")
    let unanswered = try converse(["nothing", "/retry"])
    #expect(unanswered.engine.questions == ["nothing", "nothing"])
    #expect(try converse(["/retry"]).output.contains("no question to answer again"))
  }

  @Test func undoTakesBackInTurn() throws {
    let engine = StubEngine()
    let held = try converse(
      ["one", "two", "/clear", "three", "/undo", "/undo", "/undo", "four"], engine: engine)
    #expect(held.repl.conversation.exchanges.map(\.question) == ["one", "four"])
    #expect(engine.asked[2].count == 1)
    #expect(held.output.contains("2 exchanges brought back."))
    #expect(try converse(["/undo"]).output.contains("nothing to take back"))
  }

  @Test func settingsAreChangedAndRefused() throws {
    let held = try converse(["/set temperature=0.5", "/set seed many", "/set sede 1", "/set seed", "/set"])
    #expect(held.engine.settings[0].value == "0.5")
    #expect(held.output.contains("seed: many is no number\n"))
    #expect(held.output.contains("No setting sede: did you mean seed?\n"))
    #expect(held.output.contains("seed = 7: where sampling starts\n"))
    #expect(held.output.contains("threads      2    threads that compute\n"))
  }

  @Test func showsPromptStateAndStatistics() throws {
    let held = try converse(["/stats", "one", "/show", "/show prompt", "/stats", "/model"])
    #expect(held.output.contains("No answer yet.\n"))
    #expect(held.output.contains("Context: 16 of 400 tokens in use\n"))
    #expect(held.output.contains("<user>one<assistant><one>\n"))
    #expect(
      held.output.contains(
        "Last answer: 3 tokens read in 0.5 s (6.0 a second), 10 generated in 2.0 s (5.0 a second)\n"))
    #expect(held.output.contains("Fingerprint  0123abcd\n"))
  }

  @Test func statisticsTellOfDrafts() {
    var statistics = Statistics()
    var summary = AnswerSummary(
      finish: .endOfText, promptTokens: 9, reusedTokens: 4, readTokens: 5, answerTokens: 10, promptSeconds: 1,
      answerSeconds: 1, seed: 0)
    statistics.add(summary)
    #expect(statistics.lines.count == 3)
    summary.draftedTokens = 8
    summary.acceptedTokens = 6
    statistics.add(summary)
    #expect(statistics.lines[2] == "             6 of 8 drafted tokens came true")
  }

  @Test func controlCharactersDoNotReachTheTerminal() throws {
    let held = try converse(["a\u{1B}[2Jb"])
    #expect(!held.output.contains("\u{1B}"))
    #expect(held.output.contains("<a␛[2Jb>"))
    #expect(held.repl.conversation.exchanges.first?.answer == "<a\u{1B}[2Jb>")
  }
}

@Suite struct ContextOfferTests {
  /// An exchange takes 78 + 4 and 80 + 4 tokens: after two of them a third question makes 414.
  private let long = String(repeating: "x", count: 78)

  @Test func offersToLeaveTheOldestOut() throws {
    let held = try converse([long, long, long, "y", "/show"])
    #expect(held.output.contains("takes 414 tokens, and the context has room for 400"))
    #expect(
      held.lines.prompts.contains(
        "Leave the oldest exchange of 2 out from now on? [y]es, [c]lear all, [n]o: "))
    #expect(held.engine.asked.map(\.count) == [1, 3, 3])
    #expect(held.repl.conversation.exchanges.count == 3)
    #expect(held.output.contains("Conversation: 3 exchanges, the oldest 1 no longer given to the model\n"))
  }

  @Test func leavesEverythingWhenDeclined() throws {
    let held = try converse(events: [
      .line(long), .line(long), .line(long), .interrupted, .line("/retry"), .line("c"),
    ])
    #expect(held.engine.asked.map(\.count) == [1, 3, 1])
    #expect(held.repl.cleared?.exchanges.count == 2)
    #expect(held.output.contains("Nothing was dropped and nothing asked"))
  }

  @Test func anAttachedFileStaysWhenRoomIsMadeForIt() throws {
    try withFolder { folder in
      let note = "\(folder)/note"
      try Data(long.utf8).write(to: URL(fileURLWithPath: note))
      let held = try converse([long, long, long, "y", "/read \(note)", "nothing", "c", "/retry"])
      #expect(held.repl.cleared?.exchanges.count == 3)
      #expect(held.engine.questions.suffix(2).allSatisfy { $0.contains(long) && $0.hasSuffix("nothing") })
    }
  }

  @Test func saysWhenNothingHelps() throws {
    let held = try converse(["short", String(repeating: "x", count: 500)])
    #expect(held.engine.asked.count == 1)
    #expect(held.output.contains("It would not fit alone either, so nothing was asked."))
    #expect(!held.lines.prompts.contains { $0.contains("[y]es") })
  }
}

@Suite struct ReplFileTests {
  @Test func keepsTheConversationAndTakesItUp() throws {
    try withFolder { folder in
      let path = "\(folder)/s.json"
      let options = ReplOptions(sessionPath: path)
      _ = try converse(
        ["/set temperature 0.5", "/set threads 4", "/system Brief.", "one", "partly"], options: options)
      #expect(try permissions(path) == 0o600)
      let held = try converse(["two"], options: options)
      #expect(held.output.contains("Took up 2 exchanges from \(path).\n> partly\n<partly>\n"))
      #expect(held.engine.asked[0].map(\.content) == ["Brief.", "one", "<one>", "partly", "<partly>", "two"])
      #expect(held.engine.settings.map(\.value) == ["0.5", "7", "2"])
      #expect(try SessionFile(at: path).conversation.exchanges.count == 3)
      let fixed = ReplOptions(sessionPath: path, systemPrompt: "Long.", fixedSettings: ["temperature"])
      let overridden = try converse(["three"], options: fixed)
      #expect(overridden.engine.settings[0].value == "0")
      #expect(overridden.engine.asked[0][0].content == "Long.")
    }
  }

  @Test func aSessionBelongsToItsModel() throws {
    try withFolder { folder in
      let path = "\(folder)/s.json"
      _ = try converse(["one", "/save \(path)"])
      let other = StubEngine()
      other.modelDescription.name = "Stub-2"
      other.modelDescription.fingerprint = "4567cdef"
      let refusal = SessionError.otherModel(
        path: path, theirs: "Stub-1 (0123abcd)", ours: "Stub-2 (4567cdef)")
      #expect(throws: refusal) { try converse([], options: ReplOptions(sessionPath: path), engine: other) }
      let held = try converse(["/load \(path)", "/load \(path) --anyway", "two"], engine: other)
      #expect(held.output.contains("this conversation was held with Stub-1 (0123abcd), and Stub-2"))
      #expect(other.asked[0].count == 3)
    }
  }

  @Test func anotherModelEndsTheKeeping() throws {
    try withFolder { folder in
      let path = "\(folder)/s.json"
      let held = try converse(
        ["one", "/model none.gguf", "/model other.gguf", "two"], options: ReplOptions(sessionPath: path))
      #expect(held.output.contains("none.gguf: no such model\n"))
      #expect(held.output.contains("\(path) belongs to the model before and is no longer kept"))
      #expect(try SessionFile(at: path).conversation.exchanges.map(\.question) == ["one"])
      #expect(held.engine.asked[1].count == 3)
    }
  }

  @Test func loadingGoesOnInTheLoadedFile() throws {
    try withFolder { folder in
      let (first, second) = ("\(folder)/1.json", "\(folder)/2.json")
      _ = try converse(["one", "/save \(second)"])
      _ = try converse(["two", "/load \(second)", "three"], options: ReplOptions(sessionPath: first))
      #expect(try SessionFile(at: first).conversation.exchanges.map(\.question) == ["two"])
      #expect(try SessionFile(at: second).conversation.exchanges.map(\.question) == ["one", "three"])
    }
  }

  @Test func savingSparesOtherFiles() throws {
    try withFolder { folder in
      let path = "\(folder)/notes.txt"
      try Data("mine".utf8).write(to: URL(fileURLWithPath: path))
      let held = try converse(["/save \(path)", "/save", "/save \(folder)/no/s.json"])
      #expect(held.output.contains("Not saved: \(path): not a session file"))
      #expect(held.output.contains("Where to? /save FILE\n"))
      #expect(held.output.contains("Not saved: \(folder)/no/s.json: cannot be written: No such file"))
      #expect(try TextFile.text(at: path, limit: 10) == "mine")
    }
  }

  @Test func attachesFilesWhole() throws {
    try withFolder { folder in
      let path = "\(folder)/病史 一.txt"
      try Data("病人甲\n\n".utf8).write(to: URL(fileURLWithPath: path))
      let large = "\(folder)/large.txt"
      try Data(String(repeating: "x", count: 500).utf8).write(to: URL(fileURLWithPath: large))
      let held = try converse([
        "/read \(path)", "/read \(large)", "/read \(path)", "/undo", "nothing", "/retry", "why?",
      ])
      let message = "Document \"病史 一.txt\":\n\n病人甲\n\nwhy?"
      #expect(held.engine.questions.last == message)
      #expect(held.output.contains("病史 一.txt: 5 characters, 31 tokens of the context's 400"))
      #expect(
        held.output.contains("large.txt takes 529 tokens, and the context holds 400. It was not attached"))
      #expect(held.repl.documents.isEmpty)
    }
  }

  @Test func writesNothingUnlessAsked() async {
    // In a process of its own, because the working directory belongs to the whole process.
    await #expect(processExitsWith: .success) {
      try withFolder { folder in
        #expect(chdir(folder) == 0)
        _ = try converse(["one", "/clear", "/quit"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
      }
      exit(0)
    }
  }

  @Test func keepsTheInputHistoryWhenAsked() throws {
    try withFolder { folder in
      let options = ReplOptions(historyPath: "\(folder)/h")
      let held = try converse(["one", "/show"], options: options)
      #expect(held.lines.remembered == ["one", "/show"])
      #expect(try permissions("\(folder)/h") == 0o600)
      #expect(try converse([], options: options).lines.remembered == ["one", "/show"])
    }
  }
}
