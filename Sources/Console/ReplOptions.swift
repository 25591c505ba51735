// What the command line decides about a conversation at the terminal.

/// How the REPL starts.
public struct ReplOptions: Sendable {
  /// The session file to take up, if it is there, and to keep the conversation in.
  public var sessionPath: String?
  /// The file that keeps what was typed; nothing is kept without it.
  public var historyPath: String?
  /// The system prompt to start with; it takes the place of a session's.
  public var systemPrompt: String?
  /// The settings that the command line gave, which a session must not change back.
  public var fixedSettings: Set<String>

  /// Options with every member given, or as a plain `hypnos` has them.
  public init(
    sessionPath: String? = nil, historyPath: String? = nil, systemPrompt: String? = nil,
    fixedSettings: Set<String> = []
  ) {
    self.sessionPath = sessionPath
    self.historyPath = historyPath
    self.systemPrompt = systemPrompt
    self.fixedSettings = fixedSettings
  }
}
