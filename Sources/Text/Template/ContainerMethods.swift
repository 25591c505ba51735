// The methods of lists, dictionaries and loops. Those that would change a list or dictionary exist
// only to be refused, as the sandbox refuses them that transformers runs templates in.

/// The methods of lists and tuples.
enum SequenceMethod: String {
  case index, count, copy
  case append, extend, insert, pop, remove, clear, reverse, sort

  func call(
    on values: [RuntimeValue], _ arguments: EvaluatedArguments, _ budget: TemplateBudget
  ) throws(TemplateFault) -> RuntimeValue {
    switch self {
    case .index:
      let sought = try arguments.single("value", of: rawValue)
      for (position, value) in values.enumerated() where try value.isEqual(to: sought, budget) {
        return .integer(position)
      }
      throw .invalidOperation("'index' does not find its value in the list")
    case .count:
      let sought = try arguments.single("value", of: rawValue)
      var count = 0
      for value in values where try value.isEqual(to: sought, budget) { count += 1 }
      return .integer(count)
    case .copy: return try .list(values)
    case .append, .extend, .insert, .pop, .remove, .clear, .reverse, .sort:
      throw .invalidOperation("'\(rawValue)' is not allowed: a template cannot change a list")
    }
  }
}

/// The methods of dictionaries.
enum DictionaryMethod: String {
  case items, keys, values, get, copy
  case pop, popitem, update, setdefault, clear

  func call(
    on dictionary: RuntimeValue.Dictionary, _ arguments: EvaluatedArguments, _ budget: TemplateBudget
  ) throws(TemplateFault) -> RuntimeValue {
    switch self {
    case .items:
      try arguments.none(of: rawValue)
      return try .list(try dictionary.items(budget))
    case .keys:
      try arguments.none(of: rawValue)
      try budget.spend(values: dictionary.fields.count)
      return try .list(dictionary.fields.map { .string($0.key) })
    case .values:
      try arguments.none(of: rawValue)
      try budget.spend(values: dictionary.fields.count)
      return try .list(dictionary.fields.map(\.value))
    case .get:
      guard arguments.named.isEmpty else { throw .invalidOperation("'get' takes no named arguments") }
      let given = try arguments.bound(to: ["key", "default"], of: rawValue)
      guard case .string(let key) = given[0] else { return given[1] ?? RuntimeValue.none }
      return dictionary.fields[key] ?? given[1] ?? RuntimeValue.none
    case .copy: return .dictionary(dictionary)
    case .pop, .popitem, .update, .setdefault, .clear:
      throw .invalidOperation("'\(rawValue)' is not allowed: a template cannot change a dictionary")
    }
  }
}

extension RuntimeValue.Dictionary {
  /// The fields as pairs.
  func items(_ budget: TemplateBudget) throws(TemplateFault) -> [RuntimeValue] {
    try budget.spend(values: fields.count * 3)
    return try fields.map { field throws(TemplateFault) in try .tuple([.string(field.key), field.value]) }
  }
}

/// The methods of the variable `loop`.
enum LoopMethod: String {
  case cycle, changed

  func call(
    on loop: LoopState, _ arguments: EvaluatedArguments, _ budget: TemplateBudget
  ) throws(TemplateFault) -> RuntimeValue {
    switch self {
    case .cycle:
      guard !arguments.positional.isEmpty else { throw .invalidOperation("'cycle' needs values") }
      return arguments.positional[loop.index % arguments.positional.count]
    case .changed:
      let seen = try RuntimeValue.list(arguments.positional)
      if let last = loop.lastSeen, try RuntimeValue.list(last).isEqual(to: seen, budget) {
        return .boolean(false)
      }
      loop.lastSeen = arguments.positional
      return .boolean(true)
    }
  }
}

extension RuntimeValue {
  /// Whether `name` is a method of values like this one.
  func hasMethod(_ name: String) -> Bool {
    switch self {
    case .string: StringMethod(rawValue: name) != nil
    case .dictionary: DictionaryMethod(rawValue: name) != nil
    case .list: SequenceMethod(rawValue: name) != nil
    case .tuple: name == "index" || name == "count"
    case .loop: LoopMethod(rawValue: name) != nil
    default: false
    }
  }
}
