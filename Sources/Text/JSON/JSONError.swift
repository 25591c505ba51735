// Why a document is no JSON, and where.

/// A malformed or oversized JSON document.
public struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What is wrong with the document.
  public enum Reason: Equatable, Sendable {
    /// The document ends where something else must follow.
    case unexpectedEnd(expected: String)
    /// Something else stands where `expected` must be.
    case unexpected(expected: String)
    /// A number that is not written as JSON writes numbers.
    case malformedNumber
    /// A number beyond the range of a 64-bit floating-point number.
    case numberOutOfRange
    /// A backslash that is followed by none of JSON's escapes.
    case malformedEscape
    /// A control character inside a string, which must be written as an escape.
    case controlCharacter
    /// Bytes inside a string that are not UTF-8.
    case invalidUTF8
    /// Arrays and objects nested deeper than the limit.
    case tooDeep(limit: Int)
    /// A document of more bytes than the limit.
    case tooLong(bytes: Int, limit: Int)
  }

  /// What is wrong.
  public let reason: Reason
  /// The line, from 1.
  public let line: Int
  /// The column in Unicode scalars, from 1.
  public let column: Int
  /// The offset in bytes, from 0.
  public let offset: Int

  /// The problem in a sentence, with line and column.
  public var description: String { "line \(line), column \(column): \(reason)" }
}

extension JSONError.Reason: CustomStringConvertible {
  /// The problem without its place.
  public var description: String {
    switch self {
    case .unexpectedEnd(let expected): "the JSON ends where \(expected) must follow"
    case .unexpected(let expected): "expected \(expected)"
    case .malformedNumber: "this is not how JSON writes a number"
    case .numberOutOfRange: "this number is too large for 64-bit floating point"
    case .malformedEscape: "unknown escape in a string"
    case .controlCharacter: "a control character in a string must be written as an escape"
    case .invalidUTF8: "this string is not valid UTF-8"
    case .tooDeep(let limit): "arrays and objects are nested more than \(limit) deep"
    case .tooLong(let bytes, let limit): "the document has \(bytes) bytes, more than the \(limit) allowed"
    }
  }
}
