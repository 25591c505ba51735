// What was typed at the prompt, on disk only when the user asked for it: one entry a line, oldest first,
// with line feeds and backslashes inside an entry escaped.

/// A file of earlier input.
struct InputHistory {
  /// The number of entries that are taken from the file.
  static let entryLimit = 1000
  /// The largest file that is taken, in bytes.
  static let sizeLimit = 16 << 20

  let path: String

  /// The newest entries of the file, oldest first; none when it is not there yet.
  func entries() throws(FileError) -> [String] {
    guard TextFile.exists(path) else { return [] }
    let text = try TextFile.text(at: path, limit: InputHistory.sizeLimit)
    let lines = text.split(separator: "\n").suffix(InputHistory.entryLimit)
    return lines.map { InputHistory.unescaped($0) }
  }

  /// Adds `entry` at the end of the file.
  func append(_ entry: String) throws(FileError) {
    try TextFile.append(InputHistory.escaped(entry) + "\n", to: path)
  }

  static func escaped(_ entry: String) -> String {
    var line = String.UnicodeScalarView()
    for scalar in entry.unicodeScalars {
      switch scalar {
      case "\\": line.append(contentsOf: "\\\\".unicodeScalars)
      case "\n": line.append(contentsOf: "\\n".unicodeScalars)
      case "\r": line.append(contentsOf: "\\r".unicodeScalars)
      default: line.append(scalar)
      }
    }
    return String(line)
  }

  static func unescaped(_ line: Substring) -> String {
    var entry = String.UnicodeScalarView()
    var isEscaped = false
    for scalar in line.unicodeScalars {
      if isEscaped {
        entry.append(scalar == "n" ? "\n" : scalar == "r" ? "\r" : scalar)
        isEscaped = false
      } else if scalar == "\\" {
        isEscaped = true
      } else {
        entry.append(scalar)
      }
    }
    return String(entry)
  }
}
