// What tab offers: commands after a slash, then what the command takes. Whole lines go in and come out,
// because a file name is the rest of its line, spaces included.

/// The lines that the line before the cursor can become.
struct Completion: Sendable {
  /// The names of all settings.
  var settings: [String] = []
  /// The paths that begin with the one given, directories among them.
  var paths: @Sendable (String) -> [String]

  /// Every line that `line`, the text before the cursor, may be completed to, in order. Commands that
  /// take an argument end with a space, directories with a slash.
  func candidates(for line: String) -> [String] {
    guard line.first == "/" else { return [] }
    let word = line.dropFirst().prefix { $0 != " " }
    guard word.endIndex < line.endIndex else {
      return CommandName.allCases.filter { $0.rawValue.hasPrefix(word) }
        .map { "/\($0.rawValue)\($0.argument == .none ? "" : " ")" }.sorted()
    }
    guard let name = CommandName(rawValue: word.lowercased()) else { return [] }
    let argument = line[word.endIndex...].drop { $0 == " " }
    let front = String(line[..<argument.startIndex])
    return completions(of: String(argument), kind: name.argument).map { front + $0 }.sorted()
  }

  private func completions(of argument: String, kind: CommandName.Argument) -> [String] {
    switch kind {
    case .none, .text: []
    case .command: CommandName.allCases.map(\.rawValue).filter { $0.hasPrefix(argument) }
    case .setting: settings.filter { $0.hasPrefix(argument) }.map { $0 + " " }
    case .file: files(argument)
    case .adapter: ["off"].filter { $0.hasPrefix(argument) } + files(argument)
    }
  }

  private func files(_ argument: String) -> [String] {
    paths(argument).map { TextFile.isDirectory(TextFile.expandingHome($0)) ? $0 + "/" : $0 }
  }
}

/// The longest text that all of `texts` begin with, in whole characters.
func commonPrefix(of texts: [String]) -> String {
  guard var prefix = texts.first else { return "" }
  for text in texts.dropFirst() {
    prefix = String(zip(prefix, text).prefix { $0 == $1 }.map(\.0))
  }
  return prefix
}
