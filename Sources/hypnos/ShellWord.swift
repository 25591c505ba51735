// Text for a shell's command line.
import Common

extension String {
  /// The text as a shell takes it for one word, quoted where that is needed.
  var shellWord: String {
    let isPlain = utf8.allSatisfy { byte in
      byte >= 0x80 || (48...57).contains(byte) || (64...90).contains(byte) || (97...122).contains(byte)
        || "%+,-./:=_".utf8.contains(byte)
    }
    return isPlain && !isEmpty ? self : "'" + escaped { $0 == "'" ? "'\\''" : nil } + "'"
  }

  /// The path as a shell takes it for one word, which no program takes for an option.
  var pathWord: String { (hasPrefix("-") ? "./" + self : self).shellWord }
}
