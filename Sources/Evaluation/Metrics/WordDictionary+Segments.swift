// Cutting a text into words as jieba 0.42.1 does without its hidden Markov model: among all ways to read a run of
// Chinese as words of the dictionary and single characters the likeliest, by the words' frequencies alone.
import Glibc
import Text

extension WordDictionary {
  /// The words of `text` with all that stands between them, as `jieba.lcut(text, HMM=False)` lists them.
  public func segments(of text: String) -> [String] {
    let scalars = Array(text.unicodeScalars)
    var segments: [String] = []
    var start = 0
    while start < scalars.count {
      if scalars[start].isWordLike {
        let end = scalars[start...].firstIndex { !$0.isWordLike } ?? scalars.count
        segments += words(of: scalars[start..<end])
        start = end
      } else {
        // Marks and white space stand alone, but for the two characters of a line end.
        let isPair = scalars[start] == "\r" && start + 1 < scalars.count && scalars[start + 1] == "\n"
        let end = start + (isPair ? 2 : 1)
        segments.append(String(scalars[start..<end]))
        start = end
      }
    }
    return segments
  }

  /// The words of `text` without white space, which are what metrics count.
  func words(of text: String) -> [String] {
    segments(of: text).filter { !$0.unicodeScalars.allSatisfy(\.isPythonSpace) }
  }

  /// The likeliest words of a run; letters and digits that are no words are left together.
  private func words(of run: ArraySlice<Unicode.Scalar>) -> [String] {
    let ends = likeliestEnds(run)
    var words: [String] = []
    var letters: [Unicode.Scalar] = []
    var start = run.startIndex
    while start < run.endIndex {
      let end = ends[start - run.startIndex]
      if end == start + 1, run[start].isLetterOrDigit {
        letters.append(run[start])
      } else {
        if !letters.isEmpty { words.append(String(letters[...])) }
        letters = []
        words.append(String(run[start..<end]))
      }
      start = end
    }
    return letters.isEmpty ? words : words + [String(letters[...])]
  }

  /// Where the first word of the likeliest reading ends, for the rest of `run` from each place on. It is found from the
  /// end backwards; of readings that are equally likely the one with the longer first word counts.
  private func likeliestEnds(_ run: ArraySlice<Unicode.Scalar>) -> [Int] {
    let logTotal = logTotal
    var ends = [Int](repeating: 0, count: run.count)
    var values = [Double](repeating: 0, count: run.count + 1)
    for place in run.indices.reversed() {
      var words = words(in: run, from: place)
      // A character that no word begins with counts as a word that occurs once.
      if words.isEmpty { words = [(place + 1, 1)] }
      var best = -Double.infinity
      for word in words {
        let value = log(Double(word.frequency)) - logTotal + values[word.end - run.startIndex]
        guard value >= best else { continue }
        best = value
        ends[place - run.startIndex] = word.end
      }
      values[place - run.startIndex] = best
    }
    return ends
  }
}

extension String {
  /// The text of `scalars`.
  init(_ scalars: ArraySlice<Unicode.Scalar>) {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    self.init(view)
  }
}

extension Unicode.Scalar {
  fileprivate var isLetterOrDigit: Bool {
    ("a"..."z").contains(self) || ("A"..."Z").contains(self) || ("0"..."9").contains(self)
  }

  /// What words may be made of: Chinese characters, and letters, digits and some marks of ASCII.
  fileprivate var isWordLike: Bool {
    ("\u{4E00}"..."\u{9FD5}").contains(self) || isLetterOrDigit || "+#&._%-".unicodeScalars.contains(self)
  }
}
