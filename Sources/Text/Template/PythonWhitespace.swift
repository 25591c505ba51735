// What Python takes for white space (str.isspace, and \s in its regular expressions), which is the
// Unicode property plus four control characters.

extension Unicode.Scalar {
  /// Whether Python's `str.isspace` holds for this scalar.
  package var isPythonSpace: Bool {
    switch value {
    case 0x09...0x0D, 0x1C...0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F,
      0x3000:
      true
    default: false
    }
  }

  /// Whether Python's `str.splitlines` ends a line here.
  var isPythonLineBreak: Bool {
    switch value {
    case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029: true
    default: false
    }
  }
}

extension Substring {
  /// The text without the scalars at its front for which `isTrimmed` holds.
  func trimmingFront(_ isTrimmed: (Unicode.Scalar) -> Bool) -> Substring {
    self[(unicodeScalars.firstIndex { !isTrimmed($0) } ?? endIndex)...]
  }

  /// The text without the scalars at its back for which `isTrimmed` holds.
  func trimmingBack(_ isTrimmed: (Unicode.Scalar) -> Bool) -> Substring {
    guard let last = unicodeScalars.lastIndex(where: { !isTrimmed($0) }) else { return self[..<startIndex] }
    return self[..<unicodeScalars.index(after: last)]
  }
}
