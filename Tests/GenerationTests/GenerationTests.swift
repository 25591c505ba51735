import Testing

@testable import Generation

@Suite struct RepetitionTests {
  @Test func loopsAreFoundAndListsAreNot() {
    let words = (0..<200).map { Int32($0 % 97) }
    #expect(!Repetition.isLoop(words.map { $0 * $0 % 89 + $0 }))
    #expect(Repetition.isLoop(Array(repeating: 7, count: 48)))
    #expect(!Repetition.isLoop(Array(repeating: 7, count: 47)))
    let sentence = (0..<30).map { Int32(1000 + $0) }
    #expect(!Repetition.isLoop([5, 6] + sentence + sentence + sentence))
    #expect(Repetition.isLoop([5, 6] + sentence + sentence + sentence + sentence))
  }
}

@Suite struct SamplerTests {
  private let logits: [Float] = [1, 4, 3.9, -2, 0]

  @Test func withoutTemperatureTheLikeliest() {
    var sampler = Sampler(SamplingOptions())
    #expect(sampler.choose(logits, answered: []) == 1)
  }

  @Test func aSeenTokenIsPenalized() {
    var sampler = Sampler(SamplingOptions())
    // 4 / 1.15 = 3.48 is less than 3.9.
    #expect(sampler.choose(logits, answered: [1]) == 2)
    #expect(sampler.choose(logits, answered: [1, 2]) == 1)
  }

  @Test func theSameSeedDrawsTheSame() {
    var options = SamplingOptions()
    options.temperature = 1.5
    options.seed = 42
    var (first, second) = (Sampler(options), Sampler(options))
    let draws = (0..<50).map { _ in first.choose(logits, answered: []) }
    #expect(draws == (0..<50).map { _ in second.choose(logits, answered: []) })
    #expect(Set(draws).count > 1)
  }

  @Test func drawsFollowTheSoftmax() {
    var options = SamplingOptions()
    options.temperature = 1
    options.topK = 0
    options.topP = 1
    options.minP = 0
    var sampler = Sampler(options)
    var counts = [Int](repeating: 0, count: logits.count)
    for _ in 0..<20_000 { counts[Int(sampler.choose(logits, answered: []))] += 1 }
    // softmax of the logits, from e^x / sum e^x.
    let expected = [0.0253, 0.5078, 0.4595, 0.0013, 0.0093]
    for (count, probability) in zip(counts, expected) { #expect(abs(Double(count) / 20_000 - probability) < 0.012) }
  }

  @Test func limitsLeaveOutTheUnlikely() {
    var options = SamplingOptions()
    options.temperature = 1
    options.minP = 0
    options.topP = 1
    options.topK = 1
    var one = Sampler(options)
    #expect((0..<50).allSatisfy { _ in one.choose(logits, answered: []) == 1 })
    options.topK = 0
    options.topP = 0.9
    var nucleus = Sampler(options)
    #expect((0..<200).allSatisfy { _ in [1, 2].contains(nucleus.choose(logits, answered: [])) })
    options.topP = 1
    options.minP = 0.5
    var likely = Sampler(options)
    #expect((0..<200).allSatisfy { _ in [1, 2].contains(likely.choose(logits, answered: [])) })
  }
}

@Suite struct AnswerStreamTests {
  @Test func charactersComeWhole() {
    var stream = AnswerStream(stops: [])
    let bytes = Array("麻".utf8)
    #expect(stream.append(bytes[0..<1]) == "")
    #expect(stream.append(bytes[1..<2]) == "")
    #expect(stream.append(bytes[2..<3]) == "麻")
    #expect(stream.finish() == "")
  }

  @Test func stopStringsAreHeldBackAndCutOff() {
    var stream = AnswerStream(stops: ["END", "Enough"])
    #expect(stream.append(Array("dose E".utf8)[...]) == "dose ")
    #expect(stream.append(Array("N".utf8)[...]) == "")
    #expect(stream.append(Array("T".utf8)[...]) == "ENT")
    #expect(stream.append(Array(" mg END of".utf8)[...]) == " mg ")
    #expect(stream.isStopped)
    #expect(stream.append(Array("more".utf8)[...]) == "")
    #expect(stream.finish() == "")
  }

  @Test func whatWasHeldBackComesAtTheEnd() {
    var stream = AnswerStream(stops: ["END"])
    #expect(stream.append(Array("the EN".utf8)[...]) == "the ")
    #expect(stream.finish() == "EN")
  }
}

@Suite struct LogProbabilityTests {
  @Test func logSumExpAndTop() {
    // ln(e^1 + e^2 + e^3) = 3.40760596444438
    #expect(abs(LogProbabilities.logSumExp([1, 2, 3]) - 3.40760596444438) < 1e-9)
    #expect(abs(LogProbabilities.logSumExp([1000, 1000]) - 1000.6931471805599) < 1e-9)
    #expect(LogProbabilities.top(2, of: [1, 5, 5, 2]).map(\.token) == [1, 2])
  }
}
