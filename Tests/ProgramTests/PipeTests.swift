// Questions from a pipe: lines, objects and whole texts, good and bad ones among each other.
import Foundation
import Testing

@Suite struct PipeTests {
  /// The answer to `question` on its own.
  private func answer(_ question: String, maxTokens: Int) throws -> String {
    let outcome = try Hypnos.run("ask", "--json", "--max-tokens", "\(maxTokens)", question)
    return try #require(try jsonObject(outcome.output)["answer"] as? String)
  }

  @Test func oneLineGivesJustTheAnswer() throws {
    let outcome = try Hypnos.run("--max-tokens", "8", input: "\n  \nSay hi.\n")
    #expect(outcome.status == 0)
    #expect(outcome.output == "\(try answer("Say hi.", maxTokens: 8))\n")
  }

  @Test func severalLinesGiveQuestionsAndAnswersInOrder() throws {
    let outcome = try Hypnos.run("--max-tokens", "8", input: "Say hi.\r\n\nWhat is pain?\nSay hi.")
    let hello = "Question: Say hi.\nAnswer: \(try answer("Say hi.", maxTokens: 8))\n\n"
    let pain = "Question: What is pain?\nAnswer: \(try answer("What is pain?", maxTokens: 8))\n\n"
    #expect(outcome.status == 0)
    #expect(outcome.output == hello + pain + hello)
    #expect(outcome.errors.contains("standard input, line 3: the answer was cut after 8 tokens"))
  }

  @Test func objectsAreAnsweredAndBadLinesReported() throws {
    let outcome = try Hypnos.run(
      "--jsonl", "--max-tokens", "8",
      input: """
        {"id": "first", "question": "Say hi."}
        nonsense
        {"messages": [{"role": "user", "content": "Say hi."}]}
        {"question": 3}

        [1, 2]
        {"id": 9}
        {"id": {"n": 1}, "question": "Say hi."}

        """)
    #expect(outcome.status == 1)
    let answers = try outcome.lines.map(jsonObject)
    #expect(answers.count == 3)
    #expect(answers[0]["id"] as? String == "first")
    #expect(answers[1]["id"] as? Int == 3)
    #expect(answers[2]["id"] as? [String: Int] == ["n": 1])
    let expected = try answer("Say hi.", maxTokens: 8)
    #expect(answers.allSatisfy { $0["answer"] as? String == expected && $0["finish"] as? String == "length" })
    let complaints = outcome.errors.split(separator: "\n")
    #expect(complaints.count == 5)
    #expect(complaints[0].hasPrefix("hypnos: standard input, line 2: "))
    #expect(complaints[1] == "hypnos: standard input, line 4: \"question\" is not a string")
    #expect(complaints[2] == "hypnos: standard input, line 6: is not a JSON object")
    #expect(complaints[3] == "hypnos: standard input, line 7: has neither \"question\" nor \"messages\"")
    #expect(complaints[4] == "hypnos: 4 of 7 questions could not be answered")
  }

  @Test func theWholeInputCanBeOneQuestion() throws {
    let text = "Name a color.\nName an animal.\n"
    let outcome = try Hypnos.run("--whole", "--max-tokens", "8", input: text)
    #expect(outcome.status == 0)
    #expect(outcome.output == "\(try answer(text, maxTokens: 8))\n")
    #expect(!outcome.output.contains("Question:"))
  }

  /// What some editors write before a text is no part of the question.
  @Test func aByteOrderMarkIsNoPartOfAQuestion() throws {
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    let null = try Hypnos.run(
      "--jsonl", "--max-tokens", "8", input: mark + Array(#"{"question": "Say hi.", "messages": null}"#.utf8))
    #expect(null.status == 0 && null.lines.count == 1)
    let outcome = try Hypnos.run("--max-tokens", "8", input: mark + Array("Say hi.\n".utf8))
    #expect(outcome.output == "\(try answer("Say hi.", maxTokens: 8))\n")
    let nothing = try Hypnos.run(input: mark)
    #expect(nothing.status == 2 && nothing.errors == "hypnos: standard input holds no question\n")
  }

  @Test func objectsThatAreNoQuestionAreRefused() throws {
    let lines = [
      #"{"id": 12345678901234567890, "question": "Hi"}"#, #"{"id": [{"n": 1e300}], "question": "Hi"}"#,
      #"{"question": " "}"#,
      #"{"question": "Hi", "messages": []}"#, #"{"messages": [{"role": "robot", "content": "Hi"}]}"#, #"{"id" 3}"#,
    ]
    let outcome = try Hypnos.run("--jsonl", input: Array(lines.joined(separator: "\n").utf8))
    #expect(outcome.status == 1 && outcome.output.isEmpty)
    let reasons = [
      #""id" has too large a number to be given back as it is; write it as a string"#,
      #""id" has too large a number"#, #""question" is empty"#,
      #"has both "question" and "messages"; which is meant?"#, #"message 1 has the role "robot"; it can be "system""#,
      "column 7: expected ':'",
    ]
    for (complaint, (line, reason)) in zip(outcome.errors.split(separator: "\n"), zip(1..., reasons)) {
      #expect(complaint.hasPrefix("hypnos: standard input, line \(line): \(reason)"))
    }
  }

  @Test func bytesThatAreNoTextAreReportedAndTheRestAnswered() throws {
    let input =
      Array("one\0two\nab".utf8) + [0xFF] + Array("\n".utf8) + [0xE4, 0xBD, 0x0A] + Array("Say hi.\n".utf8)
    let outcome = try Hypnos.run("--max-tokens", "8", input: input)
    #expect(outcome.status == 1)
    #expect(outcome.output == "Question: Say hi.\nAnswer: \(try answer("Say hi.", maxTokens: 8))\n\n")
    let complaints = outcome.errors.split(separator: "\n")
    let line = "hypnos: standard input, line"
    #expect(complaints[0] == "\(line) 1: holds a NUL byte at byte 3; convert it to UTF-8 text")
    #expect(complaints[1] == "\(line) 2: holds bytes that are not UTF-8 at byte 2; convert it to UTF-8 text")
    #expect(complaints[2] == "\(line) 3: holds bytes that are not UTF-8 at byte 0; convert it to UTF-8 text")
    #expect(complaints.last == "hypnos: 3 of 4 questions could not be answered")
  }

  @Test func aDocumentOrWholeInputThatIsNoTextIsAnError() throws {
    for arguments in [["ask", "What is it?"], ["--whole", "--max-tokens"]] {
      let outcome = try Hypnos.run(
        arguments[0], arguments[1], arguments[0] == "ask" ? "--max-tokens=8" : "8",
        input: Array("note".utf8) + [0xC3, 0x28])
      #expect(outcome.status == 1)
      #expect(outcome.output.isEmpty)
      #expect(outcome.errors.contains("standard input holds bytes that are not UTF-8 at byte 4"))
    }
  }

  @Test func aLineOfTenMegabytesIsCountedNotCut() throws {
    let line = String(repeating: "2 mg/kg ", count: 10_000_000 / 8)
    let outcome = try Hypnos.run("-c", "64", "--max-tokens", "8", input: line + "\nSay hi.\n")
    #expect(outcome.status == 1)
    #expect(outcome.output == "Question: Say hi.\nAnswer: \(try answer("Say hi.", maxTokens: 8))\n\n")
    let pattern = /hypnos: standard input, line 1: the text has (\d+) tokens, but the context has room for 63/
    let match = try #require(outcome.errors.firstMatch(of: pattern))
    #expect(try #require(Int(match.1)) > 1_000_000)
    #expect(outcome.errors.hasSuffix("hypnos: 1 of 2 questions could not be answered\n"))
  }

  @Test func aLineBeyondTheBoundIsRefusedAndTheRestAnswered() throws {
    let line = [UInt8](repeating: UInt8(ascii: "a"), count: (16 << 20) + 1)
    let outcome = try Hypnos.run("--max-tokens", "8", input: line + Array("\nSay hi.\n".utf8))
    #expect(outcome.status == 1)
    #expect(outcome.output == "Question: Say hi.\nAnswer: \(try answer("Say hi.", maxTokens: 8))\n\n")
    #expect(outcome.errors.hasPrefix("hypnos: standard input, line 1: is longer than 16 MiB\n"))
  }

  @Test(arguments: [false, true]) func eachAnswerComesBeforeTheNextQuestion(inputReturnsAtOnce: Bool) throws {
    let program = try PipedProgram(["--jsonl", "--max-tokens", "4"], inputReturnsAtOnce: inputReturnsAtOnce)
    for id in 1...3 {
      program.write("{\"id\": \(id), \"question\": \"Say hi.\"}\n".utf8)
      #expect(try jsonObject(try program.nextLine())["id"] as? Int == id)
    }
    program.closeInput()
    #expect(try program.finish().status == 0)
  }

  @Test(arguments: ["1", "3", "64"]) func manyAtOnceAreAnsweredInOrder(parallel: String) throws {
    let questions = ["Say hi.", "What is pain?", "Name a color.", "What is 1 + 1?", "Say hi."]
    let expected = try questions.map { try answer($0, maxTokens: 12) }
    var lines = questions.enumerated().map { "{\"id\": \($0), \"question\": \"\($1)\"}" }
    lines.insert("{\"id\": 9}", at: 2)
    lines.insert("{\"question\": \"\(String(repeating: "2 mg ", count: 200))\"}", at: 4)
    let outcome = try Hypnos.run(
      "--jsonl", "--parallel", parallel, "-c", "256", "--max-tokens", "12",
      input: lines.joined(separator: "\n"))
    #expect(outcome.status == 1)
    let answers = try outcome.lines.map(jsonObject)
    #expect(answers.map { $0["id"] as? Int } == [0, 1, 2, 3, 4])
    #expect(answers.map { $0["answer"] as? String } == expected)
    let complaints = outcome.errors.split(separator: "\n")
    #expect(complaints.count == 3)
    #expect(complaints[0].hasPrefix("hypnos: standard input, line 3: "))
    #expect(complaints[1].hasPrefix("hypnos: standard input, line 5: the text has "))
    #expect(complaints[2] == "hypnos: 2 of 7 questions could not be answered")
  }

  @Test func drawnAnswersAreThoseGivenAlone() throws {
    let questions = ["Say hi.", "What is pain?", "Name a color."]
    let expected = try questions.map {
      let outcome = try Hypnos.run(
        "ask", "--json", "--max-tokens", "12", "--temperature", "0.9", "--seed", "7", $0)
      return try jsonObject(outcome.output)["answer"] as? String
    }
    let outcome = try Hypnos.run(
      "--jsonl", "--max-tokens", "12", "--temperature", "0.9", "--seed", "7",
      input: questions.map { "{\"question\": \"\($0)\"}\n" }.joined())
    #expect(try outcome.lines.map { try jsonObject($0)["answer"] as? String } == expected)
  }

  @Test func aLineInPiecesIsWaitedFor() throws {
    let program = try PipedProgram(["--jsonl", "--max-tokens", "4"])
    program.write("{\"id\": 1, \"question\": \"Say hi.\"}\n{\"id\": 2, ".utf8)
    #expect(try jsonObject(try program.nextLine())["id"] as? Int == 1)
    program.write("\"question\": \"Say hi.\"}".utf8)
    program.closeInput()
    #expect(try jsonObject(try program.nextLine())["id"] as? Int == 2)
    #expect(try program.finish().status == 0)
  }

  @Test func aBadLineIsReportedWhileTheInputIsOpen() throws {
    let program = try PipedProgram(["--jsonl", "--max-tokens", "4"])
    program.write("nonsense\n{\"id\": 2, \"question\": \"Say hi.\"}\n".utf8)
    #expect(try jsonObject(try program.nextLine())["id"] as? Int == 2)
    program.closeInput()
    #expect(try program.finish().status == 1)
  }

  @Test func parallelIsBoundedAndForPipedLines() throws {
    for value in ["0", "65", "-1"] {
      let outcome = try Hypnos.run("--parallel=\(value)", input: "Say hi.\n")
      #expect(outcome.status == 2)
      #expect(outcome.errors.contains("--parallel \(value): it can be 1 to 64"))
    }
    let outcome = try Hypnos.run("--whole", "--parallel", "2", input: "Say hi.\n")
    #expect(outcome.status == 2)
    #expect(outcome.errors == "hypnos: --parallel is for piped questions, a line each\n")
  }

  @Test func aReaderThatLeavesEndsTheProgramQuietly() throws {
    let program = try PipedProgram(["--max-tokens", "4"])
    program.write(String(repeating: "Say hi.\n", count: 20).utf8)
    program.closeInput()
    #expect(try program.nextLine() == "Question: Say hi.")
    program.closeOutput()
    let outcome = try program.finish()
    #expect(outcome.status == 0)
    #expect(!outcome.errors.contains("rror") && !outcome.errors.contains("ipe"))
  }

  @Test func interruptedWhileNobodyReadsItEnds() throws {
    // One page of a pipe: the second answer finds no room.
    let program = try PipedProgram(["--jsonl", "--max-tokens", "2", "--parallel", "1"], outputPages: 1)
    program.write(String(repeating: "{\"question\": \"Say hi.\"}\n", count: 200).utf8)
    program.closeInput()
    try program.waitForOutput()
    program.send(SIGTERM)
    #expect(try program.finishUnread().status == 130)
  }

  @Test func aFullOutputIsNoFaultOfTheQuestion() throws {
    let command = "echo 'Say hi.' | '\(Hypnos.path)' --max-tokens 4 > /dev/full"
    let program = try PipedProgram(["-c", command], path: "/bin/sh")
    program.closeInput()
    let outcome = try program.finish()
    #expect(outcome.status == 1)
    #expect(outcome.errors.hasSuffix("hypnos: standard output: No space left on device\n"))
    #expect(!outcome.errors.contains("line 1"))
  }

  @Test func helpThatFindsNoRoomIsAFailure() throws {
    let program = try PipedProgram(["-c", "'\(Hypnos.path)' --help > /dev/full"], path: "/bin/sh")
    program.closeInput()
    let outcome = try program.finish()
    #expect(outcome.status == 1)
    #expect(outcome.errors == "hypnos: standard output: No space left on device\n")
  }

  @Test func noQuestionIsWrongUse() throws {
    for input in ["", "\n \n"] {
      let outcome = try Hypnos.run(input: input)
      #expect(outcome.status == 2)
      #expect(outcome.errors == "hypnos: standard input holds no question\n")
    }
  }

  @Test func aSessionNeedsATerminal() throws {
    let outcome = try Hypnos.run("--session", "kept.json", input: "Say hi.\n")
    #expect(outcome.status == 2)
    #expect(outcome.errors == "hypnos: --session and --history are for a conversation on a terminal\n")
  }
}
