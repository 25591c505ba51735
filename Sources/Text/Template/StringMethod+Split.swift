// The methods that take strings apart.

extension StringMethod {
  /// `split` and `rsplit`: at a separator, or at runs of white space.
  func split(
    _ text: String, _ arguments: EvaluatedArguments, _ budget: TemplateBudget
  ) throws(TemplateFault) -> RuntimeValue {
    let given = try arguments.bound(to: ["sep", "maxsplit"], of: rawValue)
    let requested = try given[1].integer("maxsplit") ?? -1
    let limit = requested < 0 ? Int.max : requested
    var parts: [String]
    if let separator = try given[0].string("sep") {
      guard !separator.isEmpty else { throw .invalidOperation("the separator of '\(rawValue)' is empty") }
      try budget.spend(text.utf8.count / separator.utf8.count * MemoryLayout<RuntimeValue>.stride)
      let bytes = Array(text.utf8)
      let search = ByteSearch(separator)
      let found =
        self == .split
        ? search.all(in: bytes, limit: limit) : search.allFromBack(in: bytes, limit: limit)
      parts = zip([0] + found.map(\.upperBound), found.map(\.lowerBound) + [bytes.count])
        .map { String(decoding: bytes[$0..<$1], as: UTF8.self) }
    } else {
      try budget.spend(text.utf8.count / 2 * MemoryLayout<RuntimeValue>.stride)
      parts =
        self == .split
        ? text.splitAtWhitespace(limit: limit) : text.splitAtWhitespaceFromBack(limit: limit)
    }
    return try .list(parts.map { .string($0) })
  }

  /// `splitlines`.
  func splitLines(
    _ text: String, _ arguments: EvaluatedArguments, _ budget: TemplateBudget
  ) throws(TemplateFault) -> RuntimeValue {
    let keepsBreaks = try arguments.bound(to: ["keepends"], of: rawValue)[0]?.isTrue ?? false
    try budget.spend(text.utf8.count * MemoryLayout<RuntimeValue>.stride)
    return try .list(text.lines(keepingBreaks: keepsBreaks).map { .string($0) })
  }

  /// `partition` and `rpartition`: what stands before a separator, the separator, and the rest.
  func partition(_ text: String, _ arguments: EvaluatedArguments) throws(TemplateFault) -> RuntimeValue {
    let separator = try arguments.single("sep", of: rawValue).requireString()
    guard !separator.isEmpty else { throw .invalidOperation("the separator of '\(rawValue)' is empty") }
    let bytes = Array(text.utf8)
    let search = ByteSearch(separator)
    let found =
      self == .partition
      ? search.first(in: bytes) : search.allFromBack(in: bytes, limit: 1).first
    guard let found else {
      let parts = self == .partition ? [text, "", ""] : ["", "", text]
      return try .tuple(parts.map { .string($0) })
    }
    let before = String(decoding: bytes[..<found.lowerBound], as: UTF8.self)
    let after = String(decoding: bytes[found.upperBound...], as: UTF8.self)
    return try .tuple([.string(before), .string(separator), .string(after)])
  }
}

extension String {
  /// The words between runs of white space; after `limit` splits the rest stays whole.
  func splitAtWhitespace(limit: Int = .max) -> [String] {
    var words: [String] = []
    var rest = self[...].trimmingFront(\.isPythonSpace)
    while !rest.isEmpty {
      let end = rest.unicodeScalars.firstIndex(where: \.isPythonSpace)
      guard words.count < limit, let end else {
        words.append(String(rest))
        break
      }
      words.append(String(rest[..<end]))
      rest = rest[end...].trimmingFront(\.isPythonSpace)
    }
    return words
  }

  /// The words between runs of white space, split from the back.
  func splitAtWhitespaceFromBack(limit: Int) -> [String] {
    var words: [String] = []
    var rest = self[...].trimmingBack(\.isPythonSpace)
    while !rest.isEmpty {
      let last = rest.unicodeScalars.lastIndex(where: \.isPythonSpace)
      guard words.count < limit, let last else {
        words.append(String(rest))
        break
      }
      words.append(String(rest[rest.unicodeScalars.index(after: last)...]))
      rest = rest[..<last].trimmingBack(\.isPythonSpace)
    }
    return words.reversed()
  }

  /// The lines, without a last empty one.
  func lines(keepingBreaks: Bool = false) -> [String] {
    var lines: [String] = []
    var line = UnicodeScalarView()
    var previous: Unicode.Scalar?
    for scalar in unicodeScalars {
      defer { previous = scalar }
      if scalar == "\n", previous == "\r" {
        if keepingBreaks { lines[lines.count - 1].unicodeScalars.append(scalar) }
        continue
      }
      if !scalar.isPythonLineBreak || keepingBreaks { line.append(scalar) }
      if scalar.isPythonLineBreak {
        lines.append(String(line))
        line = UnicodeScalarView()
      }
    }
    if !line.isEmpty { lines.append(String(line)) }
    return lines
  }
}
