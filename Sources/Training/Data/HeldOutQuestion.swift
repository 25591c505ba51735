// Held-out dialogues as questions, for the report's before and after.
import Text

/// A question that the model was not trained on.
public struct HeldOutQuestion: Sendable, Equatable {
  /// The question as the data have it.
  public let question: String
  /// The answer that the data have.
  public let expected: String
  /// The prompt, as the model is trained to go on from it.
  public let prompt: [Int32]
}

extension Dataset {
  /// At most `limit` held-out dialogues and completions, spread over them; their files are read again. One whose row has
  /// changed since is left out.
  public func heldOutQuestions(limit: Int, tokenizer: Tokenizer) -> [HeldOutQuestion] {
    // Targets at the front are a note's; of a dialogue that became several examples the first holds its first answer.
    var sources: Set<TrainingExample.Source> = []
    let answers = heldOut.filter { $0.lossMask.dropFirst().first == false && sources.insert($0.source).inserted }
    let chosen = ExampleView.sample(answers, count: limit)
    let files = Set(chosen.map(\.source.file))
    var questions: [TrainingExample.Source: String] = [:]
    for (index, file) in report.files.enumerated() where files.contains(index) {
      let lines = Set(chosen.filter { $0.source.file == index }.map(\.source.line))
      for case (let line, .success(let row)) in RowReader(path: file.path) where lines.contains(line ?? 1) {
        questions[.init(file: index, line: line ?? 1)] = row.content.firstQuestion
      }
    }
    func words(_ text: String) -> String { text.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
    return chosen.compactMap { example in
      guard let question = questions[example.source], let start = example.lossMask.firstIndex(of: true) else {
        return nil
      }
      let prompt = Array(example.tokens[..<start])
      let asked = String(decoding: tokenizer.decode(prompt, special: false), as: UTF8.self)
      // Templates may change white space.
      guard words(asked).contains(words(question)) else { return nil }
      let end = example.lossMask[start...].firstIndex(of: false) ?? example.tokens.count
      let expected = String(
        decoding: tokenizer.decode(Array(example.tokens[start..<end]), special: false), as: UTF8.self)
      return HeldOutQuestion(question: question, expected: expected, prompt: prompt)
    }
  }
}

extension RowContent {
  /// What the first answer answers; nil for a note.
  fileprivate var firstQuestion: String? {
    switch self {
    case .dialogue(let messages):
      let answer = messages.firstIndex { $0.role == "assistant" } ?? 0
      return messages[..<answer].last { $0.role == "user" }?.content
    case .completion(let prompt, _): return prompt
    case .note: return nil
    }
  }
}
