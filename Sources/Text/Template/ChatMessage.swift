// One turn of a conversation, as a chat template sees it.

/// What one side said.
public struct ChatMessage: Sendable, Equatable {
  /// Who said it: "system", "user", "assistant", or whatever else the template knows.
  public var role: String
  /// What was said.
  public var content: String

  /// Makes the turn in which `role` says `content`.
  public init(role: String, content: String) {
    self.role = role
    self.content = content
  }
}
