// Many prompts at once: each gets the answer it gets alone, whatever the company.
import Model
import Testing

@testable import Compute
@testable import Generation

@Suite struct BatchTests {
  private let model: DefaultModel
  private var options = GenerationOptions()

  init() throws {
    model = try DefaultModel()
    options.maxTokens = 24
    options.keepsLogProbabilities = true
  }

  private func batch(_ limit: Int, context: Int = 1024) -> BatchGenerator {
    BatchGenerator(
      model: model.transformer, context: context, options: options, limit: BatchLimit(sequences: limit))
  }

  private static let questions = [
    "Name three colors.", "What is pain? Explain it to a child in one sentence.", "Say hi.",
    "Write about this: \(DefaultModel.note)", "Say hi.", "What is 1 + 1?",
  ]

  @Test(arguments: [Float(0), 0.8]) func answersAreThoseGivenAlone(temperature: Float) throws {
    var options = options
    options.sampling.temperature = temperature
    options.sampling.seed = 9
    options.stops = [" the"]
    let prompts = try Self.questions.map { try model.prompt($0) }
    let alone = try prompts.map { Essence(try model.transformer.answer($0, options)) }
    #expect(Set(alone.map(\.tokens.count)).count > 2)
    #expect(Set(alone.map(\.finish)).count > 1 && alone.contains { $0.finish == .stop })
    for limit in [1, 3, 16] {
      let batch = BatchGenerator(
        model: model.transformer, context: 1024, options: options, limit: BatchLimit(sequences: limit))
      let tickets = try prompts.map { try batch.submit($0) }
      let results = batch.finish()
      #expect(try tickets.map { Essence(try #require(results[$0]).get()) } == alone, "\(limit) at once")
    }
  }

  @Test func whoComesLaterChangesNothing() throws {
    let prompts = try Self.questions.map { try model.prompt($0) }
    let alone = try prompts.map { Essence(try model.transformer.answer($0, options)) }
    let batch = batch(4)
    var tickets: [Int] = []
    var results: [Int: Result<Answer, any Error>] = [:]
    for prompt in prompts {
      tickets.append(try batch.submit(prompt))
      for _ in 0..<5 {
        for result in batch.step() { results[result.ticket] = result.answer }
      }
    }
    results.merge(batch.finish()) { $1 }
    #expect(try tickets.map { Essence(try #require(results[$0]).get()) } == alone)
  }

  @Test func aLongBeginningIsComputedOnce() throws {
    let questions = ["Was there hypotension?", "Name the lowest value.", "Was there hypotension?", "Thanks!"]
    let prompts = try questions.map { try model.prompt($0, system: DefaultModel.note) }
    let shared = prompts[0].commonPrefixLength(prompts[3])
    #expect(shared > 256)
    let alone = try prompts.map { Essence(try model.transformer.answer($0, options)) }
    let batch = batch(8)
    let tickets = try prompts.dropLast().map { try batch.submit($0) }
    var results = batch.finish()
    // The last one comes when all others have left.
    let late = try batch.submit(prompts[3])
    results.merge(batch.finish()) { $1 }
    let answers = try (tickets + [late]).map { try #require(results[$0]).get() }
    #expect(answers.map(Essence.init) == alone)
    #expect(answers[0].reusedTokens == 0)
    // For a few tokens none waits until the first has computed them.
    #expect(answers.dropFirst().allSatisfy { $0.reusedTokens > shared - 16 })
    #expect(answers[2].reusedTokens == prompts[2].count - 1)
  }

  @Test func aConversationGoesOnWhereItWas() throws {
    let batch = batch(2)
    let first = try model.prompt("Say hi.")
    let ticket = try batch.submit(first)
    let answer = try #require(batch.finish()[ticket]).get()
    let next = first + answer.tokens + (try model.prompt("And again."))
    let second = try #require(batch.finish(after: try batch.submit(next))).get()
    // An end token is chosen behind the last of the answer, which then is in the cache too.
    #expect(second.reusedTokens == first.count + answer.tokens.count - (answer.finish == .end ? 0 : 1))
    #expect(Essence(second) == Essence(try model.transformer.answer(next, options)))
  }

  @Test func aPromptThatDoesNotFitIsRefused() throws {
    let batch = batch(4, context: 64)
    let long = [Int32](repeating: 5, count: 64)
    #expect(throws: ContextExceeded(tokens: 64, available: 63)) { try batch.submit(long) }
    #expect(batch.isIdle)
    let ticket = try batch.submit(Array(long.dropLast()))
    let answer = try #require(batch.finish()[ticket]).get()
    #expect(answer.tokens.count == 1 && answer.finish == .context)
  }

  @Test func weightsAreCopiedForManyWhereThereIsMemory() throws {
    let prompts = try Self.questions.map { try model.prompt($0) }
    for (count, bytes, isCopied) in [(4, Int.max, false), (5, 1 << 20, false), (5, .max, true)] {
      let transformer = Transformer(model.transformer.checkpoint, threads: 1)
      let batch = BatchGenerator(
        model: transformer, context: 1024, options: options, limit: BatchLimit(sequences: 8, weightBytes: bytes))
      for prompt in prompts.prefix(count) { _ = try batch.submit(prompt) }
      _ = batch.finish()
      #expect((transformer.engine.copies(count: 5) != nil) == isCopied, "\(count) sequences, \(bytes) bytes")
    }
  }

  @Test func littleMemoryMeansFewAtOnce() throws {
    let prompts = try Self.questions.map { try model.prompt($0) }
    let alone = try prompts.map { Essence(try model.transformer.answer($0, options)) }
    let batch = BatchGenerator(
      model: model.transformer, context: 1024, options: options, limit: BatchLimit(sequences: 8, cacheBytes: 1))
    let tickets = try prompts.map { try batch.submit($0) }
    var order: [Int] = []
    var results: [Int: Result<Answer, any Error>] = [:]
    while !batch.isIdle {
      for result in batch.step() {
        order.append(result.ticket)
        results[result.ticket] = result.answer
      }
    }
    #expect(order == tickets)
    #expect(try tickets.map { Essence(try #require(results[$0]).get()) } == alone)
  }

  @Test(arguments: [(bytes: Int.max, reused: 99), (bytes: 0, reused: 0)])
  func theCacheOfOneThatEndedGoesWhereMemoryIsShort(_ memory: (bytes: Int, reused: Int)) throws {
    let long = (0..<600).map { Int32(300 + $0 * 7 % 1000) }
    let prompts = [long, [1, 70, 71], [1, 80, 81], Array(long[..<100])]
    // Room for the others, not for the long one beside them.
    let positions = prompts.dropFirst().reduce(0) { $0 + $1.count + options.maxTokens }
    let bytes = max(memory.bytes, model.transformer.cacheBytes(positions: positions))
    let batch = BatchGenerator(
      model: model.transformer, context: 1024, options: options, limit: BatchLimit(sequences: 3, cacheBytes: bytes))
    var short = options
    short.maxTokens = 1
    _ = try batch.submit(long, options: short)
    while batch.step().isEmpty {}
    for prompt in prompts[1...2] { _ = try batch.submit(prompt) }
    _ = batch.step()
    let ticket = try batch.submit(prompts[3])
    #expect(try #require(batch.finish(after: ticket)).get().reusedTokens == memory.reused)
  }

  @Test func oneThatFailsTakesNoOtherWithIt() throws {
    let broken = try BrokenToken()
    var options = options
    options.maxTokens = 6
    let prompts: [[Int32]] = [[1, 70, 71], [1, 80, BrokenToken.token, 81], [1, 90, 91, 92]]
    let batch = BatchGenerator(
      model: broken.transformer, context: 64, options: options, limit: BatchLimit(sequences: 4))
    let tickets = try prompts.map { try batch.submit($0) }
    let results = batch.finish()
    #expect(throws: ModelError.self) { try results[tickets[1]]?.get() }
    for index in [0, 2] {
      let answer = try #require(results[tickets[index]]).get()
      #expect(Essence(answer) == Essence(try broken.transformer.answer(prompts[index], options, context: 64)))
    }
  }

  @Test func limitsAreKeptWithinBounds() {
    #expect(BatchLimit(sequences: 0).sequences == 1)
    #expect(BatchLimit(sequences: 1000).sequences == BatchLimit.mostSequences)
    #expect(BatchLimit.standard.cacheBytes > 0)
    let batch = batch(2)
    #expect(batch.hasRoom && batch.isIdle && batch.step().isEmpty)
  }
}

extension BatchGenerator {
  /// Computes to the end and returns the outcome of one.
  fileprivate func finish(after ticket: Int) -> Result<Answer, any Error>? { finish()[ticket] }
}
