// Filters over the elements of lists, dictionaries, strings and generators.

extension TemplateRenderer {
  func applySequenceFilter(
    _ filter: TemplateFilter, to value: RuntimeValue, _ arguments: EvaluatedArguments
  ) throws(TemplateFault) -> RuntimeValue {
    let name = filter.rawValue
    switch filter {
    case .length, .count:
      try arguments.none(of: name)
      guard let count = try value.count(budget) else {
        throw .invalidOperation("a value of type \(value.typeName) has no length")
      }
      return .integer(count)
    case .first:
      try arguments.none(of: name)
      if case .generator(let generator) = value { return generator.next() ?? .undefined }
      return try value.iterated(budget).first ?? .undefined
    case .last:
      try arguments.none(of: name)
      if case .generator = value {
        throw .invalidOperation("a generator has no last element: use |list first")
      }
      return try value.iterated(budget).last ?? .undefined
    case .list:
      try arguments.none(of: name)
      return try .list(try value.iterated(budget))
    case .items:
      try arguments.none(of: name)
      if value.isUndefined { return try .generator([]) }
      guard case .dictionary(let dictionary) = value else {
        throw .invalidOperation("'items' needs a dictionary, not a value of type \(value.typeName)")
      }
      return try .generator(try dictionary.items(budget))
    case .join: return try join(value, arguments)
    case .reverse: return try reverse(value, arguments)
    case .sum: return try sum(value, arguments)
    case .batch: return try batch(value, arguments)
    default: return try slice(value, arguments)
    }
  }

  private func join(_ value: RuntimeValue, _ arguments: EvaluatedArguments) throws(TemplateFault)
    -> RuntimeValue
  {
    let given = try arguments.bound(to: ["d", "attribute"], of: "join")
    let separator = try given[0].map { value throws(TemplateFault) in try value.text(budget) } ?? ""
    var parts = try value.iterated(budget)
    if let path = given[1], !path.isNone {
      parts = try parts.map { part throws(TemplateFault) in try attribute(path, of: part) }
    }
    return .string(
      try separator.join(parts, budget) { part throws(TemplateFault) in try part.text(budget) })
  }

  private func reverse(_ value: RuntimeValue, _ arguments: EvaluatedArguments) throws(TemplateFault)
    -> RuntimeValue
  {
    try arguments.none(of: "reverse")
    if case .string(let text) = value {
      try budget.spend(text: text.utf8.count)
      return .string(String(String.UnicodeScalarView(text.unicodeScalars.reversed())))
    }
    return try .generator(try value.iterated(budget).reversed())
  }

  private func sum(_ value: RuntimeValue, _ arguments: EvaluatedArguments) throws(TemplateFault)
    -> RuntimeValue
  {
    let given = try arguments.bound(to: ["attribute", "start"], of: "sum")
    var total = given[1] ?? .integer(0)
    for element in try value.iterated(budget) {
      var term = element
      if let path = given[0], !path.isNone { term = try attribute(path, of: element) }
      if term.isUndefined { throw .undefined("an element that 'sum' adds is not defined") }
      total = try RuntimeValue.arithmetic(total, .add, term, budget)
    }
    return total
  }

  /// Lists of `linecount` elements each, the last one filled up if there is something to fill with.
  private func batch(_ value: RuntimeValue, _ arguments: EvaluatedArguments) throws(TemplateFault)
    -> RuntimeValue
  {
    let given = try arguments.bound(to: ["linecount", "fill_with"], of: "batch")
    guard let size = try given[0].integer("linecount"), size > 0, size <= TemplateLimits.rangeLength else {
      throw .invalidOperation("'batch' needs a number from 1 to \(TemplateLimits.rangeLength)")
    }
    let elements = try value.iterated(budget)
    var batches: [RuntimeValue] = []
    for start in stride(from: 0, to: elements.count, by: size) {
      var batch = Array(elements[start..<min(start + size, elements.count)])
      if let filler = given[1], !filler.isNone {
        batch += Array(repeating: filler, count: size - batch.count)
      }
      try budget.spend(values: batch.count)
      batches.append(try .list(batch))
    }
    return try .generator(batches)
  }

  /// `slices` lists of lengths that differ by one at most.
  private func slice(_ value: RuntimeValue, _ arguments: EvaluatedArguments) throws(TemplateFault)
    -> RuntimeValue
  {
    let given = try arguments.bound(to: ["slices", "fill_with"], of: "slice")
    guard let slices = try given[0].integer("slices"), slices > 0, slices <= TemplateLimits.rangeLength else {
      throw .invalidOperation("'slice' needs a number from 1 to \(TemplateLimits.rangeLength)")
    }
    let elements = try value.iterated(budget)
    let (length, longer) = elements.count.quotientAndRemainder(dividingBy: slices)
    try budget.spend(values: elements.count + slices)
    var parts: [RuntimeValue] = []
    var start = 0
    for index in 0..<slices {
      let end = start + length + (index < longer ? 1 : 0)
      var part = Array(elements[start..<end])
      if let filler = given[1], !filler.isNone, index >= longer { part.append(filler) }
      parts.append(try .list(part))
      start = end
    }
    return try .generator(parts)
  }

  // MARK: map, select and their kin

  /// `map('filter', arguments…)` or `map(attribute='path', default=…)`.
  func map(_ value: RuntimeValue, _ arguments: EvaluatedArguments) throws(TemplateFault) -> RuntimeValue {
    // Like Jinja, `map` and `select` take whatever is false, None included, for an empty list.
    let elements = value.isTrue ? try value.iterated(budget) : []
    var mapped: [RuntimeValue] = []
    if arguments.positional.isEmpty, let path = arguments.named.first(where: { $0.name == "attribute" }) {
      let fallback = arguments.named.first { $0.name == "default" }?.value
      guard arguments.named.count == (fallback == nil ? 1 : 2) else {
        throw .invalidOperation("'map' has no such parameter beside 'attribute'")
      }
      for element in elements {
        try budget.step()
        let found = try attribute(path.value, of: element)
        mapped.append(found.isUndefined ? fallback ?? found : found)
      }
    } else {
      guard let filter = arguments.positional.first else { throw .invalidOperation("'map' needs a filter") }
      let name = try filter.requireString()
      let rest = EvaluatedArguments(
        positional: Array(arguments.positional.dropFirst()), named: arguments.named)
      for element in elements {
        try enter()
        defer { leave() }
        mapped.append(try applyFilter(name, to: element, rest))
      }
    }
    return try .generator(mapped)
  }

  /// `select('test', arguments…)` and the variants that negate or look at an attribute.
  func select(
    _ filter: TemplateFilter, from value: RuntimeValue, _ arguments: EvaluatedArguments
  ) throws(TemplateFault) -> RuntimeValue {
    var rest = arguments
    var path: RuntimeValue?
    if filter == .selectattr || filter == .rejectattr {
      guard !rest.positional.isEmpty else {
        throw .invalidOperation("'\(filter.rawValue)' needs an attribute")
      }
      path = rest.positional.removeFirst()
    }
    let test = rest.positional.isEmpty ? nil : try rest.positional.removeFirst().requireString()
    let keeps = filter == .select || filter == .selectattr
    var kept: [RuntimeValue] = []
    for element in value.isTrue ? try value.iterated(budget) : [] {
      try enter()
      defer { leave() }
      let tested = try path.map { path throws(TemplateFault) in try attribute(path, of: element) } ?? element
      let holds =
        try test.map { test throws(TemplateFault) in try applyTest(test, to: tested, rest) } ?? tested.isTrue
      if holds == keeps { kept.append(element) }
    }
    return try .generator(kept)
  }

  /// What `path` ("name.0.other", or a number) leads to from `value`.
  func attribute(_ path: RuntimeValue, of value: RuntimeValue) throws(TemplateFault) -> RuntimeValue {
    guard case .string(let text) = path else { return try value.element(path, budget) }
    var found = value
    for part in text.split(separator: ".", omittingEmptySubsequences: false) {
      if found.isUndefined { throw .undefined("'\(text)' is not defined for an element") }
      found = try found.element(Int(part).map { .integer($0) } ?? .string(String(part)), budget)
    }
    return found
  }
}
