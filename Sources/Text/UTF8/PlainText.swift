// Text from files and pipes: UTF-8, and no NUL, which texts do not have and binary files do.

/// What keeps bytes from being text.
public enum NotText: Error, Equatable, CustomStringConvertible {
  /// A NUL byte, at `offset`.
  case nul(offset: Int)
  /// The byte at `offset` begins no UTF-8 character.
  case notUTF8(offset: Int)

  /// What the bytes hold, where, and what to do.
  public var description: String {
    switch self {
    case .nul(let offset): "holds a NUL byte at byte \(offset); convert it to UTF-8 text"
    case .notUTF8(let offset): "holds bytes that are not UTF-8 at byte \(offset); convert it to UTF-8 text"
    }
  }
}

extension String {
  /// The text in `bytes`; a byte order mark before it is no part of it.
  public init(text bytes: [UInt8]) throws(NotText) {
    if let offset = bytes.firstIndex(of: 0) { throw .nul(offset: offset) }
    do {
      self = String(copying: try UTF8Span(validating: bytes.span)).withoutByteOrderMark
    } catch {
      throw .notUTF8(offset: error.byteOffsets.lowerBound)
    }
  }
}
