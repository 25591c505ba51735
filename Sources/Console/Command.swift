// The slash commands: their names, what each takes and says of itself, and how a line becomes one.
import Model

/// The name of a command, with what `/help` says of it.
enum CommandName: String, CaseIterable, Sendable {
  case help, system, model, adapter, set, show, retry, undo, clear, save, load, read, stats, quit

  /// The command as one types it.
  var usage: String {
    switch self {
    case .help: "/help [COMMAND]"
    case .system: "/system [TEXT|none]"
    case .model: "/model [FILE]"
    case .adapter: "/adapter [FILE|off]"
    case .set: "/set [NAME [VALUE]]"
    case .show: "/show [prompt]"
    case .save: "/save [FILE]"
    case .load: "/load FILE [--anyway]"
    case .read: "/read [FILE]"
    case .retry, .undo, .clear, .stats, .quit: "/\(rawValue)"
    }
  }

  /// What it does, in one line.
  var summary: String {
    switch self {
    case .help: "list the commands, or explain one"
    case .system: "set the system prompt, or remove or show it"
    case .model: "load another model, or describe this one"
    case .adapter: "use FILE[=SCALE], put away (off [NAME]) or list adapters"
    case .set: "change a setting, or show one or all"
    case .show: "show what is set and in use, or the model's exact prompt"
    case .retry: "answer the last question once more"
    case .undo: "take back an attached file, /clear or the last exchange"
    case .clear: "start a new conversation; the system prompt stays"
    case .save: "write the conversation to a session file"
    case .load: "take up the conversation of a session file"
    case .read: "attach a text file to the next message, or list them"
    case .stats: "tokens and speed of the last answer and of all"
    case .quit: "leave (Ctrl-D does too)"
    }
  }

  /// What follows the name: tab completes it.
  var argument: Argument {
    switch self {
    case .model, .save, .load, .read: .file
    case .adapter: .adapter
    case .set: .setting
    case .help: .command
    case .system: .text
    case .show, .retry, .undo, .clear, .stats, .quit: .none
    }
  }

  enum Argument {
    case none, file, adapter, setting, command, text
  }
}

/// A command with its arguments.
enum Command: Equatable, Sendable {
  case help(CommandName?)
  /// nil shows it, an empty text removes it.
  case system(String?)
  case model(path: String?)
  case adapter(AdapterChange)
  case set(name: String?, value: String?)
  case show(prompt: Bool)
  case retry
  case undo
  case clear
  case save(path: String?)
  case load(path: String, anyway: Bool)
  case read(path: String?)
  case stats
  case quit
}

/// What `/adapter` is to do.
enum AdapterChange: Equatable, Sendable {
  case list
  /// The adapter of this name, or all.
  case off(name: String?)
  /// Takes up the adapter, or rescales it; `anyway` where it was made for another base.
  case use(path: String, scale: Float?, anyway: Bool)
}

/// A line that begins with a slash and is no command.
enum CommandError: Error, Equatable, CustomStringConvertible {
  /// No such command; `suggestion` is the nearest there is.
  case unknown(name: String, suggestion: String?)
  /// The command needs an argument, or takes none.
  case usage(CommandName)
  /// What stands behind the equals sign of an adapter is no scale.
  case scale(AdapterArgument.BadScale)

  var description: String {
    switch self {
    case .unknown(let name, let suggestion):
      let hint = suggestion.map { "did you mean /\($0)?" } ?? "/help lists the commands."
      return "No command /\(name): \(hint) (A message may begin with a slash after a space.)"
    case .usage(let name):
      return "Usage: \(name.usage)"
    case .scale(let error):
      return "\(error)"
    }
  }
}

extension Command {
  /// The command that `line` is; `line` begins with a slash. File names are the whole rest of the line,
  /// spaces included, so they need no quotes (one pair around them is taken off).
  init(parsing line: String) throws(CommandError) {
    let body = line.dropFirst()
    let word = String(body.prefix { !$0.isWhitespace })
    let rest = trimmed(String(body.dropFirst(word.count)))
    guard let name = CommandName(rawValue: word.lowercased()) else {
      let names = CommandName.allCases.map(\.rawValue)
      throw .unknown(name: word, suggestion: nearest(to: word.lowercased(), among: names))
    }
    if name.argument == .none, name != .show, !rest.isEmpty { throw .usage(name) }
    switch name {
    case .help: self = .help(try Command.topic(rest))
    case .system: self = .system(rest.isEmpty ? nil : rest == "none" ? "" : rest)
    case .model: self = .model(path: Command.path(rest))
    case .adapter: self = .adapter(try Command.adapterChange(rest))
    case .set: self = Command.setting(rest)
    case .show:
      guard rest.isEmpty || rest == "prompt" else { throw .usage(name) }
      self = .show(prompt: rest == "prompt")
    case .retry: self = .retry
    case .undo: self = .undo
    case .clear: self = .clear
    case .save: self = .save(path: Command.path(rest))
    case .load: self = try Command.loading(rest)
    case .read: self = .read(path: Command.path(rest))
    case .stats: self = .stats
    case .quit: self = .quit
    }
  }

  private static func topic(_ text: String) throws(CommandError) -> CommandName? {
    if text.isEmpty { return nil }
    let word = text.hasPrefix("/") ? String(text.dropFirst()) : text
    guard let name = CommandName(rawValue: word.lowercased()) else {
      let names = CommandName.allCases.map(\.rawValue)
      throw .unknown(name: word, suggestion: nearest(to: word.lowercased(), among: names))
    }
    return name
  }

  private static func path(_ text: String) -> String? {
    if text.isEmpty { return nil }
    for quote: Character in ["\"", "'"] where text.count > 2 && text.first == quote && text.last == quote {
      return String(text.dropFirst().dropLast())
    }
    return TextFile.expandingHome(text)
  }

  /// `NAME`, `NAME VALUE` or `NAME=VALUE`.
  private static func setting(_ text: String) -> Command {
    let name = text.prefix { !$0.isWhitespace && $0 != "=" }
    let value = trimmed(String(text.dropFirst(name.count).drop { $0.isWhitespace || $0 == "=" }))
    return .set(name: name.isEmpty ? nil : String(name), value: value.isEmpty ? nil : value)
  }

  private static let anywayFlag = "--anyway"

  /// The text before `--anyway` at the end, and whether that is there.
  private static func withoutAnyway(_ text: String) -> (text: String, anyway: Bool) {
    guard text.hasSuffix(" " + anywayFlag) else { return (text, false) }
    return (trimmed(String(text.dropLast(anywayFlag.count))), true)
  }

  private static func loading(_ text: String) throws(CommandError) -> Command {
    let (rest, anyway) = withoutAnyway(text)
    guard let path = path(rest), path != anywayFlag else { throw .usage(.load) }
    return .load(path: path, anyway: anyway)
  }

  private static func adapterChange(_ text: String) throws(CommandError) -> AdapterChange {
    let word = text.prefix { !$0.isWhitespace }
    if word == "off" {
      let name = trimmed(String(text.dropFirst(word.count)))
      return .off(name: name.isEmpty ? nil : name)
    }
    let (rest, anyway) = withoutAnyway(text)
    guard let path = path(rest) else { return .list }
    guard path != anywayFlag else { throw .usage(.adapter) }
    do throws(AdapterArgument.BadScale) {
      let argument = try AdapterArgument(path)
      return .use(path: argument.path, scale: argument.scale, anyway: anyway)
    } catch {
      throw .scale(error)
    }
  }
}

/// `text` without white space at either end.
func trimmed(_ text: String) -> String {
  let front = text.drop(while: \.isWhitespace)
  guard let last = front.lastIndex(where: { !$0.isWhitespace }) else { return "" }
  return String(front[...last])
}

/// The one of `names` with the fewest single-letter changes from `word`, nil when more than a third of
/// it, or more than two letters, would have to change. A prefix counts as near.
func nearest(to word: String, among names: [String]) -> String? {
  guard !word.isEmpty, word.count <= 64 else { return nil }
  if let longer = names.first(where: { $0.hasPrefix(word) }) { return longer }
  let ranked = names.map { (name: $0, distance: editDistance(word, $0)) }
  guard let best = ranked.min(by: { $0.distance < $1.distance }) else { return nil }
  return best.distance <= min(2, max(1, best.name.count / 3 + 1)) ? best.name : nil
}

/// The number of letters to insert, delete or replace to turn `first` into `second` (Levenshtein).
private func editDistance(_ first: String, _ second: String) -> Int {
  let target = Array(second)
  var row = Array(0...target.count)
  for (i, letter) in first.enumerated() {
    var diagonal = row[0]
    row[0] = i + 1
    for j in target.indices {
      let replaced = diagonal + (letter == target[j] ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(replaced, row[j] + 1, row[j + 1] + 1)
    }
  }
  return row[target.count]
}
