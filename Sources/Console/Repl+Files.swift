// What the REPL does with files: sessions kept, saved and taken up, documents attached. Nothing is
// written but what the user asked for.
import Common
import Text

extension Repl {
  /// The largest document that is attached, in bytes.
  private static var documentLimit: Int { 8 << 20 }

  /// Takes up the session of `--session` when its file is there; its path, nil when there is none yet.
  func resumeSession() throws(SessionError) -> String? {
    guard let sessionPath, TextFile.exists(sessionPath) else { return nil }
    try takeUp(sessionPath, anyway: false)
    return sessionPath
  }

  /// Writes the conversation to its session file, if it has one.
  func keepSession() {
    guard let sessionPath else { return }
    do throws(SessionError) {
      try session.write(to: sessionPath)
    } catch {
      terminal.line("The conversation was not kept: \(error)", .error)
    }
  }

  /// Writes the conversation to `path`, or to the session's own file.
  func save(to path: String?) {
    guard let path = path ?? sessionPath else {
      return terminal.line("Where to? /save FILE", .error)
    }
    do throws(SessionError) {
      // Only a session file may be overwritten: a slip must not cost the user another file.
      if TextFile.exists(path) { _ = try SessionFile(at: path) }
      try session.write(to: path)
      terminal.line("\(counted(conversation.exchanges.count, "exchange")) saved to \(path).", .notice)
    } catch {
      terminal.line("Not saved: \(error)", .error)
    }
  }

  /// Takes up the session in the file at `path`. A conversation that is kept goes on being kept, in that
  /// file, unless the file belongs to another model.
  func load(_ path: String, anyway: Bool) {
    do throws(SessionError) {
      let belongs = try takeUp(path, anyway: anyway)
      if sessionPath != nil {
        sessionPath = belongs ? path : nil
        let keeping = belongs ? "From now on the conversation is kept there." : "It is no longer kept."
        terminal.line(keeping, .notice)
      }
      showResumed(from: path)
    } catch {
      terminal.line("\(error)", .error)
    }
  }

  /// Shows where the conversation stands that was taken up.
  func showResumed(from path: String) {
    terminal.line("Took up \(counted(conversation.exchanges.count, "exchange")) from \(path).", .notice)
    guard let last = conversation.exchanges.last else { return }
    terminal.line("> \(last.question)", .notice)
    terminal.line(last.answer)
    if let remark = last.finish.remark { terminal.line(remark, .notice) }
    terminal.line("")
  }

  /// Makes the session in the file at `path` the conversation; whether it belongs to the loaded model.
  @discardableResult
  private func takeUp(_ path: String, anyway: Bool) throws(SessionError) -> Bool {
    let file = try SessionFile(at: path)
    let model = engine.modelDescription
    let belongs = file.fingerprint == model.fingerprint
    guard belongs || anyway else {
      throw .otherModel(
        path: path, theirs: terminalSafe("\(file.modelName) (\(file.fingerprint))"),
        ours: "\(model.name) (\(model.fingerprint))")
    }
    if !conversation.exchanges.isEmpty { cleared = conversation }
    conversation = file.conversation
    unanswered = nil
    for setting in file.settings where !options.fixedSettings.contains(setting.key) {
      applySaved(setting.key, setting.value, from: path)
    }
    takeUp(file.adapters, from: path)
    return belongs
  }

  /// Gives a setting its saved value; one that this model or version does not take is told and left.
  private func applySaved(_ name: String, _ value: String, from path: String) {
    guard let current = engine.settings.first(where: { $0.name == name }), current.isKeptInSessions else {
      return terminal.line("The session's setting \(name) is unknown here and was left out.", .notice)
    }
    guard current.value != value else { return }
    do { try engine.set(name, to: value) } catch {
      terminal.line("\(path): its setting is left out, and stays at \(current.value): \(error)", .error)
    }
  }

  /// Attaches the text file at `path` to the next question, or lists what is attached.
  func attach(_ path: String?) {
    guard let path else { return listDocuments() }
    do throws(FileError) {
      let text = try TextFile.text(at: path, limit: Repl.documentLimit)
      let name = path.split(separator: "/").last.map(String.init) ?? path
      attach(Document(name: name, text: text))
    } catch {
      terminal.line("\(error)", .error)
    }
  }

  private func attach(_ document: Document) {
    guard let alone = tokens(of: [document]) else { return }
    let room = engine.modelDescription.contextLength
    guard alone <= room else {
      return terminal.line(
        "\(document.name) takes \(counted(alone, "token")), and the context holds \(grouped(room)). "
          + "It was not attached: attach a part of it, or make room with /set context.", .error)
    }
    documents.append(document)
    terminal.line(
      "\(document.name): \(counted(document.text.count, "character")), \(counted(alone, "token")) of the "
        + "context's \(grouped(room)); it goes with the next message.", .notice)
  }

  private func listDocuments() {
    if documents.isEmpty { terminal.line("No file is attached. /read FILE attaches one.") }
    for document in documents {
      terminal.line("\(document.name): \(counted(document.text.count, "character"))")
    }
  }

  /// The tokens of a message that holds `documents` alone; nil when they cannot be counted.
  private func tokens(of documents: [Document]) -> Int? {
    let message = Message(role: .user, content: Document.message("", with: documents))
    return report { try engine.tokenCount(of: [message]) }
  }

  private var session: SessionFile {
    let model = engine.modelDescription
    let kept = engine.settings.filter(\.isKeptInSessions).map { ($0.name, $0.value) }
    return SessionFile(
      modelName: model.name, fingerprint: model.fingerprint, settings: OrderedFields(kept),
      adapters: keptAdapters + missingAdapters, conversation: conversation)
  }
}
