// Filters that make text of a value.

extension TemplateRenderer {
  /// The text filters but `tojson`; `text` is the value as Python's `str` has it.
  func applyTextFilter(
    _ filter: TemplateFilter, to text: String, _ arguments: EvaluatedArguments
  ) throws(TemplateFault) -> RuntimeValue {
    let name = filter.rawValue
    try budget.spend(scalarsOf: text)
    switch filter {
    case .trim:
      let characters = try arguments.bound(to: ["chars"], of: name)[0].string("chars")
      return .string(text.trimmed(of: characters))
    case .replace:
      let given = try arguments.bound(to: ["old", "new", "count"], of: name)
      guard let old = given[0], let new = given[1] else {
        throw .invalidOperation("'replace' needs two strings")
      }
      let limit = try given[2].integer("count")
      return .string(
        try text.replacing(try old.text(budget), with: try new.text(budget), limit: limit, budget))
    case .indent: return .string(try indent(text, arguments))
    case .format:
      if arguments.named.isEmpty {
        return .string(try PercentFormat.format(text, try .tuple(arguments.positional), budget))
      }
      let fields = OrderedFields(arguments.named.map { ($0.name, $0.value) })
      return .string(try PercentFormat.format(text, .dictionary(try .init(fields)), budget))
    case .center:
      let width = try arguments.bound(to: ["width"], of: name)[0] ?? .integer(80)
      return try StringMethod.center.call(on: text, EvaluatedArguments(positional: [width]), budget)
    default:
      try arguments.none(of: name)
      return try applyPlainFilter(filter, to: text)
    }
  }

  /// The text filters without arguments.
  private func applyPlainFilter(_ filter: TemplateFilter, to text: String) throws(TemplateFault)
    -> RuntimeValue
  {
    switch filter {
    case .upper: return .string(text.uppercased())
    case .lower: return .string(text.lowercased())
    case .capitalize: return .string(text.capitalizedFirst)
    case .title: return .string(text.wordsCapitalized)
    case .wordcount: return .integer(text.wordCount)
    case .escape, .e:
      try budget.spend(text: text.utf8.count, times: 5)
      return .string(text.escapedForHTML)
    default: return .string(text)
    }
  }

  /// The lines of `text`, indented but for the first and, unless asked for, the blank ones.
  private func indent(_ text: String, _ arguments: EvaluatedArguments) throws(TemplateFault) -> String {
    let given = try arguments.bound(to: ["width", "first", "blank"], of: "indent")
    var indentation = ""
    if case .string(let written) = given[0] {
      indentation = written
    } else {
      let width = try given[0].integer("width") ?? 4
      try budget.spend(text: 1, times: width)
      indentation = String(repeating: " ", count: max(0, width))
    }
    // Jinja adds a line break before it splits, so that one at the end is kept.
    let lines = (text + "\n").lines()
    try budget.spend(text: indentation.utf8.count, times: lines.count)
    let indentsBlank = given[2]?.isTrue ?? false
    let indentsFirst = given[1]?.isTrue ?? false
    return lines.enumerated().map { position, line in
      let isIndented = position == 0 ? indentsFirst : indentsBlank || !line.isEmpty
      return isIndented ? indentation + line : line
    }.joined(separator: "\n")
  }

  /// `tojson(ensure_ascii, indent, separators, sort_keys)`, Python's json.dumps.
  func toJSON(_ value: RuntimeValue, _ arguments: EvaluatedArguments) throws(TemplateFault) -> RuntimeValue {
    let given = try arguments.bound(
      to: ["ensure_ascii", "indent", "separators", "sort_keys"], of: "tojson")
    var layout = JSONLayout()
    layout.asciiOnly = given[0]?.isTrue ?? false
    layout.sortsKeys = given[3]?.isTrue ?? false
    if case .string(let written) = given[1] {
      layout.indentation = written
    } else if let width = try given[1].integer("indent") {
      try budget.spend(text: 1, times: width)
      layout.indentation = String(repeating: " ", count: max(0, width))
    }
    if layout.indentation != nil { layout.itemSeparator = "," }
    if let separators = given[2], !separators.isNone {
      let both = try separators.iterated(budget)
      guard both.count == 2 else { throw .invalidOperation("'separators' are two strings") }
      (layout.itemSeparator, layout.keySeparator) = (try both[0].requireString(), try both[1].requireString())
    }
    return .string(try value.json(layout, budget))
  }
}

extension String {
  /// Jinja's `title`: each word with a capital and the rest in lower case; words begin behind white
  /// space, hyphens and opening brackets.
  fileprivate var wordsCapitalized: String {
    var output = ""
    var startsWord = true
    for scalar in unicodeScalars {
      let isBreak = scalar.isPythonSpace || ["-", "(", "{", "[", "<"].contains(scalar)
      output += startsWord ? scalar.properties.uppercaseMapping : scalar.properties.lowercaseMapping
      startsWord = isBreak
    }
    return output
  }

  /// Runs of letters, digits and underscores.
  fileprivate var wordCount: Int {
    var count = 0
    var isInWord = false
    for scalar in unicodeScalars {
      let isWordScalar =
        scalar == "_" || scalar.properties.isAlphabetic || scalar.properties.numericType != nil
      if isWordScalar, !isInWord { count += 1 }
      isInWord = isWordScalar
    }
    return count
  }

  fileprivate var escapedForHTML: String {
    var output = ""
    for scalar in unicodeScalars {
      switch scalar {
      case "&": output += "&amp;"
      case "<": output += "&lt;"
      case ">": output += "&gt;"
      case "\"": output += "&#34;"
      case "'": output += "&#39;"
      default: output.unicodeScalars.append(scalar)
      }
    }
    return output
  }
}
