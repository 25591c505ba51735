// The seeds of Self-Instruct: questions, with their answers where they are known, that new ones are made after.
import Common
import Evaluation
import Text
import Training

/// A question to make others after.
public struct Seed: Sendable, Equatable {
  /// Its own id, or its file and line.
  public let id: String
  /// The question.
  public let question: String
  /// The answer, where there is one.
  public let answer: String?
  /// The language.
  public let language: JudgedLanguage

  init(id: String, question: String, answer: String?) {
    (self.id, self.question) = (id, question)
    self.answer = answer.flatMap { $0.isBlank ? nil : $0 }
    language = JudgedLanguage(of: question)
  }
}

/// The seeds of some files.
public struct SeedFile: Sendable {
  /// The seeds, in their order.
  public private(set) var seeds: [Seed] = []
  private var problems: [DataProblem] = []
  private var problemCount = 0

  /// Reads the files at `paths`: lines of JSON with an instruction (and its instances, as Self-Instruct publishes
  /// them, or input and output), a question (and an answer), or a dialogue; or plain text, a question a line.
  /// Lines that hold none are an error.
  public init(reading paths: [String]) throws(CurationError) {
    for path in paths {
      do throws(DataFileError) {
        let file = try DataFile(path: path)
        try read(file, path)
      } catch {
        note(path, nil, .init(error))
      }
    }
    guard problemCount == 0 else {
      throw .problems(problems, count: problemCount, advice: "mend the seeds or take them out")
    }
    guard !seeds.isEmpty else { throw .nothing(paths: paths, what: "seed") }
  }

  private mutating func read(_ file: DataFile, _ path: String) throws(DataFileError) {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    var number = 0
    while let line = try file.nextLine() {
      number += 1
      do throws(DataProblem.Reason) {
        guard case .bytes(let bytes) = line else { throw .lineTooLong(limit: DataFile.lineLimit) }
        if let seed = try SeedFile.seed(bytes, place: "\(name):\(number)") { seeds.append(seed) }
      } catch {
        note(path, number, error)
      }
    }
  }

  private mutating func note(_ path: String, _ line: Int?, _ reason: DataProblem.Reason) {
    problemCount += 1
    if problems.count < 20 { problems.append(DataProblem(path: path, line: line, reason: reason)) }
  }

  /// The seed in a line; nil in a blank one.
  private static func seed(_ bytes: [UInt8], place: String) throws(DataProblem.Reason) -> Seed? {
    let text = try String(checking: bytes)
    let first = text.unicodeScalars.first { !$0.properties.isWhitespace }
    guard let first else { return nil }
    guard first == "{" else { return Seed(id: place, question: text.trimmed, answer: nil) }
    let fields = try DataRow.fields(of: bytes)
    let id = fields["id"]?.string ?? fields["id"]?.integer.map(String.init) ?? place
    if let instruction = fields["instruction"]?.string {
      let instance = fields["instances"]?.array?.first
      let input = (instance?["input"] ?? fields["input"])?.string ?? ""
      let question = [instruction, input].filter { !$0.isBlank }.joined(separator: "\n").trimmed
      guard !question.isBlank else { throw .emptyText("\"instruction\"") }
      return Seed(id: id, question: question, answer: (instance?["output"] ?? fields["output"])?.string)
    }
    if let question = fields["question"]?.string {
      guard !question.isBlank else { throw .emptyText("\"question\"") }
      return Seed(id: id, question: question.trimmed, answer: fields["options"] == nil ? fields["answer"]?.string : nil)
    }
    guard let messages = fields["messages"]?.array else {
      throw .unknownRow("no seed: it has neither an instruction nor a question nor messages")
    }
    func content(_ role: String) -> String? { messages.first { $0["role"]?.string == role }?["content"]?.string }
    guard let question = content("user"), !question.isBlank else { throw .emptyText("the first message of a user") }
    return Seed(id: id, question: question.trimmed, answer: content("assistant"))
  }
}

extension String {
  /// Without white space at both ends.
  var trimmed: String {
    let scalars = unicodeScalars
    guard let first = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
      let last = scalars.lastIndex(where: { !$0.properties.isWhitespace })
    else { return "" }
    return String(scalars[first...last])
  }

  /// The text in `bytes`; a byte order mark before it is no part of it.
  init(checking bytes: [UInt8]) throws(DataProblem.Reason) {
    do { try self.init(text: bytes) } catch {
      switch error {
      case .nul: throw .nul
      case .notUTF8(let offset): throw .notUTF8(offset: offset)
      }
    }
  }
}
