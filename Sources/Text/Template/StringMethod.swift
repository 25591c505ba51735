// The methods of strings, as Python has them. A character is a Unicode scalar, as in Python, not
// Swift's grapheme cluster.

enum StringMethod: String {
  case strip, lstrip, rstrip, removeprefix, removesuffix
  case upper, lower, title, capitalize, swapcase, casefold
  case split, rsplit, splitlines, partition, rpartition
  case startswith, endswith, find, rfind, index, rindex, count
  case replace, join, format, center, ljust, rjust, zfill
  case isdigit, isdecimal, isnumeric, isalpha, isalnum, isspace, isupper, islower

  func call(
    on text: String, _ arguments: EvaluatedArguments, _ budget: TemplateBudget
  ) throws(TemplateFault) -> RuntimeValue {
    try budget.spend(scalarsOf: text)
    // What is looked for is read as well, and a table made of it.
    for value in arguments.positional + arguments.named.map(\.value) {
      if case .string(let part) = value { try budget.spend(scalarsOf: part) }
    }
    switch self {
    case .strip, .lstrip, .rstrip:
      let trimmed = try (arguments.bound(to: ["chars"], of: rawValue)[0]).string("chars")
      return .string(text.trimmed(of: trimmed, front: self != .rstrip, back: self != .lstrip))
    case .removeprefix, .removesuffix: return .string(try removeAffix(of: text, arguments))
    case .upper, .lower, .title, .capitalize, .swapcase, .casefold:
      try arguments.none(of: rawValue)
      return .string(changeCase(of: text))
    case .split, .rsplit: return try split(text, arguments, budget)
    case .splitlines: return try splitLines(text, arguments, budget)
    case .partition, .rpartition: return try partition(text, arguments)
    case .startswith, .endswith: return .boolean(try hasAffix(text, arguments, budget))
    case .find, .rfind, .index, .rindex: return .integer(try find(in: text, arguments, budget))
    case .count: return .integer(try countOccurrences(in: text, arguments, budget))
    case .replace:
      let given = try arguments.bound(to: ["old", "new", "count"], of: rawValue)
      guard let old = try given[0].string("old"), let new = try given[1].string("new") else {
        throw .invalidOperation("'replace' needs two strings")
      }
      return .string(try text.replacing(old, with: new, limit: try given[2].integer("count"), budget))
    case .join:
      let parts = try arguments.single("iterable", of: rawValue).iterated(budget)
      return .string(try text.join(parts, budget) { part throws(TemplateFault) in try part.requireString() })
    case .format: return .string(try BraceFormat.format(text, arguments, budget))
    case .center, .ljust, .rjust, .zfill: return .string(try pad(text, arguments, budget))
    case .isdigit, .isdecimal, .isnumeric, .isalpha, .isalnum, .isspace, .isupper, .islower:
      try arguments.none(of: rawValue)
      return .boolean(holds(for: text))
    }
  }

  // MARK: Affixes and case

  private func removeAffix(of text: String, _ arguments: EvaluatedArguments) throws(TemplateFault) -> String {
    let affix = try arguments.single("affix", of: rawValue).requireString()
    let bytes = text.utf8
    if self == .removeprefix {
      return bytes.starts(with: affix.utf8) ? String(bytes.dropFirst(affix.utf8.count)) ?? text : text
    }
    return text.hasUTF8Suffix(affix) ? String(bytes.dropLast(affix.utf8.count)) ?? text : text
  }

  private func hasAffix(_ text: String, _ arguments: EvaluatedArguments, _ budget: TemplateBudget) throws(TemplateFault)
    -> Bool
  {
    let given = try arguments.single("affix", of: rawValue)
    var affixes = [given]
    if case .tuple(let elements) = given { affixes = elements.values }
    for affix in affixes {
      let affix = try affix.requireString()
      try budget.spend(affix.utf8.count)
      if self == .startswith ? text.utf8.starts(with: affix.utf8) : text.hasUTF8Suffix(affix) { return true }
    }
    return false
  }

  private func changeCase(of text: String) -> String {
    switch self {
    case .upper: text.uppercased()
    case .title: text.titlecased
    case .capitalize: text.capitalizedFirst
    case .swapcase:
      text.unicodeScalars.map { scalar in
        scalar.properties.isUppercase
          ? scalar.properties.lowercaseMapping : scalar.properties.uppercaseMapping
      }.joined()
    default: text.lowercased()
    }
  }

  // MARK: Search

  private func find(
    in text: String, _ arguments: EvaluatedArguments, _ budget: TemplateBudget
  ) throws(TemplateFault) -> Int {
    let part = try arguments.single("sub", of: rawValue).requireString()
    let bytes = Array(text.utf8)
    var offset: Int?
    switch self {
    case .find, .index: offset = text.utf8Position(of: part)
    default:
      offset =
        part.isEmpty ? bytes.count : ByteSearch(part).allFromBack(in: bytes, limit: 1).first?.lowerBound
    }
    if let offset { return bytes[..<offset].count { $0 & 0xC0 != 0x80 } }
    guard self == .find || self == .rfind else {
      throw .invalidOperation("'\(rawValue)' does not find its string")
    }
    return -1
  }

  private func countOccurrences(
    in text: String, _ arguments: EvaluatedArguments, _ budget: TemplateBudget
  ) throws(TemplateFault) -> Int {
    let part = try arguments.single("sub", of: rawValue).requireString()
    guard !part.isEmpty else { return text.unicodeScalars.count + 1 }
    try budget.spend(text.utf8.count * 16)
    return ByteSearch(part).all(in: Array(text.utf8)).count
  }

  private func holds(for text: String) -> Bool {
    let scalars = text.unicodeScalars
    switch self {
    case .isdigit:
      return !text.isEmpty
        && scalars.allSatisfy { [.decimal, .digit].contains($0.properties.numericType) }
    case .isdecimal: return !text.isEmpty && scalars.allSatisfy { $0.properties.numericType == .decimal }
    case .isnumeric: return !text.isEmpty && scalars.allSatisfy { $0.properties.numericType != nil }
    case .isalpha: return !text.isEmpty && scalars.allSatisfy(\.isLetter)
    case .isalnum:
      return !text.isEmpty && scalars.allSatisfy { $0.isLetter || $0.properties.numericType != nil }
    case .isspace: return !text.isEmpty && scalars.allSatisfy(\.isPythonSpace)
    case .isupper:
      return scalars.contains { $0.properties.isUppercase } && !scalars.contains { $0.properties.isLowercase }
    default:
      return scalars.contains { $0.properties.isLowercase } && !scalars.contains { $0.properties.isUppercase }
    }
  }

  // MARK: Padding

  private func pad(
    _ text: String, _ arguments: EvaluatedArguments, _ budget: TemplateBudget
  ) throws(TemplateFault) -> String {
    let given = try arguments.bound(to: ["width", "fillchar"], of: rawValue)
    guard let width = try given[0].integer("width") else {
      throw .invalidOperation("'\(rawValue)' needs a width")
    }
    let fill = try given[1].string("fillchar") ?? (self == .zfill ? "0" : " ")
    let length = text.unicodeScalars.count
    let missing = width > length ? width - length : 0
    try budget.spend(text: fill.utf8.count, times: missing)
    switch self {
    case .ljust: return text + String(repeating: fill, count: missing)
    case .rjust: return String(repeating: fill, count: missing) + text
    case .zfill:
      let sign = text.hasPrefix("-") || text.hasPrefix("+") ? text.prefix(1) : ""
      return sign + String(repeating: fill, count: missing) + text.dropFirst(sign.count)
    default:
      // Where the blanks do not come out even, Python leaves the odd one by the parity of the width.
      let left = missing / 2 + (missing & width & 1)
      return String(repeating: fill, count: left) + text + String(repeating: fill, count: missing - left)
    }
  }
}

extension Unicode.Scalar {
  /// Whether Python's `str.isalpha` holds for this scalar.
  fileprivate var isLetter: Bool {
    [.uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter]
      .contains(properties.generalCategory)
  }
}

extension RuntimeValue {
  /// The string this value is; a fault if it is none.
  func requireString() throws(TemplateFault) -> String {
    guard case .string(let text) = self else {
      throw .invalidOperation("a string is needed here, not a value of type \(typeName)")
    }
    return text
  }
}
