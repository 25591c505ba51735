// What is kept and why, how well scores part rows, and a filtering that is taken up again.
import Common
import Evaluation
import Foundation
import Generation
import TestModels
import Testing

@testable import Curation

@Suite struct FilterTests {
  /// Areas of scikit-learn 1.9.1, sklearn.metrics.roc_auc_score.
  @Test func areaUnderTheCurve() {
    func check(_ positives: [Double], _ negatives: [Double], _ area: Double) {
      let found = AreaUnderCurve.value(positives: positives, negatives: negatives) ?? -1
      #expect(abs(found - area) < 1e-12)
    }
    check([0.9, 0.8, 0.4, 0.35], [0.7, 0.35, 0.2, 0.1, 0.1], 0.875)
    check([1, 2, 2, 3], [2, 2, 1], 0.625)
    check([5], [5], 0.5)
    check([-1.5, 0, 2.25], [-3, 0.5], 0.6666666666666666)
    check([1, 2], [3, 4], 0)
    let positives = (1...60).map { Double($0 * 37 % 101) / 7 }
    let negatives = (1...80).map { Double($0 * 53 % 97) / 8 }
    check(positives, negatives, 0.5938541666666667)
  }

  @Test func noAreaWithoutBothKinds() {
    #expect(AreaUnderCurve.value(positives: [], negatives: [1]) == nil)
    #expect(AreaUnderCurve.value(positives: [1], negatives: []) == nil)
    #expect(AreaUnderCurve.value(positives: [.nan], negatives: [1]) == nil)
  }

  /// numpy.corrcoef of numpy 2.
  @Test func correlation() throws {
    let found = try #require(FilterSummary.correlation([1, 2, 3, 4, 5.5], [2, 1.5, 3.5, 3, 7]))
    #expect(abs(found - 0.8805437165663217) < 1e-12)
    #expect(FilterSummary.correlation([1, 1], [2, 3]) == nil)
  }

  /// Scores whose every aspect is `mark`.
  private func scores(_ mark: Int, gain: Double) -> PairScores {
    let score = AspectScore(probabilities: (0...10).map { $0 == mark ? 1 : 0 })
    let judgement = Judgement(scores: Dictionary(uniqueKeysWithValues: JudgedAspect.allCases.map { ($0, score) }))
    return PairScores(verdicts: [JudgeVerdict(judgement: judgement, gain: gain)])
  }

  @Test func theScoreIsTheMarksAsFarAsTheQuestionExplainsTheAnswer() {
    #expect(scores(8, gain: 0).score == 0)
    #expect(abs(scores(8, gain: 4).score - 8 * (1 - exp(-1))) < 1e-12)
    #expect(scores(8, gain: -1).score < 0)
    #expect(scores(10, gain: 1e300).score <= 10)
    #expect(scores(10, gain: -1e300).score.isFinite)
  }

  @Test func judgesCountAlike() {
    let both = PairScores(verdicts: scores(4, gain: 1).verdicts + scores(8, gain: 2).verdicts)
    #expect(both.mean == 6)
    #expect(both.gain == 1.5)
    #expect(both.hard(.usefulness) == 6)
  }

  @Test func thresholdsAndTheBestPart() {
    let all: [Result<PairScores, JudgeRefusal>] = [
      .success(scores(8, gain: 2)), .success(scores(5, gain: 2)), .failure(.tooLong(tokens: 9, context: 8)),
      .success(scores(8, gain: 2)), .success(scores(9, gain: -1)),
    ]
    var rule = FilterRule()
    #expect(rule.decide(all).map(\.isKept) == [true, true, false, true, true])
    rule.aspects[.coherence] = 6
    rule.gain = 0
    let reasons = rule.decide(all).map(\.reasons)
    #expect(reasons[0].isEmpty && reasons[3].isEmpty)
    #expect(reasons[1] == ["coherence 5.0 is below 6.0"])
    #expect(reasons[2][0].hasPrefix("not judged: takes 9 tokens"))
    #expect(reasons[4] == ["gain -1.0 is below 0.0"])
    rule = FilterRule()
    rule.fraction = 0.25
    #expect(rule.decide(all).map(\.isKept) == [true, false, false, false, false])
    #expect(rule.decide(all)[3].reasons == ["rank 2 of 4, beyond the best 1"])
    rule.mean = 9
    #expect(rule.decide(all).allSatisfy { !$0.isKept })
  }

  // MARK: Runs

  private static let lines = (0..<40).map { #"{"question": "Why \#($0)?", "answer": "Because of \#($0 * 7)."}"# }

  private func makeFilter(_ folder: URL, judges: Int = 1, style: String = "") throws -> PairFilter {
    let path = folder.appending(path: "pairs.jsonl").path
    try Data(Self.lines.joined(separator: "\n").utf8).write(to: URL(filePath: path))
    let file = try PairFile(reading: [path], language: nil, skipsBadRows: false)
    let judges = (0..<judges).map { number in
      FilterJudge(name: "tiny \(number)", fingerprint: "\(number)", style: style) {
        (try Judge(model: try TinyModel.open(seed: UInt64(number + 1)), context: 8192), 8192)
      }
    }
    return PairFilter(rows: file.rows, judges: judges)
  }

  private func withFolder(_ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "hypnos-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder)
  }

  @Test func takenUpAgainItFindsTheSame() throws {
    try withFolder { folder in
      let filter = try makeFilter(folder, judges: 2)
      let (whole, broken) = (folder.appending(path: "a").path, folder.appending(path: "b").path)
      let expected = try filter.score(journalPath: whole)
      // They stay for whoever could not write what follows from them.
      var judged = 0
      #expect(try filter.score(journalPath: whole, report: { _ in judged += 1 }) == expected)
      #expect(judged == 0)
      #expect(expected.allSatisfy { (try? $0.get().verdicts.count) == 2 })
      var done = 0
      #expect(throws: Interrupted.self) {
        try filter.score(journalPath: broken, isCancelled: { done >= 16 }, report: { done = $0.done })
      }
      // A crash cuts the last line short.
      let text = try String(contentsOfFile: broken, encoding: .utf8)
      try String(text.dropLast(30)).write(toFile: broken, atomically: false, encoding: .utf8)
      var first: PairFilter.Progress?
      let found = try filter.score(journalPath: broken, report: { if first == nil { first = $0 } })
      #expect(first?.kept == 15)
      #expect(found == expected)
    }
  }

  @Test func anotherRunsScoresAreRefused() throws {
    try withFolder { folder in
      let path = folder.appending(path: "a").path
      #expect(throws: Interrupted.self) {
        try makeFilter(folder).score(journalPath: path, isCancelled: { true })
      }
      #expect(throws: JournalError.otherRun(path: path, differences: ["judge"])) {
        try makeFilter(folder, judges: 2).score(journalPath: path)
      }
      #expect(throws: JournalError.otherRun(path: path, differences: ["judge"])) {
        try makeFilter(folder, style: "otherwise").score(journalPath: path)
      }
      try Data("not ours\n".utf8).write(to: URL(filePath: path))
      #expect(throws: JournalError.notOurs(path: path, line: 1)) { try makeFilter(folder).score(journalPath: path) }
      #expect(try makeFilter(folder).score(journalPath: path, isForced: true).count == 40)
    }
  }
}
