// What a model wrote, made tidy, and whether it can be used.
import Evaluation
import Generation

/// Why what a model wrote is dropped.
public enum DropReason: String, Sendable, CaseIterable {
  /// No text, or hardly any.
  case empty
  /// A question longer than questions are.
  case long = "too long"
  /// The model did not come to an end, or went round in circles.
  case unfinished
  /// Another language than the seeds or the passage.
  case language = "another language"
  /// An answer that nearly is the question, or an example's answer.
  case copied = "copied answer"
  /// Nearly a question that is there already.
  case duplicate = "near duplicate"
  /// The prompt does not fit the context, or the template refuses it.
  case prompt = "prompt refused"
}

/// Checks what a model wrote.
enum WrittenText {
  /// Characters of a question.
  static let questionLength = 4...400

  /// The question in `answer`: its first line, without a number, a label or quotes around it.
  static func question(_ answer: Answer, language: JudgedLanguage) -> Result<String, DropReason> {
    guard answer.finish != .repetition else { return .failure(.unfinished) }
    let lines = answer.text.split(whereSeparator: \.isNewline).map { String($0).trimmed }
    guard let first = lines.first(where: { !$0.isEmpty }) else { return .failure(.empty) }
    // The rest of an answer that was cut does not matter, its first line must be whole.
    guard answer.finish != .length && answer.finish != .context || lines.count > 1 else { return .failure(.unfinished) }
    let question = bare(first)
    guard question.count >= questionLength.lowerBound else { return .failure(.empty) }
    guard question.count <= questionLength.upperBound else { return .failure(.long) }
    return has(question, language) ? .success(question) : .failure(.language)
  }

  /// The answer in `answer`, whole, and nearly none of `shown`, which the model has read.
  static func answer(_ answer: Answer, language: JudgedLanguage, shown: [String]) -> Result<String, DropReason> {
    guard answer.finish == .end || answer.finish == .stop else { return .failure(.unfinished) }
    let text = answer.text.trimmed
    guard text.count >= 2 else { return .failure(.empty) }
    guard has(text, language) else { return .failure(.language) }
    var index = NearDuplicateIndex()
    for shown in shown { index.insert(shown) }
    return index.nearDuplicate(of: text) == nil ? .success(text) : .failure(.copied)
  }

  /// Whether `text` has letters and is in `language`: Chinese as `JudgedLanguage` tells it; English when most of its
  /// letters are Latin.
  static func has(_ text: String, _ language: JudgedLanguage) -> Bool {
    let letters = text.unicodeScalars.filter(\.properties.isAlphabetic)
    guard !letters.isEmpty else { return false }
    guard language == .english else { return JudgedLanguage(of: text) == .chinese }
    return letters.count { $0.value < 0x250 } * 10 >= letters.count * 9
  }

  private static func bare(_ line: String) -> String {
    var text = line[...]
    // A list's number or dash, then a label.
    let number = text.prefix { $0.isASCII && $0.isNumber }
    let rest = text.dropFirst(number.count)
    if !number.isEmpty, let mark = rest.first, ".)、．".contains(mark) { text = rest.dropFirst() }
    while let first = text.first, "-*•# \t".contains(first) { text = text.dropFirst() }
    for label in ["Question:", "Q:", "New question:", "问题：", "问题:", "新问题：", "问："] where text.hasPrefix(label) {
      text = text.dropFirst(label.count)
    }
    let marks: Set<Character> = ["\"", "“", "”", "「", "」", "*", "'"]
    var trimmed = String(text).trimmed[...]
    while let first = trimmed.first, let last = trimmed.last, trimmed.count > 1, marks.contains(first),
      marks.contains(last)
    {
      trimmed = trimmed.dropFirst().dropLast()
    }
    return String(trimmed).trimmed
  }
}

extension DropReason: Error {}
