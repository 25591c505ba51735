// How byte-level vocabularies cut text into words before merging. A checkpoint names its way; each
// name here stands for the same cuts as in llama.cpp, whose ids are the measure. Names that are
// not listed are refused: a near miss would give ids that the model was not trained on.

/// A named way of cutting text into words.
struct PreTokenizer: Sendable {
  /// Applied one after the other, each to the words that the one before has made.
  private let rules: [SplitRule]
  /// Whether a word that is a token as a whole is taken before any merge (`ignore_merges`).
  let takesWholeWords: Bool
  /// Whether text begins with the beginning-of-text token when the file does not say.
  let addsBeginning: Bool

  private init(_ rules: [SplitRule], takesWholeWords: Bool = false, addsBeginning: Bool = false) {
    self.rules = rules
    self.takesWholeWords = takesWholeWords
    self.addsBeginning = addsBeginning
  }

  /// The pre-tokenizer that `tokenizer.ggml.pre` names; nil when it is not known.
  init?(named name: String) {
    guard let family = Self.families.first(where: { $0.names.contains(name) }) else { return nil }
    self = family.preTokenizer
  }

  /// All known names.
  static var names: [String] { families.flatMap(\.names) }

  /// Where each word of `text` ends, in scalars, ascending.
  func wordEnds(in text: ScalarText) -> [Int] {
    var ends = text.count == 0 ? [] : [text.count]
    for rule in rules {
      var refined: [Int] = []
      refined.reserveCapacity(ends.count)
      var start = 0
      for end in ends {
        rule.split(text, start..<end, into: &refined)
        start = end
      }
      ends = refined
    }
    return ends
  }

  private static let families: [(names: [String], preTokenizer: PreTokenizer)] = [
    (
      ["default"],
      PreTokenizer([.punctuation, .words, .numbers, .digitTriples])
    ),
    (
      [
        "gpt-2", "phi-2", "jina-es", "jina-de", "gigachat", "a.x-4.0", "mellum", "exaone4", "mpt", "olmo",
        "jais", "trillion", "granite-docling",
      ],
      PreTokenizer([.words])
    ),
    (
      ["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2"],
      PreTokenizer([.singleNumbers, .words])
    ),
    (
      ["llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"],
      PreTokenizer([.wordsWithMarks(longestNumber: 3)], takesWholeWords: true, addsBeginning: true)
    ),
    (
      ["dbrx", "smaug-bpe", "chatglm-bpe", "glm4"],
      PreTokenizer([.wordsWithMarks(longestNumber: 3)])
    ),
    (
      ["qwen2", "deepseek-r1-qwen", "stablelm2", "megrez", "hunyuan", "grok-2"],
      PreTokenizer([.wordsWithMarks(longestNumber: 1)])
    ),
    (
      ["deepseek-llm"],
      PreTokenizer([
        .newlines, .scriptWords, .scriptPunctuation, .trailingWhitespace, .ideographs, .numbers,
      ])
    ),
  ]
}
