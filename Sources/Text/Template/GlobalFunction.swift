// The functions every template can call: Jinja's, and the two that transformers adds.

enum GlobalFunction: String {
  case range
  case dict
  case namespace
  case raiseException = "raise_exception"
  case strftimeNow = "strftime_now"
}

extension TemplateRenderer {
  /// What `function` returns.
  func call(
    _ function: GlobalFunction, _ arguments: EvaluatedArguments
  ) throws(TemplateFault) -> RuntimeValue {
    switch function {
    case .range: return try range(arguments)
    case .dict: return .dictionary(try RuntimeValue.Dictionary(try fields(arguments, of: "dict")))
    case .namespace: return try makeNamespace(try fields(arguments, of: "namespace"))
    case .raiseException:
      throw .raised(try arguments.single("message", of: "raise_exception").text(budget))
    case .strftimeNow:
      let format = try (arguments.single("format", of: "strftime_now") as RuntimeValue?).string("format")
      let text = now.formatted(format ?? "")
      try budget.spend(text: text.utf8.count)
      return .string(text)
    }
  }

  private func range(_ arguments: EvaluatedArguments) throws(TemplateFault) -> RuntimeValue {
    let bounds = try arguments.bound(to: ["start", "stop", "step"], of: "range").map {
      bound throws(TemplateFault) in try bound.integer("the bounds of a range")
    }
    guard let first = bounds[0] else { throw .invalidOperation("'range' needs a number") }
    let (start, stop) = bounds[1].map { (first, $0) } ?? (0, first)
    let step = bounds[2] ?? 1
    guard step != 0 else { throw .invalidOperation("the step of a range cannot be zero") }
    guard step > 0 ? start < stop : start > stop else { return try .list([]) }
    let span = step > 0 ? UInt(bitPattern: stop &- start) : UInt(bitPattern: start &- stop)
    let count = (span - 1) / step.magnitude + 1
    guard count <= UInt(TemplateLimits.rangeLength) else {
      throw .limit("a range has more than \(TemplateLimits.rangeLength) numbers")
    }
    try budget.spend(values: Int(count))
    // A product may not fit although the sum, which lies between the bounds, does.
    return try .list((0..<Int(count)).map { .integer(start &+ $0 &* step) })
  }

  /// The fields for a dictionary or namespace: those of a dictionary or of pairs, and those named.
  private func fields(
    _ arguments: EvaluatedArguments, of function: String
  ) throws(TemplateFault) -> OrderedFields<RuntimeValue> {
    let given = try EvaluatedArguments(positional: arguments.positional)
      .bound(to: ["mapping"], of: function)[0]
    var fields = OrderedFields<RuntimeValue>()
    switch given {
    case nil: break
    case .dictionary(let dictionary): fields = dictionary.fields
    case .some(let pairs):
      for pair in try pairs.iterated(budget) {
        let parts = try pair.iterated(budget)
        guard parts.count == 2, case .string(let key) = parts[0] else {
          throw .invalidOperation("'\(function)' needs pairs of a string and a value")
        }
        fields.set(key, to: parts[1])
      }
    }
    for (name, value) in arguments.named { fields.set(name, to: value) }
    try budget.spend(values: fields.count)
    return fields
  }
}
