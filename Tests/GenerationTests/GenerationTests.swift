import Common
import Testing

@testable import Generation

@Suite struct LoopTests {
  /// Whether a loop is found at any token of `tokens`.
  private func findsLoop(_ tokens: [Int32]) -> Bool {
    var detector = LoopDetector()
    return tokens.indices.map { detector.isLoop(Array(tokens[...$0])) }.contains(true)
  }

  @Test func loopsAreFoundAndListsAreNot() {
    let words = (0..<200).map { Int32($0 % 97) }
    #expect(!findsLoop(words.map { $0 * $0 % 89 + $0 }))
    #expect(findsLoop(Array(repeating: 7, count: 48)))
    #expect(!findsLoop(Array(repeating: 7, count: 47)))
    let sentence = (0..<30).map { Int32(1000 + $0) }
    #expect(!findsLoop([5, 6] + sentence + sentence + sentence))
    #expect(findsLoop([5, 6] + sentence + sentence + sentence + sentence))
  }

  @Test func aLoopIsFoundAtTheTokenThatCompletesIt() {
    var random = SplitMix64(state: 3)
    for period in 1...65 {
      var tokens = (0..<20).map { _ in Int32.random(in: 100..<1000, using: &random) }
      let start = tokens.count
      let run = (0..<period).map { Int32(10_000 + $0) }
      while tokens.count < start + 5 * period + 48 { tokens.append(run[(tokens.count - start) % period]) }
      var detector = LoopDetector()
      let found = tokens.indices.first { detector.isLoop(Array(tokens[...$0])) }
      #expect(found == (period > 64 ? nil : start + max(4 * period, 48) - 1), "period \(period)")
    }
  }
}

@Suite struct SamplerTests {
  private let logits: [Float] = [1, 4, 3.9, -2, 0]

  /// What `sampler` draws `count` times from the same logits.
  private func draws(_ count: Int, _ sampler: inout Sampler) -> [Int32] {
    let matrix = row(logits)
    defer { #expect(matrix[row: 0] == logits) }
    return (0..<count).map { _ in sampler.choose(matrix, row: 0) }
  }

  /// Options that draw by the logits alone.
  private var plain: SamplingOptions {
    var options = SamplingOptions()
    options.repetitionPenalty = 1
    options.temperature = 1
    options.topK = 0
    options.topP = 1
    options.minP = 0
    return options
  }

  @Test func aSeenTokenIsPenalized() {
    // 4 / 1.15 = 3.478 is less than 3.9, and more than 3.9 / 1.15 = 3.391.
    var sampler = Sampler(SamplingOptions())
    #expect(draws(4, &sampler) == [1, 2, 1, 1])
  }

  @Test func withoutPenaltyTheLikeliest() {
    var options = SamplingOptions()
    options.repetitionPenalty = 1
    var sampler = Sampler(options)
    #expect(draws(4, &sampler) == [1, 1, 1, 1])
  }

  @Test func whatIsLongAgoIsNotPenalized() {
    // Halved they are 2 and 1.95.
    var options = SamplingOptions()
    options.repetitionPenalty = 2
    options.repetitionWindow = 1
    var sampler = Sampler(options)
    #expect(draws(5, &sampler) == [1, 2, 1, 2, 1])
    options.repetitionWindow = 2
    sampler = Sampler(options)
    #expect(draws(5, &sampler) == [1, 2, 1, 1, 2])
  }

  @Test func theSameSeedDrawsTheSame() {
    var options = SamplingOptions()
    options.temperature = 1.5
    options.seed = 42
    var (first, second) = (Sampler(options), Sampler(options))
    let drawn = draws(50, &first)
    #expect(drawn == draws(50, &second))
    #expect(Set(drawn).count > 1)
  }

  @Test func drawsFollowTheSoftmax() {
    var sampler = Sampler(plain)
    var counts = [Int](repeating: 0, count: logits.count)
    for token in draws(20_000, &sampler) { counts[Int(token)] += 1 }
    // softmax of the logits, from e^x / sum e^x.
    let expected = [0.0253, 0.5078, 0.4595, 0.0013, 0.0093]
    for (count, probability) in zip(counts, expected) { #expect(abs(Double(count) / 20_000 - probability) < 0.012) }
  }

  @Test func limitsLeaveOutTheUnlikely() {
    var options = plain
    options.topK = 1
    var one = Sampler(options)
    #expect(draws(50, &one).allSatisfy { $0 == 1 })
    options.topK = 0
    options.topP = 0.9
    var nucleus = Sampler(options)
    #expect(draws(200, &nucleus).allSatisfy { [1, 2].contains($0) })
    options.topP = 1
    options.minP = 0.5
    var likely = Sampler(options)
    #expect(draws(200, &likely).allSatisfy { [1, 2].contains($0) })
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

  @Test func halfACharacterIsDroppedOnlyWhenTheAnswerWasCut() {
    let half = Array("a麻".utf8)[0..<3]
    for (isCut, rest) in [(true, ""), (false, "\u{FFFD}")] {
      var stream = AnswerStream(stops: [])
      #expect(stream.append(half) == "a")
      #expect(stream.finish(isCut: isCut) == rest)
    }
    var held = AnswerStream(stops: ["END"])
    #expect(held.append(Array("the EN".utf8)[...] + half.suffix(2)) == "the ")
    #expect(held.finish(isCut: true) == "EN")
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
