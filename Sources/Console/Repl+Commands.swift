// What the slash commands do, but for those that touch files.
import Common

extension Repl {
  /// Does what `command` says.
  func perform(_ command: Command) {
    switch command {
    case .help(let topic): help(topic)
    case .system(let text): setSystemPrompt(text)
    case .model(let path): useModel(path)
    case .adapter(let change): changeAdapters(change)
    case .set(let name, let value): changeSetting(name, value)
    case .show(let prompt): prompt ? showPrompt() : showState()
    case .retry: retry()
    case .undo: undo()
    case .clear:
      clear()
      terminal.line("A new conversation. /undo brings the old one back.", .notice)
    case .save(let path): save(to: path)
    case .load(let path, let anyway): load(path, anyway: anyway)
    case .read(let path): attach(path)
    case .stats: statistics.lines.forEach { terminal.line($0) }
    case .quit: isLeaving = true
    }
  }

  private func help(_ topic: CommandName?) {
    let width = CommandName.allCases.map(\.usage.count).max() ?? 0
    for name in CommandName.allCases where topic == nil || topic == name {
      terminal.line("\(padded(name.usage, toColumns: width))  \(name.summary)")
    }
    guard topic == nil else { return }
    terminal.line("\(padded("\"\"\"", toColumns: width))  opens a message of several lines, and closes it")
    terminal.line("\(padded("Ctrl-C", toColumns: width))  ends an answer; at the prompt, clears the line")
  }

  private func setSystemPrompt(_ text: String?) {
    guard let text else {
      return terminal.line(conversation.systemPrompt.map { "System prompt: \($0)" } ?? "No system prompt.")
    }
    conversation.systemPrompt = text.isEmpty ? nil : text
    keepSession()
    terminal.line(text.isEmpty ? "No system prompt from now on." : "System prompt set.", .notice)
  }

  private func changeSetting(_ name: String?, _ value: String?) {
    guard let name else { return showSettings() }
    guard let setting = engine.settings.first(where: { $0.name == name }) else {
      let hint = nearest(to: name, among: engine.settings.map(\.name)).map { "did you mean \($0)?" }
      return terminal.line("No setting \(name): \(hint ?? "/set lists them.")", .error)
    }
    guard let value else { return terminal.line("\(setting.name) = \(setting.value): \(setting.help)") }
    guard report({ try engine.set(name, to: value) }) != nil else { return }
    let now = engine.settings.first { $0.name == name }?.value ?? value
    terminal.line("\(name) = \(now)", .notice)
  }

  private func showSettings() {
    let nameWidth = engine.settings.map(\.name.count).max() ?? 0
    let valueWidth = engine.settings.map { columns(of: $0.value) }.max() ?? 0
    for setting in engine.settings {
      let name = padded(setting.name, toColumns: nameWidth)
      terminal.line("\(name)  \(padded(setting.value, toColumns: valueWidth))  \(setting.help)")
    }
  }

  private func showState() {
    showSettings()
    setSystemPrompt(nil)
    let exchanges = counted(conversation.exchanges.count, "exchange")
    let dropped =
      conversation.dropped > 0 ? ", the oldest \(conversation.dropped) no longer given to the model" : ""
    terminal.line("Conversation: \(exchanges)\(dropped)")
    if let tokens = report({ try engine.tokenCount(of: conversation.messages()) }) {
      terminal.line(
        "Context: \(grouped(tokens)) of \(counted(engine.modelDescription.contextLength, "token")) in use")
    }
    terminal.line("Session file: \(sessionPath ?? "none; /save writes one, --session keeps one")")
    documents.forEach { terminal.line("Attached: \($0.name)") }
  }

  private func showPrompt() {
    let question = unanswered.map { Document.message($0, with: documents) }
    if let text = report({ try engine.promptText(of: conversation.messages(asking: question)) }) {
      terminal.line(text)
    }
  }

  /// Takes back the last thing done: an attached file, a cleared conversation, or an exchange.
  private func undo() {
    if let document = documents.popLast() {
      return terminal.line("\(document.name) detached.", .notice)
    }
    if conversation.exchanges.isEmpty, let cleared {
      conversation = cleared
      self.cleared = nil
      terminal.line("\(counted(conversation.exchanges.count, "exchange")) brought back.", .notice)
    } else if let exchange = conversation.removeLastExchange() {
      let question = exchange.question.split(separator: "\n").last.map(String.init) ?? ""
      terminal.line("Taken back: \(clipped(question, toColumns: 60))", .notice)
    } else {
      return terminal.line("There is nothing to take back.", .notice)
    }
    keepSession()
  }

  /// Begins a new conversation under the same system prompt.
  func clear() {
    documents = []
    clearExchanges()
  }

  /// The same without putting away the attached files, which wait for the next question.
  func clearExchanges() {
    if !conversation.exchanges.isEmpty { cleared = conversation }
    conversation = Conversation(systemPrompt: conversation.systemPrompt)
    keepSession()
  }

  private func useModel(_ path: String?) {
    guard let path else { return describeModel() }
    let before = engine.modelDescription.fingerprint
    let hadAdapters = !engine.adapters.isEmpty
    guard report({ try engine.load(modelAt: path) }) != nil else { return }
    showOpening()
    if hadAdapters { terminal.line("The adapters were put away with the model before.", .notice) }
    guard engine.modelDescription.fingerprint != before else { return }
    if let sessionPath {
      terminal.line(
        "\(sessionPath) belongs to the model before and is no longer kept; /save FILE writes another.",
        .notice)
      self.sessionPath = nil
    }
    if !conversation.exchanges.isEmpty {
      terminal.line("The conversation goes on with this model; /clear begins a new one.", .notice)
    }
  }

  private func describeModel() {
    let model = engine.modelDescription
    let trained = grouped(model.trainedContextLength)
    let rows = [
      ("Model", model.name),
      ("File", model.path),
      ("Size", "\(oneDecimal(Double(model.fileSize) / 1_048_576)) MiB, \(model.format)"),
      ("Parameters", grouped(model.parameters)),
      (
        "Context",
        "\(grouped(model.contextLength)) tokens, trained with \(trained)"
      ),
      ("Template", model.templateName ?? "none: a base model"),
      ("Kernels", "\(model.kernels), \(counted(model.threads, "thread"))"),
      ("Fingerprint", model.fingerprint),
    ]
    rows.forEach { terminal.line("\(padded($0.0, toColumns: 11))  \($0.1)") }
  }
}
