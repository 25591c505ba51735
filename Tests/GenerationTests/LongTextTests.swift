// Answers about texts so long that they are read by sketches: what comes after them is as if it had been read at once.
import Compute
import Model
import Testing

@testable import Generation

@Suite(.serialized) struct LongTextTests {
  private let model: DefaultModel
  private let prompt: [Int32]
  private var transformer: Transformer { model.transformer }

  init() throws {
    model = try DefaultModel()
    let notes = String(repeating: DefaultModel.note + " ", count: 3)
    prompt = try model.prompt(notes + "Repeat the first three sentences.")
  }

  private func options(speculates: Bool) -> GenerationOptions {
    var options = GenerationOptions()
    options.maxTokens = 40
    options.speculates = speculates
    options.keepsLogProbabilities = true
    return options
  }

  private func answer(_ prompt: [Int32], in session: Session, speculates: Bool = false) throws -> Answer {
    try Generator(session: session, options: options(speculates: speculates)).answer(prompt) { _ in }
  }

  private func next(after answer: Answer) -> [Int32] { prompt + answer.tokens + prompt.suffix(12) }

  @Test func aConversationGoesOnAsIfItBeganWithWhatWasSaid() throws {
    #expect(prompt.count > KeyValueSketch.leastPositions)
    let sessions = (0..<2).map { _ in Session(model: transformer, context: 2048) }
    let answers = try zip(sessions, [true, false]).map { try answer(prompt, in: $0, speculates: $1) }
    #expect(answers[0].draftedTokens > 0 && answers[1].draftedTokens == 0)
    #expect(answers[0].tokens == answers[1].tokens)
    #expect(answers[0].logProbabilities == answers[1].logProbabilities)
    let next = next(after: answers[0])
    #expect(sessions.allSatisfy { $0.reusable(of: next) == prompt.count })
    let fresh = try Session(model: transformer, context: 2048).advance(to: next)[row: 0]
    for session in sessions { #expect(try session.advance(to: next)[row: 0] == fresh) }
    // Read once, it is there.
    #expect(sessions[0].reusable(of: next + [1]) == next.count)
  }

  @Test func aBatchAnswersWhatFollowsAnotherAnswerAsAlone() throws {
    let batch = BatchGenerator(
      model: transformer, context: 2048, options: options(speculates: true), limit: BatchLimit(sequences: 2))
    func answer(_ prompt: [Int32]) throws -> Answer {
      _ = try batch.submit(prompt)
      var results: [BatchResult] = []
      while !batch.isIdle { results += batch.step() }
      return try #require(results.first).answer.get()
    }
    let first = try answer(prompt)
    let second = try answer(next(after: first))
    #expect(second.reusedTokens == prompt.count)
    let alone = try self.answer(next(after: first), in: Session(model: transformer, context: 2048))
    #expect(second.tokens == alone.tokens)
    #expect(second.logProbabilities == alone.logProbabilities)
  }
}
