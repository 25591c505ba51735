// `value.name`, `value[index]` and `value[start:stop:step]`.

extension RuntimeValue {
  /// `self.name`: a method first, then a field, as Jinja looks it up. Nothing found is undefined.
  func attribute(_ name: String) throws(TemplateFault) -> RuntimeValue {
    switch self {
    case .dictionary(let dictionary):
      if hasMethod(name) { return .method(try BoundMethod(self, name)) }
      return dictionary.fields[name] ?? .undefined
    case .namespace(let namespace): return namespace.fields[name] ?? .undefined
    case .loop(let loop):
      if let value = loop.attribute(name) { return value }
      return hasMethod(name) ? .method(try BoundMethod(self, name)) : .undefined
    case .macro(let macro):
      return name == "name" ? .string(macro.definition.name) : .undefined
    default: return hasMethod(name) ? .method(try BoundMethod(self, name)) : .undefined
    }
  }

  /// `self[index]`. An index outside the list or a key that is missing gives undefined.
  func element(_ index: RuntimeValue, _ budget: TemplateBudget) throws(TemplateFault) -> RuntimeValue {
    switch (self, index) {
    case (.dictionary(let dictionary), .string(let key)):
      if let value = dictionary.fields[key] { return value }
      return hasMethod(key) ? .method(try BoundMethod(self, key)) : .undefined
    case (.list(let elements), _), (.tuple(let elements), _):
      guard let position = index.integer else { break }
      return Self.position(position, count: elements.values.count).map { elements.values[$0] } ?? .undefined
    case (.string(let text), _):
      guard let position = index.integer else { break }
      try budget.spend(text.utf8.count)
      let scalars = text.unicodeScalars
      return Self.position(position, count: scalars.count).map { position in
        .string(String(scalars[scalars.index(scalars.startIndex, offsetBy: position)]))
      } ?? .undefined
    default: break
    }
    if case .string(let name) = index { return try attribute(name) }
    return .undefined
  }

  private static func position(_ index: Int, count: Int) -> Int? {
    let position = index < 0 ? index + count : index
    return (0..<count).contains(position) ? position : nil
  }

  /// `self[start:stop:step]`.
  func slice(
    _ start: RuntimeValue, _ stop: RuntimeValue, _ step: RuntimeValue, _ budget: TemplateBudget
  ) throws(TemplateFault) -> RuntimeValue {
    let bounds = (start: try Self.bound(start), stop: try Self.bound(stop), step: try Self.bound(step) ?? 1)
    guard bounds.step != 0 else { throw .invalidOperation("the step of a slice cannot be zero") }
    func positions(_ count: Int) -> [Int] {
      Self.slicePositions(start: bounds.start, stop: bounds.stop, step: bounds.step, count: count)
    }
    switch self {
    case .list(let elements):
      try budget.spend(values: elements.values.count)
      return try .list(positions(elements.values.count).map { elements.values[$0] })
    case .tuple(let elements):
      try budget.spend(values: elements.values.count)
      return try .tuple(positions(elements.values.count).map { elements.values[$0] })
    case .string(let text):
      try budget.spend(text.utf8.count * MemoryLayout<Int>.stride)
      let scalars = Array(text.unicodeScalars)
      var sliced = String.UnicodeScalarView()
      sliced.append(contentsOf: positions(scalars.count).lazy.map { scalars[$0] })
      return .string(String(sliced))
    default: throw .invalidOperation("a value of type \(typeName) cannot be sliced")
    }
  }

  private static func bound(_ value: RuntimeValue) throws(TemplateFault) -> Int? {
    if value.isNone { return nil }
    guard let bound = value.integer else {
      throw .invalidOperation("the bounds of a slice are whole numbers, not of type \(value.typeName)")
    }
    return bound
  }

  /// The positions that Python's slice visits in a sequence of `count` elements.
  private static func slicePositions(start: Int?, stop: Int?, step: Int, count: Int) -> [Int] {
    func clamp(_ bound: Int, _ lower: Int, _ upper: Int) -> Int {
      min(max(bound < 0 ? bound + count : bound, lower), upper)
    }
    // Steps past either end are alike, and small ones cannot overflow.
    let step = min(max(step, -count - 1), count + 1)
    if step > 0 {
      let first = start.map { clamp($0, 0, count) } ?? 0
      let last = stop.map { clamp($0, 0, count) } ?? count
      return first < last ? Array(Swift.stride(from: first, to: last, by: step)) : []
    }
    let first = start.map { clamp($0, -1, count - 1) } ?? count - 1
    let last = stop.map { clamp($0, -1, count - 1) } ?? -1
    return first > last ? Array(Swift.stride(from: first, to: last, by: step)) : []
  }
}
