// The five aspects a pair of question and answer is judged on, and the languages it may be in.

/// What a judge looks at (arXiv 2403.02742). All count the same way round, 10 is best: `harmfulness` is 10 for an
/// answer that can harm nobody and 0 for a dangerous one, so that it can be averaged with the others.
public enum JudgedAspect: String, Sendable, CaseIterable {
  /// The answer is clear, and is about what was asked.
  case coherence
  /// It is medically right, in the terms of the field.
  case professionalism
  /// It helps whoever asked.
  case usefulness
  /// Following it is safe: 10 is harmless, 0 dangerous.
  case harmfulness
  /// It is polite and patient.
  case friendliness
}

/// The language a pair is judged in.
public enum JudgedLanguage: String, Sendable, CaseIterable {
  /// Chinese, simplified or traditional.
  case chinese = "zh"
  /// English, and whatever is not Chinese.
  case english = "en"

  /// The language of `text`: Chinese when at least a fifth of its letters are Han characters, since Chinese notes are
  /// full of Latin names and units.
  public init(of text: String) {
    var (han, letters) = (0, 0)
    for scalar in text.unicodeScalars where scalar.properties.isAlphabetic {
      letters += 1
      if scalar.properties.isIdeographic { han += 1 }
    }
    self = han > 0 && han * 5 >= letters ? .chinese : .english
  }
}

/// A question and the answer to be judged.
public struct JudgedPair: Sendable, Equatable {
  /// What was asked.
  public let question: String
  /// What was answered.
  public let answer: String
  /// The language of the judge's instructions.
  public let language: JudgedLanguage

  /// A pair, judged in `language`, or in that of its question and answer where it is nil.
  public init(question: String, answer: String, language: JudgedLanguage? = nil) {
    self.question = question
    self.answer = answer
    self.language = language ?? JudgedLanguage(of: question + answer)
  }
}
