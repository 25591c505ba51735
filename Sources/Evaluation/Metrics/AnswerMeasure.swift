// Which tokens of answers metrics count, and whose ROUGE it is.

/// What of texts is compared in which way.
public struct AnswerMeasure: Sendable {
  /// How texts become the tokens of BLEU, GLEU and Distinct, and those of ROUGE.
  public let tokenizer, rougeTokenizer: MetricTokenizer
  /// Whose ROUGE it is.
  public let rouge: RougeConvention
  /// The words that texts are cut into before they become tokens; nil where they are taken as they are.
  public let words: WordDictionary?

  /// The measures of `language`: for Chinese rouge-chinese over sacrebleu's characters, or over `words`, for English
  /// rouge-score over its own words and the rest over those of `13a`, unless `rouge` is named.
  public init(language: JudgedLanguage, rouge: RougeConvention? = nil, words: WordDictionary? = nil) {
    switch language {
    case .chinese:
      let tokenizer = words == nil ? MetricTokenizer.characters : .none
      (self.tokenizer, rougeTokenizer, self.rouge) = (tokenizer, tokenizer, rouge ?? .rougeChinese)
      self.words = words
    case .english:
      (tokenizer, self.rouge) = (.words, rouge ?? .rougeScore)
      rougeTokenizer = rouge == .rouge ? .none : .lowercaseWords
      self.words = nil
    }
  }

  /// The tokens of `text` that BLEU, GLEU and Distinct count.
  public func tokens(of text: String) -> [String] { words?.words(of: text) ?? tokenizer.tokens(of: text) }

  /// The F measures of ROUGE-1, ROUGE-2 and ROUGE-L.
  public func rouge(
    answer: String, reference: String, _ numbers: inout TokenNumbers
  ) -> (one: Double, two: Double, longest: Double) {
    let (mine, theirs) = (sentences(of: answer, &numbers), sentences(of: reference, &numbers))
    let (answer, reference) = (Array(mine.joined()), Array(theirs.joined()))
    func score(_ length: Int) -> Double {
      rouge.score(ngrams: length, answer: answer, reference: reference).fMeasure
    }
    let longest =
      rouge == .rouge
      ? rouge.longest(answer: mine, reference: theirs) : rouge.longest(answer: answer, reference: reference)
    return (score(1), score(2), longest.fMeasure)
  }

  /// The tokens that ROUGE counts, by sentences where it knows any.
  private func sentences(of text: String, _ numbers: inout TokenNumbers) -> [[Int32]] {
    let tokens = words?.words(of: text) ?? rougeTokenizer.tokens(of: text)
    guard rouge == .rouge else { return [numbers.numbers(of: tokens)] }
    let isWhole = words == nil && rougeTokenizer == .none
    let sentences = RougeSentences(isWhole ? text : tokens.joined(separator: " ")).sentences
    return sentences.map { numbers.numbers(of: $0) }
  }
}
