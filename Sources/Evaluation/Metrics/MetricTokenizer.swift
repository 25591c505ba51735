// Texts as the tokens that metrics count. What the packages on PyPI do to a text before they count is part of their
// values, so it is done here exactly as they do it, oddities included.
import Text

/// How a text becomes tokens.
public enum MetricTokenizer: String, Sendable, CaseIterable {
  /// sacrebleu's `13a`: words and marks, as mteval-v13a of NIST has them. For English.
  case words = "13a"
  /// sacrebleu's `zh`: every Chinese character and mark a token, the rest between them as in `13a`. For Chinese.
  case characters = "zh"
  /// rouge-score's default without stemming: runs of ASCII letters and digits in lower case. For English.
  case lowercaseWords = "rouge-score"
  /// sacrebleu's `none`: what white space parts.
  case none

  /// The tokens of `text`.
  public func tokens(of text: String) -> [String] {
    let scalars = Array(text.unicodeScalars)
    switch self {
    case .words: return MetricTokenizer.split(MetricTokenizer.separated(MetricTokenizer.normalized(scalars)))
    case .characters: return MetricTokenizer.split(MetricTokenizer.separated(MetricTokenizer.spaced(scalars)))
    case .lowercaseWords: return MetricTokenizer.lowercaseWords(scalars)
    case .none: return MetricTokenizer.split(scalars)
    }
  }

  // MARK: 13a

  /// The language-independent part of `13a`.
  private static func normalized(_ scalars: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var text = Array(scalars[..<((scalars.lastIndex { !$0.isPythonSpace } ?? -1) + 1)])
    text = text.replacing("<skipped>", with: "").replacing("-\n", with: "").replacing("\n", with: " ")
    for (entity, mark) in [("&quot;", "\""), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")] {
      text = text.replacing(entity, with: mark)
    }
    return [" "] + text + [" "]
  }

  /// Spaces around marks, and around full stops, commas and dashes where they stand by no digit: the four replacements
  /// of mteval-v13a one after the other, each from left to right over pairs that do not overlap.
  private static func separated(_ scalars: [Unicode.Scalar]) -> [Unicode.Scalar] {
    typealias Scalars = [Unicode.Scalar]
    let spaced = scalars.flatMap { $0.isSeparatedMark ? [" ", $0, " "] as Scalars : [$0] }
    let behind = spaced.replacingPairs { !$0.isASCIIDigit && $1.isStop ? [$0, " ", $1, " "] as Scalars : nil }
    let before = behind.replacingPairs { $0.isStop && !$1.isASCIIDigit ? [" ", $0, " ", $1] as Scalars : nil }
    return before.replacingPairs { $0.isASCIIDigit && $1 == "-" ? [$0, " ", $1, " "] as Scalars : nil }
  }

  // MARK: zh

  /// Spaces around every character that sacrebleu holds for Chinese.
  private static func spaced(_ scalars: [Unicode.Scalar]) -> [Unicode.Scalar] {
    guard let first = scalars.firstIndex(where: { !$0.isPythonSpace }),
      let last = scalars.lastIndex(where: { !$0.isPythonSpace })
    else { return [] }
    return scalars[first...last].flatMap { isChinese($0) ? [" ", $0, " "] as [Unicode.Scalar] : [$0] }
  }

  /// The ranges of sacrebleu 2.6.0. Two of them it spells with too few digits for what it means, "\u20000" to
  /// "\u2a6d6" and "\u2f800" to "\u2fa1d"; compared as strings they take in the marks and symbols from U+2001 to U+2A6D
  /// and radicals, and no ideographs beyond U+FFFF.
  private static func isChinese(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x3400...0x4DB5, 0x4E00...0x9FBB, 0xF900...0xFA2D, 0xFA30...0xFA6A, 0x2001...0x2A6D, 0x2F81...0x2FA1,
      0xFF00...0xFFEF, 0x2E80...0x2EFF, 0x3000...0x303F, 0x31C0...0x31EF, 0x2F00...0x2FDF, 0x2FF0...0x2FFF,
      0x3100...0x312F, 0x31A0...0x31BF, 0xFE10...0xFE1F, 0xFE30...0xFE4F, 0x3200...0x33FF:
      true
    default: false
    }
  }

  // MARK: rouge-score

  private static func lowercaseWords(_ scalars: [Unicode.Scalar]) -> [String] {
    let lower = scalars.flatMap { Array($0.properties.lowercaseMapping.unicodeScalars) }
    return lower.split { !$0.isASCIIDigit && !("a"..."z").contains($0) }.map { String($0) }
  }

  private static func split(_ scalars: [Unicode.Scalar]) -> [String] {
    scalars.split(whereSeparator: \.isPythonSpace).map { String($0) }
  }
}

extension Unicode.Scalar {
  fileprivate var isASCIIDigit: Bool { ("0"..."9").contains(self) }

  /// A full stop or a comma.
  fileprivate var isStop: Bool { self == "." || self == "," }

  /// The marks of ASCII that are always separated: all but apostrophe, comma, dash and full stop; and the space.
  fileprivate var isSeparatedMark: Bool {
    switch value {
    case 0x20...0x26, 0x28...0x2B, 0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: true
    default: false
    }
  }
}

extension [Unicode.Scalar] {
  /// Every occurrence of `pattern` replaced, from left to right.
  fileprivate func replacing(_ pattern: String, with replacement: String) -> [Unicode.Scalar] {
    let (pattern, replacement) = (Array(pattern.unicodeScalars), Array(replacement.unicodeScalars))
    guard contains(pattern[0]) else { return self }
    var result: [Unicode.Scalar] = []
    var position = 0
    while position < count {
      if self[position] == pattern[0], self[position...].starts(with: pattern) {
        result += replacement
        position += pattern.count
      } else {
        result.append(self[position])
        position += 1
      }
    }
    return result
  }

  /// The pairs of neighbours for which there is a `replacement` replaced, from left to right; none is in two pairs.
  fileprivate func replacingPairs(
    _ replacement: (Unicode.Scalar, Unicode.Scalar) -> [Unicode.Scalar]?
  ) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    result.reserveCapacity(count + count / 4)
    var position = 0
    while position < count {
      if position + 1 < count, let pair = replacement(self[position], self[position + 1]) {
        result += pair
        position += 2
      } else {
        result.append(self[position])
        position += 1
      }
    }
    return result
  }
}
