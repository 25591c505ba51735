// Python's `str.format`, without attribute access inside the braces.

enum BraceFormat {
  /// `format` with its fields replaced by `arguments`.
  static func format(
    _ format: String, _ arguments: EvaluatedArguments, _ budget: TemplateBudget
  ) throws(TemplateFault) -> String {
    var cursor = FormatCursor(format)
    var output = ""
    var nextPosition = 0
    while let scalar = cursor.next() {
      switch scalar {
      case "{" where cursor.accept("{"): output += "{"
      case "}" where cursor.accept("}"): output += "}"
      case "}": throw .invalidOperation("a '}' in a format closes nothing")
      case "{":
        guard let field = cursor.text(until: "}") else {
          throw .invalidOperation("a '{' in a format is not closed")
        }
        let text = try render(field, arguments, &nextPosition, budget)
        try budget.spend(text: output.utf8.count + text.utf8.count)
        output += text
      default: output.unicodeScalars.append(scalar)
      }
    }
    return output
  }

  private static func render(
    _ field: String, _ arguments: EvaluatedArguments, _ nextPosition: inout Int, _ budget: TemplateBudget
  ) throws(TemplateFault) -> String {
    let halves = field.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    var name = halves[0]
    var specification = try specification(halves.count > 1 ? String(halves[1]) : "")
    for conversion in ["r", "s"] where name.hasSuffix("!" + conversion) {
      name = name.dropLast(2)
      specification.type = Character(conversion)
    }
    var value: RuntimeValue?
    if let position = name.isEmpty ? nextPosition : Int(name) {
      nextPosition += name.isEmpty ? 1 : 0
      value = arguments.positional.indices.contains(position) ? arguments.positional[position] : nil
    } else {
      value = arguments.named.first { $0.name == name }?.value
    }
    guard let value else { throw .invalidOperation("the format asks for '{\(field)}', which is not given") }
    return try specification.render(value, budget)
  }

  /// `[[fill]align][sign][0][width][,][.precision][type]`
  private static func specification(_ text: String) throws(TemplateFault) -> FormatSpecification {
    var specification = FormatSpecification()
    var cursor = FormatCursor(text)
    let alignments: [Unicode.Scalar] = ["<", ">", "^", "="]
    var lookahead = cursor
    if let fill = lookahead.next(), let alignment = lookahead.next(), alignments.contains(alignment) {
      (specification.fill, specification.alignment) = (String(fill), Character(alignment))
      cursor = lookahead
    } else if let alignment = cursor.peek, alignments.contains(alignment) {
      specification.alignment = Character(alignment)
      _ = cursor.next()
    }
    if cursor.accept("+") {
      specification.positiveSign = "+"
    } else if cursor.accept(" ") {
      specification.positiveSign = " "
    } else {
      _ = cursor.accept("-")
    }
    if cursor.accept("0"), specification.alignment == nil {
      (specification.fill, specification.alignment) = ("0", "=")
    }
    specification.width = try cursor.number() ?? 0
    specification.groupsThousands = cursor.accept(",")
    if cursor.accept(".") { specification.precision = try cursor.number() ?? 0 }
    specification.type = cursor.next().map { Character($0) }
    guard cursor.peek == nil else { throw .invalidOperation("the format ':\(text)' is not supported") }
    return specification
  }
}
