// Everything that can be wrong with a chat template: its text, or what it does when it runs.

/// A chat template that cannot be parsed or rendered, with the place in its source.
public struct TemplateError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What is wrong.
  public enum Reason: Error, Equatable, Sendable {
    /// The source is no template.
    case syntax(String)
    /// The template itself called `raise_exception` with this message.
    case raised(String)
    /// Something was asked of a value that is not defined.
    case undefined(String)
    /// An operation that its operands do not allow: wrong types, division by zero, unknown filters.
    case invalidOperation(String)
    /// The template wants more than the interpreter allows it.
    case limit(String)
  }

  /// What is wrong.
  public let reason: Reason
  /// The template's name, as given when it was parsed.
  public let template: String
  /// The line, from 1.
  public let line: Int
  /// The column in Unicode scalars, from 1.
  public let column: Int

  /// The problem in a sentence, with the template's name, line and column.
  public var description: String { "\(template), line \(line), column \(column): \(reason)" }
}

extension TemplateError.Reason: CustomStringConvertible {
  /// The problem without its place.
  public var description: String {
    switch self {
    case .syntax(let message), .undefined(let message), .invalidOperation(let message), .limit(let message):
      message
    case .raised(let message): "the template refuses this conversation: \(message)"
    }
  }
}

/// What lexer, parser and interpreter throw; the place is added where it is known.
typealias TemplateFault = TemplateError.Reason
