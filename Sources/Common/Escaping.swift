// Text inside of other languages.

extension String {
  /// The text with every scalar replaced for which `escape` gives something. Characters would not do: an apostrophe
  /// with an accent behind it is one, another than the apostrophe, and still ends a shell's word.
  package func escaped(_ escape: (Unicode.Scalar) -> String?) -> String {
    var escaped = ""
    for scalar in unicodeScalars {
      if let replacement = escape(scalar) { escaped += replacement } else { escaped.unicodeScalars.append(scalar) }
    }
    return escaped
  }
}
