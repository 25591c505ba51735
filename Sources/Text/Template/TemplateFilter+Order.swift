// Filters that compare elements. As in Jinja, letters' case counts only when asked to.

extension TemplateRenderer {
  func applyOrderFilter(
    _ filter: TemplateFilter, to value: RuntimeValue, _ arguments: EvaluatedArguments
  ) throws(TemplateFault) -> RuntimeValue {
    switch filter {
    case .sort:
      let given = try arguments.bound(to: ["reverse", "case_sensitive", "attribute"], of: "sort")
      let elements = try value.iterated(budget)
      let keys = try sortTuples(elements, paths: given[2], caseSensitive: given[1]?.isTrue ?? false)
      return try .list(try order(keys, descending: given[0]?.isTrue ?? false).map { elements[$0] })
    case .dictsort: return try sortFields(value, arguments)
    case .unique:
      let given = try arguments.bound(to: ["case_sensitive", "attribute"], of: "unique")
      return try .generator(try unique(value, path: given[1], caseSensitive: given[0]?.isTrue ?? false))
    default:
      let given = try arguments.bound(to: ["case_sensitive", "attribute"], of: filter.rawValue)
      let elements = try value.iterated(budget)
      let keys = try sortKeys(elements, path: given[1], caseSensitive: given[0]?.isTrue ?? false)
      return try extreme(keys, isMaximum: filter == .max).map { elements[$0] } ?? .undefined
    }
  }

  /// What `sort` compares: the elements, or one or several of their attributes (with commas between
  /// the paths), one after the other.
  private func sortTuples(
    _ elements: [RuntimeValue], paths: RuntimeValue?, caseSensitive: Bool
  ) throws(TemplateFault) -> [RuntimeValue] {
    guard let paths, !paths.isNone else {
      return try sortKeys(elements, path: nil, caseSensitive: caseSensitive)
    }
    var separate = [paths]
    if case .string(let text) = paths { separate = text.split(separator: ",").map { .string(String($0)) } }
    let columns = try separate.map { path throws(TemplateFault) in
      try sortKeys(elements, path: path, caseSensitive: caseSensitive)
    }
    return try elements.indices.map { row throws(TemplateFault) in try .tuple(columns.map { $0[row] }) }
  }

  /// What each element is compared by: itself or an attribute, strings in lower case unless their
  /// case counts.
  private func sortKeys(
    _ elements: [RuntimeValue], path: RuntimeValue?, caseSensitive: Bool
  ) throws(TemplateFault) -> [RuntimeValue] {
    try elements.map { element throws(TemplateFault) in
      try budget.step()
      var key = element
      if let path, !path.isNone { key = try attribute(path, of: element) }
      guard !caseSensitive, case .string(let text) = key else { return key }
      try budget.spend(scalarsOf: text)
      return .string(text.lowercased())
    }
  }

  /// The positions of `keys` in ascending or descending order; equal ones stay as they are.
  private func order(_ keys: [RuntimeValue], descending: Bool) throws(TemplateFault) -> [Int] {
    try budget.spend(values: keys.count)
    var fault: TemplateFault?
    func isLess(_ left: Int, _ right: Int) -> Bool {
      guard fault == nil else { return false }
      do throws(TemplateFault) {
        return try keys[left].isLess(than: keys[right], budget)
      } catch {
        fault = error
        return false
      }
    }
    let sorted = keys.indices.sorted { left, right in
      let (first, second) = descending ? (right, left) : (left, right)
      if isLess(first, second) { return true }
      return !isLess(second, first) && left < right
    }
    if let fault { throw fault }
    return sorted
  }

  private func extreme(_ keys: [RuntimeValue], isMaximum: Bool) throws(TemplateFault) -> Int? {
    var best: Int?
    for (position, key) in keys.enumerated() {
      guard let current = best else {
        best = position
        continue
      }
      let isBetter =
        isMaximum ? try keys[current].isLess(than: key, budget) : try key.isLess(than: keys[current], budget)
      if isBetter { best = position }
    }
    return best
  }

  /// The elements whose key no earlier one has. Strings, the usual case, are looked up in a set.
  private func unique(
    _ value: RuntimeValue, path: RuntimeValue?, caseSensitive: Bool
  ) throws(TemplateFault) -> [RuntimeValue] {
    let elements = try value.iterated(budget)
    var seenStrings: OrderedFields<Void> = [:]
    var seenOthers: [RuntimeValue] = []
    var kept: [RuntimeValue] = []
    for (element, key) in zip(elements, try sortKeys(elements, path: path, caseSensitive: caseSensitive)) {
      if case .string(let text) = key {
        if seenStrings[text] != nil { continue }
        seenStrings.set(text, to: ())
      } else {
        var isKnown = false
        for other in seenOthers where !isKnown { isKnown = try other.isEqual(to: key, budget) }
        if isKnown { continue }
        seenOthers.append(key)
      }
      kept.append(element)
    }
    return kept
  }

  /// `dictsort(case_sensitive, by, reverse)`: the fields of a dictionary as pairs, in order.
  private func sortFields(_ value: RuntimeValue, _ arguments: EvaluatedArguments) throws(TemplateFault)
    -> RuntimeValue
  {
    let given = try arguments.bound(to: ["case_sensitive", "by", "reverse"], of: "dictsort")
    guard case .dictionary(let dictionary) = value else {
      throw .invalidOperation("'dictsort' needs a dictionary, not a value of type \(value.typeName)")
    }
    let by = try given[1].string("by") ?? "key"
    guard by == "key" || by == "value" else {
      throw .invalidOperation("'dictsort' sorts by 'key' or 'value'")
    }
    let pairs = try dictionary.items(budget)
    let keys = try sortKeys(
      pairs, path: .integer(by == "key" ? 0 : 1), caseSensitive: given[0]?.isTrue ?? false)
    return try .list(try order(keys, descending: given[2]?.isTrue ?? false).map { pairs[$0] })
  }
}
