// Values as text: Python's str (what a template prints) and repr (how values inside lists look).

extension RuntimeValue {
  /// Python's `str` of the value; nothing for an undefined one.
  func text(_ budget: TemplateBudget) throws(TemplateFault) -> String {
    switch self {
    case .string(let text): return text
    case .undefined: return ""
    default:
      var output = ""
      try appendRepresentation(to: &output, budget)
      return output
    }
  }

  /// Python's `repr` of the value.
  func representation(_ budget: TemplateBudget) throws(TemplateFault) -> String {
    var output = ""
    try appendRepresentation(to: &output, budget)
    return output
  }

  private func appendRepresentation(
    to output: inout String, _ budget: TemplateBudget
  ) throws(TemplateFault) {
    switch self {
    case .undefined: output += "Undefined"
    case .none: output += "None"
    case .boolean(let value): output += value ? "True" : "False"
    case .integer(let value): output += String(value)
    case .float(let value): output += value.shortestText
    case .string(let text):
      try budget.spend(text: text.utf8.count)
      try budget.spend(scalarsOf: text)
      output += text.pythonRepresentation
    case .list(let elements):
      try append(elements.values, between: "[", "]", to: &output, budget)
    case .tuple(let elements):
      try append(elements.values, between: "(", elements.values.count == 1 ? ",)" : ")", to: &output, budget)
    case .dictionary(let dictionary): try append(dictionary.fields, to: &output, budget)
    default: output += "<\(typeName)>"
    }
    try budget.spend(16)
    guard output.utf8.count <= budget.limits.textLength else {
      throw .limit("the template makes a text of more than \(budget.limits.textLength) bytes")
    }
  }

  private func append(
    _ values: [RuntimeValue], between opening: String, _ closing: String, to output: inout String,
    _ budget: TemplateBudget
  ) throws(TemplateFault) {
    output += opening
    for (position, value) in values.enumerated() {
      if position > 0 { output += ", " }
      try value.appendRepresentation(to: &output, budget)
    }
    output += closing
  }

  private func append(
    _ fields: OrderedFields<RuntimeValue>, to output: inout String, _ budget: TemplateBudget
  ) throws(TemplateFault) {
    output += "{"
    for (position, field) in fields.enumerated() {
      if position > 0 { output += ", " }
      try RuntimeValue.string(field.key).appendRepresentation(to: &output, budget)
      output += ": "
      try field.value.appendRepresentation(to: &output, budget)
    }
    output += "}"
  }
}

extension String {
  /// Python's `repr` of the string: in quotes, with escapes for what is not printable.
  var pythonRepresentation: String {
    let quote: Unicode.Scalar = unicodeScalars.contains("'") && !unicodeScalars.contains("\"") ? "\"" : "'"
    var output = String(quote)
    for scalar in unicodeScalars {
      switch scalar {
      case "\n": output += "\\n"
      case "\r": output += "\\r"
      case "\t": output += "\\t"
      case "\\": output += "\\\\"
      case quote: output += "\\" + String(quote)
      case _ where scalar.isPythonPrintable: output.unicodeScalars.append(scalar)
      case _ where scalar.value <= 0xFF: output += "\\x" + scalar.value.hexadecimal(digits: 2)
      case _ where scalar.value <= 0xFFFF: output += "\\u" + scalar.value.hexadecimal(digits: 4)
      default: output += "\\U" + scalar.value.hexadecimal(digits: 8)
      }
    }
    output.unicodeScalars.append(quote)
    return output
  }
}

extension Unicode.Scalar {
  /// Whether Python's `str.isprintable` holds for this scalar.
  fileprivate var isPythonPrintable: Bool {
    if isASCII { return value >= 0x20 && value < 0x7F }
    switch properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
      .spaceSeparator:
      return false
    default: return true
    }
  }
}
