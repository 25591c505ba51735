// Drafts: where they come from, how long they are, and that they change nothing but the time.
import Compute
import Testing

@testable import Generation

@Suite struct PromptLookupTests {
  private func lookup(_ tokens: [Int32]) -> PromptLookup {
    var lookup = PromptLookup()
    lookup.append(tokens[...])
    return lookup
  }

  @Test func whatFollowedBeforeIsExpectedAgain() {
    #expect(lookup([1, 2, 3, 4, 5, 6, 9, 1, 2, 3]).draft(3) == [4, 5, 6])
    #expect(lookup([1, 2, 3, 4, 5, 6, 9, 2, 3]).draft(2) == [4, 5])
  }

  @Test func threeTokensCountMoreThanTwo() {
    #expect(lookup([1, 2, 3, 4, 8, 2, 3, 5, 9, 1, 2, 3]).draft(1) == [4])
  }

  @Test func theLastOccurrenceCounts() {
    #expect(lookup([1, 2, 3, 4, 1, 2, 3, 5, 1, 2, 3]).draft(1) == [5])
  }

  @Test func aDraftGoesRoundBeyondTheEnd() {
    #expect(lookup([7, 1, 2, 3, 1, 2, 3]).draft(7) == [1, 2, 3, 1, 2, 3, 1])
    #expect(lookup([4, 4, 4]).draft(3) == [4, 4, 4])
  }

  @Test func theUnseenHasNoDraft() {
    for tokens: [Int32] in [[], [1], [1, 2], [1, 2, 3], [1, 2, 3, 2, 1], [1, 2, 3, 4, 3]] {
      #expect(lookup(tokens).draft(4).isEmpty)
    }
  }

  @Test func tokensMayComeInPieces() {
    var pieces = PromptLookup()
    let tokens: [Int32] = [1, 2, 3, 4, 5, 1, 2, 3]
    for token in tokens { pieces.append([token]) }
    #expect(pieces.draft(2) == lookup(tokens).draft(2))
    #expect(pieces.count == tokens.count)
  }
}

@Suite struct DraftPaceTests {
  /// A sketch holds no position of the batch that reads it.
  @Test func tokenAndDraftAreFewerThanAreNeverSketched() {
    #expect(1 + DraftPace.longest <= KeyValueSketch.newestPositions)
  }

  @Test func successMakesDraftsLonger() {
    var pace = DraftPace()
    for _ in 0..<10 {
      let isPaused = pace.isPaused()
      #expect(!isPaused)
      pace.record(drafted: pace.length, accepted: pace.length)
    }
    #expect(pace.length == DraftPace.longest)
  }

  @Test func failuresMakeThemShortAndRare() {
    var pace = DraftPace()
    var tries = 0
    for _ in 0..<1000 where !pace.isPaused() {
      tries += 1
      pace.record(drafted: pace.length, accepted: 0)
    }
    #expect(pace.length == 1)
    #expect((10...30).contains(tries))
    // One that comes true brings them back.
    while pace.isPaused() {}
    pace.record(drafted: 1, accepted: 1)
    let isPaused = pace.isPaused()
    #expect(!isPaused && pace.length > 1)
  }
}

@Suite struct SpeculationTests {
  private let model: DefaultModel

  init() throws {
    model = try DefaultModel()
  }

  private static let passage =
    "Propofol 2 mg/kg was given at 08:15, then rocuronium 0.6 mg/kg. The trachea was intubated at the first attempt."

  private static let questions = [
    "What is propofol?", "Repeat this text word for word: \(passage)",
    "Summarize: \(DefaultModel.note)", "Write the word yes two hundred times, separated by spaces.",
  ]

  @Test(arguments: questions, [Float(0), 0.7]) func answersAreTheSame(question: String, temperature: Float) throws {
    var options = GenerationOptions()
    options.maxTokens = 80
    options.keepsLogProbabilities = true
    options.sampling.temperature = temperature
    options.sampling.seed = 4
    let prompt = try model.prompt(question)
    let drafted = try model.transformer.answer(prompt, options)
    options.speculates = false
    let plain = try model.transformer.answer(prompt, options)
    #expect(Essence(drafted) == Essence(plain))
    #expect(plain.draftedTokens == 0 && plain.acceptedTokens == 0)
    #expect(drafted.acceptedTokens <= drafted.draftedTokens)
    if question.hasPrefix("Repeat"), temperature == 0 { #expect(drafted.acceptedTokens >= 10) }
  }

  @Test func limitsAndStopsHoldWithinADraft() throws {
    let prompt = try model.prompt(Self.questions[1])
    var options = GenerationOptions()
    options.sampling.repetitionPenalty = 1
    for maxTokens in [1, 2, 3, 20, 21, 22, 23, 24, 25, 26] {
      options.maxTokens = maxTokens
      try expectSame(prompt, options)
    }
    options.maxTokens = 60
    options.stops = ["rocuronium 0", "first attempt"]
    try expectSame(prompt, options)
    options.stops = []
    for context in prompt.count + 20...prompt.count + 30 { try expectSame(prompt, options, context: context) }
  }

  private func expectSame(_ prompt: [Int32], _ options: GenerationOptions, context: Int = 1024) throws {
    var plain = options
    plain.speculates = false
    let expected = Essence(try model.transformer.answer(prompt, plain, context: context))
    #expect(Essence(try model.transformer.answer(prompt, options, context: context)) == expected)
  }

  @Test func theSessionKeepsOnlyWhatWasAccepted() throws {
    var options = GenerationOptions()
    options.maxTokens = 40
    let session = Session(model: model.transformer, context: 1024)
    let first = try model.prompt(Self.questions[1])
    let answer = try Generator(session: session, options: options).answer(first) { _ in }
    #expect(answer.draftedTokens > answer.acceptedTokens)
    #expect(session.tokens.starts(with: first))
    #expect((first + answer.tokens).starts(with: session.tokens))
    let next = first + answer.tokens + (try model.prompt("Once more."))
    let continued = try Generator(session: session, options: options).answer(next) { _ in }
    #expect(continued.reusedTokens >= first.count + answer.tokens.count - 1)
    #expect(Essence(continued) == Essence(try model.transformer.answer(next, options)))
  }

  @Test func aBatchOfOneDraftsToo() throws {
    var options = GenerationOptions()
    options.maxTokens = 40
    let batch = BatchGenerator(
      model: model.transformer, context: 1024, options: options, limit: BatchLimit(sequences: 4))
    let prompt = try model.prompt(Self.questions[1])
    let ticket = try batch.submit(prompt)
    let answer = try #require(batch.finish()[ticket]).get()
    #expect(answer.acceptedTokens > 0)
    #expect(Essence(answer) == Essence(try model.transformer.answer(prompt, options)))
  }
}
