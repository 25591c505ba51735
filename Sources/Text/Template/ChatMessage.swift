// One turn of a conversation, as a chat template sees it.

/// What one side said.
public struct ChatMessage: Sendable, Equatable {
  /// Who said it: "system", "user", "assistant", or "tool".
  public var role: String
  /// What was said.
  public var content: String

  /// The roles that conversations from files may have.
  public static let knownRoles = ["system", "user", "assistant", "tool"]

  /// What to say of message number `message` of a file whose `role` is none of them.
  public static func unknown(_ role: String, message: Int) -> String {
    "message \(message) has the role \(role.prefix(40).debugDescription); it can be "
      + knownRoles.map(\.debugDescription).joined(separator: ", ")
  }

  /// Makes the turn in which `role` says `content`.
  public init(role: String, content: String) {
    self.role = role
    self.content = content
  }
}
