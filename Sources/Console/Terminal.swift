// The terminal as the REPL writes to it: colour where it is wanted, text made safe, and quiet while an
// answer streams. A terminal that went away is remembered, not an error.
import Common
import Glibc

/// Where the REPL's output goes.
final class Terminal {
  /// How a piece of text is meant.
  enum Style: String {
    case plain = ""
    case prompt = "1;36"
    case heading = "1"
    case notice = "2"
    case error = "31"
  }

  private let hasColour: Bool
  private let send: (String) -> Bool
  private var isAtLineStart = true
  /// Whether the other end is gone: nothing more can be written.
  private(set) var isClosed = false

  /// A terminal that hands its text to `send`, which says whether there still is anybody to read it.
  init(hasColour: Bool, send: @escaping (String) -> Bool) {
    self.hasColour = hasColour
    self.send = send
  }

  /// Standard output.
  static func standardOutput() -> Terminal {
    let hasColour = wantsColour(isTerminal: isatty(STDOUT_FILENO) == 1, environment: environmentVariable)
    return Terminal(hasColour: hasColour) { writeAll($0, to: STDOUT_FILENO) == nil }
  }

  /// Whether to colour: a terminal that can, unless NO_COLOR is set and not empty.
  static func wantsColour(isTerminal: Bool, environment: (String) -> String?) -> Bool {
    let kind = environment("TERM") ?? ""
    return isTerminal && (environment("NO_COLOR") ?? "").isEmpty && kind != "dumb" && !kind.isEmpty
  }

  /// Writes `text`, made safe, in `style`.
  func write(_ text: String, _ style: Style = .plain) {
    guard !text.isEmpty, !isClosed else { return }
    let safe = terminalSafe(text)
    isAtLineStart = safe.hasSuffix("\n")
    let coloured = hasColour && style != .plain ? "\u{1B}[\(style.rawValue)m\(safe)\u{1B}[0m" : safe
    if !send(coloured) { isClosed = true }
  }

  /// Writes `text` in `style` on lines of its own.
  func line(_ text: String, _ style: Style = .plain) {
    endLine()
    write(text, style)
    write("\n")
  }

  /// Begins a new line unless one has just begun.
  func endLine() {
    if !isAtLineStart { write("\n") }
  }

  /// Records that the cursor is at the start of a line, as it is after a line was typed.
  func lineWasTyped() {
    isAtLineStart = true
  }

  /// `text` as a prompt for Readline, which must be told what takes no room on the screen.
  func prompt(_ text: String) -> String {
    guard hasColour else { return text }
    return "\u{1}\u{1B}[\(Style.prompt.rawValue)m\u{2}\(text)\u{1}\u{1B}[0m\u{2}"
  }
}
