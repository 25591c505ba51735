// GNU Readline behind a checked type. Its C strings and global variables stay in this file; what leaves
// it are Swift strings known to be UTF-8.
import CReadline
import CSystem
import Common
import Glibc
import Synchronization

/// What came from the prompt.
enum LineEvent: Equatable, Sendable {
  /// A line, without the line feed that ended it; pasted text may hold line feeds.
  case line(String)
  /// Ctrl-C: whatever was typed is gone.
  case interrupted
  /// Ctrl-D on an empty line, or the terminal went away.
  case endOfInput
  /// The terminal sent bytes that are not UTF-8.
  case notUTF8
}

/// Where the REPL gets its lines.
protocol LineSource: AnyObject {
  /// The next line, read with `prompt` before it.
  func next(prompt: String) -> LineEvent
  /// Makes `line` reachable with the up arrow.
  func remember(_ line: String)
}

/// Reads lines from the terminal. Readline keeps its state in global variables: use one at a time.
final class LineReader: LineSource {
  /// Whether the terminal marks pasted text, so that line feeds in it do not end the line.
  let marksPastes: Bool
  private var waiting: [LineEvent] = []

  /// Prepares the terminal for UTF-8 and for completing with `completion`.
  init(completion: Completion) {
    let kind = environmentVariable("TERM") ?? ""
    marksPastes = !["", "dumb", "linux"].contains(kind)
    currentCompletion.withLock { $0 = completion }
    CharacterLocale.useUTF8()
    configureReadline(marksPastes: marksPastes)
  }

  func next(prompt: String) -> LineEvent {
    if !waiting.isEmpty { return waiting.removeFirst() }
    let first = readLine(prompt: prompt)
    guard !marksPastes, case .line(var text) = first else { return first }
    // A terminal that does not mark pastes sends their lines at once: those already there when a line
    // ends belong to the same message, unless they are commands.
    while inputArrives(within: 20) {
      let event = readLine(prompt: "")
      guard case .line(let more) = event, !text.hasPrefix("/"), !more.hasPrefix("/") else {
        waiting.append(event)
        break
      }
      text += "\n" + more
    }
    return .line(text)
  }

  func remember(_ line: String) {
    if let newest = hypnos_newest_history_line(), String(validatingCString: newest) == line { return }
    add_history(line)
  }

  /// The paths that begin with `start`; `~/` stands for the home directory.
  static let paths: @Sendable (String) -> [String] = { start in
    var paths: [String] = []
    while let path = rl_filename_completion_function(start, paths.isEmpty ? 0 : 1) {
      defer { free(path) }
      // A name that is not UTF-8 could not be typed either; an empty place keeps the count right.
      paths.append(String(validatingCString: path) ?? "")
    }
    return paths.filter { !$0.isEmpty }
  }

  private func readLine(prompt: String) -> LineEvent {
    hypnos_clear_interrupt()
    finishedLine.withLock { $0 = nil }
    rl_callback_handler_install(prompt) { line in
      rl_callback_handler_remove()
      let event = lineEvent(line)
      finishedLine.withLock { $0 = event }
    }
    while true {
      if let event = finishedLine.withLock({ $0 }) {
        // Where pastes are marked Readline itself begins a new line at the end of input.
        if event == .endOfInput, !marksPastes { beginNewLine() }
        return event
      }
      // Readline's own handlers may take a signal just before poll begins to wait; the time limit
      // makes sure that it is seen to.
      let isReady = inputArrives(within: 250)
      rl_check_signals()
      if hypnos_interrupted() {
        abandonLine()
        return .interrupted
      }
      if isReady { rl_callback_read_char() }
    }
  }

  private func abandonLine() {
    rl_free_line_state()
    rl_callback_sigcleanup()
    rl_callback_handler_remove()
    hypnos_clear_interrupt()
    beginNewLine()
  }

  private func beginNewLine() {
    _ = writeAll("\n", to: isatty(STDOUT_FILENO) == 1 ? STDOUT_FILENO : STDERR_FILENO)
  }

  private func inputArrives(within milliseconds: Int32) -> Bool {
    var descriptors = [
      pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0),
      pollfd(fd: hypnos_interrupt_descriptor(), events: Int16(POLLIN), revents: 0),
    ]
    return poll(&descriptors, 2, milliseconds) > 0 && descriptors[0].revents != 0
  }
}

// Readline calls back C functions, which can reach nothing but globals.
private let finishedLine = Mutex<LineEvent?>(nil)
private let currentCompletion = Mutex<Completion?>(nil)

/// The event for a line that Readline allocated, which is freed; nil is the end of input.
private func lineEvent(_ line: UnsafeMutablePointer<CChar>?) -> LineEvent {
  guard let line else { return .endOfInput }
  defer { free(line) }
  return String(validatingCString: line).map { .line($0) } ?? .notUTF8
}

private func configureReadline(marksPastes: Bool) {
  hypnos_configure_readline(isatty(STDOUT_FILENO) == 1) { _, start, end in
    matches(start: Int(start), end: Int(end))
  }
  rl_variable_bind("enable-bracketed-paste", marksPastes ? "on" : "off")
  rl_variable_bind("mark-directories", "off")
}

/// The matches for the text between `start` and `end` in Readline's line, as it wants them: a
/// null-terminated array of C strings, all allocated, the first being what all have in common.
private func matches(start: Int, end: Int) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? {
  guard let buffer = hypnos_line_to_complete(), let line = String(validatingCString: buffer)?.utf8.prefix(end)
  else { return nil }
  let lines = currentCompletion.withLock { $0?.candidates(for: String(decoding: line, as: UTF8.self)) } ?? []
  // Readline replaces only the last word, so only that part of each line goes back.
  let words = lines.map { String(decoding: $0.utf8.dropFirst(start), as: UTF8.self) }
  guard !words.isEmpty else { return nil }
  let all = words.count == 1 ? words : [commonPrefix(of: words)] + words
  let array = calloc(all.count + 1, MemoryLayout<UnsafeMutablePointer<CChar>?>.stride)
  let strings = array?.bindMemory(to: UnsafeMutablePointer<CChar>?.self, capacity: all.count + 1)
  for (place, word) in all.enumerated() { strings?[place] = strdup(word) }
  return strings
}
