// Pairs of question and answer read from files of the kinds that `hypnos finetune` reads, with all their other fields,
// which are kept.
import Common
import Evaluation
import Text
import Training

/// One row with a question and an answer.
public struct PairRow: Sendable {
  /// The file.
  public let path: String
  /// The line, from 1.
  public let line: Int
  /// All of the row.
  public let fields: OrderedFields<JSONValue>
  /// What is judged. Of a dialogue the answer is the last one, and the question all before it.
  public let pair: JudgedPair

  /// The row that `fields` hold.
  init(
    fields: OrderedFields<JSONValue>, path: String, line: Int, language: JudgedLanguage?
  ) throws(DataProblem.Reason) {
    (self.fields, self.path, self.line) = (fields, path, line)
    switch try DataRow(fields: fields).content {
    case .completion(let prompt, let completion):
      guard !prompt.isBlank else { throw .emptyText("\"prompt\"") }
      pair = JudgedPair(question: prompt, answer: completion, language: language)
    case .note: throw .unknownRow("a text without a question; there is no pair to judge")
    case .dialogue(let messages):
      guard let last = messages.lastIndex(where: { $0.role == "assistant" }) else {
        throw .unknownRow("no message is an answer")
      }
      let before = messages[..<last].filter { $0.role != "system" }
      let question = before.map(\.content).joined(separator: "\n\n")
      guard !question.isBlank else { throw .emptyText("the question") }
      pair = JudgedPair(question: question, answer: messages[last].content, language: language)
    }
  }
}

/// All pairs of some files.
public struct PairFile: Sendable {
  /// The most problems that are told one by one.
  private static let problemLimit = 20

  /// The rows that hold a pair, in their order.
  public private(set) var rows: [PairRow] = []
  /// What is wrong with other rows, the first of them.
  public private(set) var problems: [DataProblem] = []
  /// How many rows are no pairs.
  public private(set) var problemCount = 0

  /// Reads the files at `paths`. Rows that are no pairs are an error unless `skipsBadRows`; `language` is that of the
  /// judge's instructions, each pair's own where it is nil.
  public init(reading paths: [String], language: JudgedLanguage?, skipsBadRows: Bool) throws(CurationError) {
    for path in paths {
      do throws(DataFileError) {
        let file = try DataFile(path: path)
        try read(file, path: path, language: language)
      } catch {
        note(DataProblem(path: path, line: nil, reason: .init(error)))
      }
    }
    guard problemCount == 0 || skipsBadRows && !rows.isEmpty else {
      throw .problems(problems, count: problemCount, advice: "mend them, or leave them out with --skip-bad")
    }
    guard !rows.isEmpty else { throw .nothing(paths: paths, what: "pair of question and answer") }
  }

  private mutating func read(_ file: DataFile, path: String, language: JudgedLanguage?) throws(DataFileError) {
    var number = 0
    while let line = try file.nextLine() {
      number += 1
      do throws(DataProblem.Reason) {
        guard case .bytes(let bytes) = line else { throw .lineTooLong(limit: DataFile.lineLimit) }
        if bytes.allSatisfy({ $0 == 32 || (9...13).contains($0) }) { continue }
        let fields = try DataRow.fields(of: bytes)
        rows.append(try PairRow(fields: fields, path: path, line: number, language: language))
      } catch {
        note(DataProblem(path: path, line: number, reason: error))
      }
    }
  }

  private mutating func note(_ problem: DataProblem) {
    problemCount += 1
    if problems.count < PairFile.problemLimit { problems.append(problem) }
  }
}
