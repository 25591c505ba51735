// The arguments of a call, evaluated, and how they find a function's parameters.

struct EvaluatedArguments {
  var positional: [RuntimeValue] = []
  var named: [(name: String, value: RuntimeValue)] = []

  /// The values for `parameters` in their order, nil for those not given. A fault when `function` is
  /// given more than that, or something by another name.
  func bound(to parameters: [String], of function: String) throws(TemplateFault) -> [RuntimeValue?] {
    guard positional.count <= parameters.count else {
      throw .invalidOperation(
        "'\(function)' takes at most \(parameters.count) arguments, not \(positional.count)")
    }
    var values: [RuntimeValue?] = positional
    values += Array(repeating: nil, count: parameters.count - positional.count)
    for (name, value) in named {
      guard let position = parameters.firstIndex(of: name) else {
        throw .invalidOperation("'\(function)' has no parameter '\(name)'")
      }
      guard values[position] == nil else {
        throw .invalidOperation("'\(function)' is given '\(name)' twice")
      }
      values[position] = value
    }
    return values
  }

  /// The one value for `parameter`, which must be given.
  func single(_ parameter: String, of function: String) throws(TemplateFault) -> RuntimeValue {
    guard let value = try bound(to: [parameter], of: function)[0] else {
      throw .invalidOperation("'\(function)' needs an argument '\(parameter)'")
    }
    return value
  }

  /// Nothing, or a fault when something is given to `function`, which takes nothing.
  func none(of function: String) throws(TemplateFault) {
    _ = try bound(to: [], of: function)
  }
}

extension RuntimeValue? {
  /// The string given for `parameter`, nil when none is given or it is Python's None.
  func string(_ parameter: String) throws(TemplateFault) -> String? {
    guard let self, !self.isNone else { return nil }
    guard case .string(let text) = self else {
      throw .invalidOperation("'\(parameter)' must be a string, not of type \(self.typeName)")
    }
    return text
  }

  /// The whole number given for `parameter`, nil when none is given or it is Python's None.
  func integer(_ parameter: String) throws(TemplateFault) -> Int? {
    guard let self, !self.isNone else { return nil }
    guard let number = self.integer else {
      throw .invalidOperation("'\(parameter)' must be a whole number, not of type \(self.typeName)")
    }
    return number
  }
}
