// The filters, `value|name(arguments)`: Jinja's, with `tojson` as transformers redefines it. Here are
// their names and which function serves each; the functions are in the sibling files by subject.

enum TemplateFilter: String {
  // Text
  case trim, upper, lower, title, capitalize, replace, indent, format, center, wordcount, string, safe
  case escape, e, tojson
  // Numbers
  case int, float, abs, round
  // Sequences
  case length, count, first, last, join, list, items, dictsort, reverse, sort, unique, sum, min, max
  case batch, slice, map, select, reject, selectattr, rejectattr
  // Any value
  case `default`, d, attr
}

extension TemplateRenderer {
  /// What the filter `name` makes of `value`.
  func applyFilter(
    _ name: String, to value: RuntimeValue, _ arguments: EvaluatedArguments
  ) throws(TemplateFault) -> RuntimeValue {
    guard let filter = TemplateFilter(rawValue: name) else {
      throw .invalidOperation("there is no filter '\(name)'")
    }
    switch filter {
    case .trim, .upper, .lower, .title, .capitalize, .replace, .indent, .format, .center, .wordcount,
      .string, .safe, .escape, .e:
      return try applyTextFilter(filter, to: try value.text(budget), arguments)
    case .tojson: return try toJSON(value, arguments)
    case .int, .float, .abs, .round: return try applyNumberFilter(filter, to: value, arguments)
    case .length, .count, .first, .last, .join, .list, .items, .reverse, .sum, .batch, .slice:
      return try applySequenceFilter(filter, to: value, arguments)
    case .dictsort, .sort, .unique, .min, .max: return try applyOrderFilter(filter, to: value, arguments)
    case .map: return try map(value, arguments)
    case .select, .reject, .selectattr, .rejectattr: return try select(filter, from: value, arguments)
    case .default, .d:
      let given = try arguments.bound(to: ["default_value", "boolean"], of: name)
      let replaces = given[1]?.isTrue ?? false ? !value.isTrue : value.isUndefined
      return replaces ? given[0] ?? .string("") : value
    case .attr:
      guard !value.isUndefined else { throw .undefined("the value that 'attr' is applied to is not defined") }
      return try value.attribute(try arguments.single("name", of: name).requireString())
    }
  }
}
