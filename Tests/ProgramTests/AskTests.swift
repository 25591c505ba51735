// `hypnos ask`: one question, one answer, and the options that shape it.
import Foundation
import Testing

@Suite struct AskTests {
  static let question = "What is propofol?"

  @Test func answersAndSaysWhatWasCut() throws {
    let outcome = try Hypnos.run("ask", "--max-tokens", "8", AskTests.question)
    #expect(outcome.status == 0)
    #expect(outcome.lines.count == 1)
    #expect(outcome.output.hasSuffix("\n"))
    #expect(outcome.errors == "hypnos: the answer was cut after 8 tokens; --max-tokens allows more\n")
  }

  @Test func theObjectHoldsTheSameAnswer() throws {
    let text = try Hypnos.run("ask", "--max-tokens", "8", AskTests.question).output
    let outcome = try Hypnos.run("ask", "--max-tokens", "8", "--json", "--logprobs", AskTests.question)
    let answer = try jsonObject(outcome.output)
    #expect(outcome.status == 0)
    #expect(outcome.errors.isEmpty)
    #expect(try #require(answer["answer"] as? String) + "\n" == text)
    #expect(answer["finish"] as? String == "length")
    #expect(answer["answer_tokens"] as? Int == 8)
    #expect((answer["tokens"] as? [Int])?.count == 8)
    let logProbabilities = try #require(answer["logprobs"] as? [Double])
    #expect(logProbabilities.count == 8)
    #expect(logProbabilities.allSatisfy { $0 <= 0 && $0 > -20 })
  }

  @Test func aPipedDocumentIsPartOfTheQuestion() throws {
    let question = ["ask", "--max-tokens", "12", "--json", "Who is the patient?"]
    let without = try jsonObject(
      try Hypnos.run(question[0], question[1], question[2], question[3], question[4]).output)
    let with = try jsonObject(
      try Hypnos.run(
        question[0], question[1], question[2], question[3], question[4],
        input: "The patient is Anna Kowalski, 54 years old.\n"
      ).output)
    #expect(try #require(with["answer"] as? String).contains("Anna"))
    #expect(try #require(without["answer"] as? String).contains("Anna") == false)
    #expect(try #require(with["prompt_tokens"] as? Int) > #require(without["prompt_tokens"] as? Int) + 10)
  }

  @Test func aStopStringEndsTheAnswerBeforeIt() throws {
    let whole = try jsonObject(
      try Hypnos.run("ask", "--max-tokens", "12", "--json", AskTests.question).output)
    let text = try #require(whole["answer"] as? String)
    let words = text.split(separator: " ")
    let stop = String(words[3])
    let stopped = try jsonObject(
      try Hypnos.run("ask", "--max-tokens", "12", "--json", "--stop", stop, AskTests.question).output)
    #expect(stopped["finish"] as? String == "stop")
    let before = try #require(text.range(of: stop)).lowerBound
    #expect(stopped["answer"] as? String == String(text[..<before]))
  }

  @Test func draftsDoNotChangeTheAnswer() throws {
    let question = "Repeat word for word: The trachea was intubated at 08:15 with rocuronium 0.6 mg/kg."
    let answers = try ["auto", "off"].map {
      try Hypnos.run("ask", "--speculate", $0, "--max-tokens", "40", question).output
    }
    #expect(answers[0] == answers[1])
    #expect(try Hypnos.run("ask", "--speculate", "always", question).status == 2)
  }

  @Test func threadsDoNotChangeTheAnswer() throws {
    let answers = try ["1", "2", "7"].map {
      try Hypnos.run("ask", "-t", $0, "--max-tokens", "12", AskTests.question).output
    }
    #expect(answers[0].count > 10)
    #expect(Set(answers).count == 1)
  }

  @Test func kernelsDoNotChangeTheAnswer() throws {
    let report = try jsonObject(try Hypnos.run("inspect", "--json", Hypnos.checkpoint).output)
    let running = try #require(report["running it"] as? [String: Any])
    let kernels = try #require(running["kernels this processor runs"] as? [String])
    #expect(kernels.contains("scalar"))
    let answers = try kernels.map { name in
      let outcome = try Hypnos.run(
        "ask", "--max-tokens", "8", AskTests.question, environment: ["HYPNOS_CPU": name])
      #expect(outcome.status == 0)
      return outcome.output
    }
    #expect(Set(answers).count == 1)
  }

  @Test func unknownKernelsAreAnErrorThatListsTheOnesThereAre() throws {
    let outcome = try Hypnos.run("ask", AskTests.question, environment: ["HYPNOS_CPU": "mmx"])
    #expect(outcome.status == 1)
    #expect(outcome.output.isEmpty)
    #expect(outcome.errors.hasPrefix("hypnos: there are no kernels named \"mmx\" for this processor"))
    #expect(outcome.errors.contains("scalar"))
  }

  @Test func aSeedMakesDrawnAnswersRepeatable() throws {
    func drawn(_ seed: String) throws -> String {
      try Hypnos.run(
        "ask", "--temperature", "1.5", "--top-p", "1", "--seed", seed, "--max-tokens", "16", AskTests.question
      ).output
    }
    let first = try drawn("7")
    #expect(try drawn("7") == first)
    #expect(try drawn("8") != first)
  }

  @Test func aSystemPromptReachesTheModel() throws {
    let plain = try Hypnos.run("ask", "--json", "--max-tokens", "1", "Hi").output
    let instructed = try Hypnos.run(
      "ask", "--json", "--max-tokens", "1", "--system", "Answer in the style of a very old sailor.", "Hi"
    ).output
    let counts = try [plain, instructed].map { try #require(try jsonObject($0)["prompt_tokens"] as? Int) }
    #expect(counts[0] != counts[1])
  }

  @Test func whatDoesNotFitTheContextIsAnErrorWithTheCounts() throws {
    let outcome = try Hypnos.run("ask", "-c", "20", AskTests.question)
    #expect(outcome.status == 1)
    #expect(outcome.output.isEmpty)
    #expect(outcome.errors.contains("but the context has room for 19; shorten it"))
    let asked = try jsonObject(try Hypnos.run("ask", "--json", "--max-tokens", "1", AskTests.question).output)
    let tokens = try #require(asked["prompt_tokens"] as? Int)
    #expect(outcome.errors.contains("the text has \(tokens) tokens"))
  }

  @Test func anEmptyQuestionIsWrongUse() throws {
    let outcome = try Hypnos.run("ask", " ")
    #expect(outcome.status == 2)
    #expect(outcome.errors == "hypnos: the question is empty\n")
  }
}
