// Adapters in a conversation: taken up, rescaled and put away between two answers, and kept with the session.
import Glibc

extension Repl {
  /// Does what `/adapter` says.
  func changeAdapters(_ change: AdapterChange) {
    switch change {
    case .list:
      if engine.adapters.isEmpty { terminal.line("No adapter is in use. /adapter FILE uses one.") }
      for adapter in engine.adapters {
        terminal.line("\(adapter.name)  scale \(shortest(adapter.scale))  \(adapter.path)")
      }
    case .off(let name):
      if name == nil, !missingAdapters.isEmpty {
        missingAdapters = []
        keepSession()
      }
      guard let count = report({ try engine.removeAdapters(named: name) }) else { return }
      guard count > 0 else {
        let known = engine.adapters.map(\.name).joined(separator: ", ")
        let reason = name.map { known.isEmpty ? "No adapter is in use." : "No adapter \($0); in use: \(known)." }
        return terminal.line(reason ?? "No adapter is in use.", .notice)
      }
      keepSession()
      terminal.line("\(counted(count, "adapter")) put away.", .notice)
    case .use(let path, let scale, let anyway):
      guard report({ try engine.useAdapter(at: path, scale: scale ?? 1, anyBase: anyway) }) != nil,
        let adapter = engine.adapters.last(where: { $0.path == path })
      else { return }
      keepSession()
      terminal.line("Adapter \(adapter.name) at scale \(shortest(adapter.scale)), from the next answer on.", .notice)
    }
  }

  /// The lines that tell which adapters are in use, for the opening.
  var adapterLines: [String] {
    engine.adapters.map { adapter in
      switch language {
      case .english: "Adapter \(adapter.name), scale \(shortest(adapter.scale))"
      case .chinese: "适配器 \(adapter.name)，强度 \(shortest(adapter.scale))"
      }
    }
  }

  /// The adapters as a session file records them: by their whole paths, since a session may be taken up elsewhere.
  var keptAdapters: [SessionFile.KeptAdapter] {
    engine.adapters.map { adapter in
      guard let resolved = realpath(adapter.path, nil) else {
        return SessionFile.KeptAdapter(path: adapter.path, scale: adapter.scale)
      }
      defer { free(resolved) }
      return SessionFile.KeptAdapter(path: String(cString: resolved), scale: adapter.scale)
    }
  }

  /// Uses the adapters that the session in the file at `path` was held with, unless the command line gave others. One
  /// that cannot be had is told, and stays in the file.
  func takeUp(_ adapters: [SessionFile.KeptAdapter]?, from path: String) {
    missingAdapters = []
    guard let adapters, !options.fixedSettings.contains("adapter"), adapters != keptAdapters else { return }
    report { try engine.removeAdapters(named: nil) }
    for adapter in adapters {
      do { try engine.useAdapter(at: adapter.path, scale: adapter.scale, anyBase: false) } catch {
        missingAdapters.append(adapter)
        terminal.line(
          "\(path): was held with an adapter that cannot be had: \(error) The conversation goes on WITHOUT it; "
            + "/adapter uses another, /adapter off forgets it.", .error)
      }
    }
  }

  /// A scale without a fraction of zero.
  private func shortest(_ scale: Float) -> String {
    Int(exactly: scale).map(String.init) ?? String(scale)
  }
}
