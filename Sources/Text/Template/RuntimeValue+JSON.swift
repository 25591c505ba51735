// The filter `tojson`, as transformers defines it: Python's json.dumps without HTML escapes.

/// How `tojson` lays out its text.
struct JSONLayout {
  /// What one level is indented by; nil for everything on one line.
  var indentation: String?
  var itemSeparator = ", "
  var keySeparator = ": "
  var asciiOnly = false
  var sortsKeys = false
}

extension RuntimeValue {
  /// The value as JSON; a fault for what JSON cannot hold.
  func json(_ layout: JSONLayout, _ budget: TemplateBudget) throws(TemplateFault) -> String {
    var output = ""
    try appendJSON(to: &output, layout, level: 0, budget)
    return output
  }

  private func appendJSON(
    to output: inout String, _ layout: JSONLayout, level: Int, _ budget: TemplateBudget
  ) throws(TemplateFault) {
    try budget.spend(16)
    switch self {
    case .none: output += "null"
    case .boolean(let value): output += value ? "true" : "false"
    case .integer(let value): output += String(value)
    case .float(let value):
      output +=
        value.isFinite ? value.shortestText : (value.isNaN ? "NaN" : (value < 0 ? "-Infinity" : "Infinity"))
    case .string(let text):
      try budget.spend(text: text.utf8.count)
      try budget.spend(scalarsOf: text)
      output.appendJSONString(text, asciiOnly: layout.asciiOnly)
    case .list(let elements), .tuple(let elements):
      try append(elements.values, between: "[", "]", to: &output, layout, level: level, budget) {
        (value, output) throws(TemplateFault) in
        try value.appendJSON(to: &output, layout, level: level + 1, budget)
      }
    case .dictionary(let dictionary):
      let fields =
        layout.sortsKeys
        ? dictionary.fields.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        : Array(dictionary.fields)
      try append(fields, between: "{", "}", to: &output, layout, level: level, budget) {
        (field, output) throws(TemplateFault) in
        output.appendJSONString(field.key, asciiOnly: layout.asciiOnly)
        output += layout.keySeparator
        try field.value.appendJSON(to: &output, layout, level: level + 1, budget)
      }
    default: throw .invalidOperation("a value of type \(typeName) cannot be written as JSON")
    }
  }

  private func append<Item>(
    _ items: [Item], between opening: String, _ closing: String, to output: inout String,
    _ layout: JSONLayout, level: Int, _ budget: TemplateBudget,
    _ appendItem: (Item, inout String) throws(TemplateFault) -> Void
  ) throws(TemplateFault) {
    output += opening
    let start = output.utf8.count
    for (position, item) in items.enumerated() {
      if position > 0 { output += layout.itemSeparator }
      try Self.startLine(layout, level: level + 1, in: &output, budget)
      try appendItem(item, &output)
    }
    if !items.isEmpty { try Self.startLine(layout, level: level, in: &output, budget) }
    output += closing
    // What is inside was paid for value by value; its indentation and separators are paid for here.
    try budget.spend(text: output.utf8.count - start)
  }

  private static func startLine(
    _ layout: JSONLayout, level: Int, in output: inout String, _ budget: TemplateBudget
  ) throws(TemplateFault) {
    guard let indentation = layout.indentation else { return }
    try budget.spend(text: indentation.utf8.count, times: level)
    output += "\n" + String(repeating: indentation, count: level)
  }
}
