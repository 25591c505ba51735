// Text inside of HTML.

extension String {
  /// The text for HTML, in attributes too. Characters that HTML has not become U+FFFD.
  package var htmlEscaped: String {
    escaped { scalar in
      switch scalar {
      case "&": "&amp;"
      case "<": "&lt;"
      case ">": "&gt;"
      case "\"": "&quot;"
      case "'": "&#39;"
      case "\t", "\n": nil
      case _ where scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value): "\u{FFFD}"
      default: nil
      }
    }
  }
}
