// What came of a choice question, and which letters count as chosen.

/// The rule by which letters are chosen from scores.
public enum ChoiceRule {
  /// The letters with the `count` best scores, as many as are keyed, in ascending order; of equal scores the first.
  /// A question with several keys so counts as right only when exactly these letters are ahead of all others.
  public static func chosen(_ scores: [Double], letters: [String], count: Int) -> [String] {
    let order = scores.indices.sorted { scores[$0] != scores[$1] ? scores[$0] > scores[$1] : $0 < $1 }
    return order.prefix(count).map { letters[$0] }.sorted()
  }

  /// The share of choosers by chance who choose right: one in the ways to choose `keys` of `options`.
  public static func chance(options: Int, keys: Int) -> Double {
    var ways = 1.0
    for index in 0..<min(keys, options) { ways *= Double(options - index) / Double(index + 1) }
    return 1 / ways
  }

  /// The letters that a generated answer names first: the first capital letters of `letters` that stand alone or
  /// together as a word, and those that follow with nothing but commas, spaces and the like between. None when it
  /// names none.
  public static func named(in answer: String, letters: [String]) -> [String] {
    var found: [String] = []
    var between = ""
    for word in answer.unicodeScalars.runs(where: { $0.isASCII && $0.properties.isAlphabetic }) {
      guard word.isMember else {
        between = word.text
        continue
      }
      let named = word.text.map { String($0) }
      let isList = named.allSatisfy(letters.contains) && Set(named).count == named.count
      if found.isEmpty {
        if isList { found = named }
      } else if isList, between.allSatisfy({ " ,，、;；/&+和或".contains($0) }) {
        found += named
      } else if word.text != "and" {
        break
      }
    }
    return Set(found).sorted()
  }
}

extension String.UnicodeScalarView {
  /// The longest runs of scalars that are members or are none, in their order.
  fileprivate func runs(where isMember: (Unicode.Scalar) -> Bool) -> [(text: String, isMember: Bool)] {
    var runs: [(text: String, isMember: Bool)] = []
    for scalar in self {
      let belongs = isMember(scalar)
      if runs.last?.isMember != belongs { runs.append(("", belongs)) }
      runs[runs.count - 1].text.unicodeScalars.append(scalar)
    }
    return runs
  }
}
