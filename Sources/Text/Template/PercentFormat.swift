// Python's `format % values`.

enum PercentFormat {
  /// `format` with its conversions replaced by `values`: a tuple's elements, a dictionary's fields by
  /// name, or the one value.
  static func format(
    _ format: String, _ values: RuntimeValue, _ budget: TemplateBudget
  ) throws(TemplateFault) -> String {
    try budget.spend(format.utf8.count)
    var pending = [values][...]
    if case .tuple(let elements) = values { pending = elements.values[...] }
    var cursor = FormatCursor(format)
    var output = ""
    var usesNames = false
    while let scalar = cursor.next() {
      if scalar != "%" {
        output.unicodeScalars.append(scalar)
      } else if cursor.accept("%") {
        output += "%"
      } else {
        let name = try acceptName(&cursor)
        usesNames = usesNames || name != nil
        let specification = try specification(&cursor)
        let value =
          try name.map { name throws(TemplateFault) in try field(name, of: values) } ?? pending.popFirst()
        guard let value else { throw .invalidOperation("there are fewer values than the format asks for") }
        let text = try specification.render(value, budget)
        try budget.spend(text: output.utf8.count + text.utf8.count)
        output += text
      }
    }
    switch values {
    case .dictionary, .list, .undefined: return output  // Python lets what has elements be more than is asked for.
    default:
      guard pending.isEmpty || usesNames else {
        throw .invalidOperation("there are more values than the format asks for")
      }
      return output
    }
  }

  private static func acceptName(_ cursor: inout FormatCursor) throws(TemplateFault) -> String? {
    guard cursor.accept("(") else { return nil }
    guard let name = cursor.text(until: ")") else { throw .invalidOperation("a name in a format has no end") }
    return name
  }

  private static func field(_ name: String, of values: RuntimeValue) throws(TemplateFault) -> RuntimeValue {
    guard case .dictionary(let dictionary) = values, let value = dictionary.fields[name] else {
      throw .invalidOperation("the format asks for '\(name)', which is not given")
    }
    return value
  }

  private static func specification(_ cursor: inout FormatCursor) throws(TemplateFault) -> FormatSpecification {
    var specification = FormatSpecification()
    specification.alignment = ">"
    while let flag = cursor.peek, ["-", "+", " ", "0", "#"].contains(flag) {
      _ = cursor.next()
      switch flag {
      case "-": specification.alignment = "<"
      case "+": specification.positiveSign = "+"
      case " ": specification.positiveSign = specification.positiveSign.isEmpty ? " " : "+"
      case "0" where specification.alignment != "<":
        (specification.fill, specification.alignment) = ("0", "=")
      default: break
      }
    }
    specification.width = try cursor.number() ?? 0
    if cursor.accept(".") { specification.precision = try cursor.number() ?? 0 }
    guard let type = cursor.next() else { throw .invalidOperation("a format ends in the middle") }
    specification.type = Character(type)
    return specification
  }
}
