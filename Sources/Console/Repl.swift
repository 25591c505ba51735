// The conversation at the terminal: reads a line, does what it says, until the user leaves. This file
// owns the loop and the state; what the commands do, how questions are answered and what goes to the
// disk is in its extensions.
import CSystem
import Glibc

/// A conversation at the terminal.
public final class Repl {
  let engine: any ConversationEngine
  let options: ReplOptions
  let terminal: Terminal
  let language: Language
  /// Keeps the terminal from echoing what is typed, or lets it again.
  let setQuiet: (Bool) -> Void
  private let lines: any LineSource
  private let history: InputHistory?

  var conversation = Conversation()
  /// Files that go with the next question.
  var documents: [Document] = []
  /// The question that came to no answer, as it was typed; `/retry` asks it again.
  var unanswered: String?
  /// The conversation before `/clear`, for `/undo`.
  var cleared: Conversation?
  var statistics = Statistics()
  /// Adapters that the session was held with and that could not be had: they stay in its file.
  var missingAdapters: [SessionFile.KeptAdapter] = []
  /// The session file that the conversation is kept in.
  var sessionPath: String?
  var isLeaving = false

  /// A conversation with `engine` at the process's terminal.
  public convenience init(engine: any ConversationEngine, options: ReplOptions = ReplOptions()) {
    // The language is asked for before the line reader puts a UTF-8 locale into the environment.
    let language = Language(environment: environmentVariable)
    let completion = Completion(settings: engine.settings.map(\.name), paths: LineReader.paths)
    let reader = LineReader(completion: completion)
    self.init(
      engine: engine, options: options, lines: reader, language: language, terminal: .standardOutput()
    ) { isQuiet in
      if isQuiet {
        hypnos_quiet_terminal(STDIN_FILENO, reader.marksPastes)
      } else {
        hypnos_restore_terminal()
      }
    }
  }

  init(
    engine: any ConversationEngine, options: ReplOptions, lines: any LineSource, language: Language,
    terminal: Terminal, setQuiet: @escaping (Bool) -> Void = { _ in }
  ) {
    self.engine = engine
    self.options = options
    self.lines = lines
    self.language = language
    self.terminal = terminal
    self.setQuiet = setQuiet
    history = options.historyPath.map { InputHistory(path: TextFile.expandingHome($0)) }
    sessionPath = options.sessionPath.map(TextFile.expandingHome)
  }

  /// Converses until the user leaves or the terminal goes away. Throws before the first prompt when the
  /// session file is there and cannot be taken up; later trouble is told to the user.
  public func run() throws(SessionError) {
    hypnos_ignore_write_signals()
    hypnos_install_interrupt_handler()
    defer { hypnos_remove_interrupt_handler() }
    let resumed = try resumeSession()
    if let systemPrompt = options.systemPrompt { conversation.systemPrompt = systemPrompt }
    recallHistory()
    showOpening()
    if let resumed { showResumed(from: resumed) }
    if let sessionPath, let reason = TextFile.obstacle(toWriting: sessionPath) {
      terminal.line("\(sessionPath): cannot be written: \(reason). The conversation will not be kept.", .error)
    }
    while !isLeaving && !terminal.isClosed {
      terminal.endLine()
      handle(lines.next(prompt: terminal.prompt("> ")))
    }
  }

  func showOpening() {
    for (position, line) in Opening(model: engine.modelDescription, language: language).lines.enumerated() {
      terminal.line(line, position == 0 ? .heading : .notice)
    }
    adapterLines.forEach { terminal.line($0, .notice) }
    terminal.line("")
  }

  private func handle(_ event: LineEvent) {
    terminal.lineWasTyped()
    switch event {
    case .line(let line):
      handle(line: line)
    case .interrupted:
      break
    case .notUTF8:
      terminal.line("That line is not UTF-8; set the terminal's encoding to UTF-8.", .error)
    case .endOfInput:
      isLeaving = true
    }
  }

  private func handle(line: String) {
    guard let first = line.first(where: { !$0.isWhitespace }) else { return }
    if let block = MessageBlock(opening: line) {
      guard let text = completed(block) else { return }
      remember("\(MessageBlock.fence)\(text)\(MessageBlock.fence)")
      if !text.isEmpty { ask(text) }
      return
    }
    remember(line)
    guard first == "/", line.first == "/" else { return ask(trimmed(line)) }
    do throws(CommandError) {
      perform(try Command(parsing: line))
    } catch {
      terminal.line("\(error)", .error)
    }
  }

  /// Reads lines until `block` is closed; nil when the user gives it up.
  private func completed(_ block: MessageBlock) -> String? {
    var block = block
    while !block.isClosed {
      let event = lines.next(prompt: terminal.prompt("| "))
      terminal.lineWasTyped()
      switch event {
      case .line(let line):
        block.append(line)
      case .notUTF8:
        terminal.line("That line is not UTF-8 and was left out.", .error)
      case .interrupted, .endOfInput:
        terminal.line("Message given up.", .notice)
        return nil
      }
    }
    return block.text
  }

  /// Asks the user for one line; nil when there is none.
  func answerToOffer(_ offer: String) -> String? {
    terminal.endLine()
    let event = lines.next(prompt: terminal.prompt(offer))
    terminal.lineWasTyped()
    guard case .line(let line) = event else { return nil }
    return trimmed(line).lowercased()
  }

  private func remember(_ line: String) {
    lines.remember(line)
    do throws(FileError) {
      try history?.append(line)
    } catch {
      terminal.line("The input history was not kept: \(error)", .error)
    }
  }

  private func recallHistory() {
    do throws(FileError) {
      try history?.entries().forEach(lines.remember)
    } catch {
      terminal.line("The input history cannot be used: \(error)", .error)
    }
  }
}
