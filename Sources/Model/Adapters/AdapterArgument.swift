// FILE[=SCALE], as the command line and the conversation write an adapter.
import Glibc

/// An adapter as one types it.
public struct AdapterArgument: Equatable, Sendable {
  /// The scale is no number, or far beyond any use.
  public struct BadScale: Error, Equatable, CustomStringConvertible, Sendable {
    /// What was typed as the scale.
    public let text: String

    /// The scale that was typed as `text`.
    public init(text: String) { self.text = text }

    /// What it can be.
    public var description: String { "\"\(text)\" is no scale for an adapter: FILE=SCALE takes -100 to 100" }
  }

  /// The file or folder.
  public let path: String
  /// The scale, where one was given.
  public let scale: Float?

  /// Takes `text` apart at its last equals sign, unless a file has the whole as its name.
  public init(_ text: String) throws(BadScale) {
    guard let equals = text.lastIndex(of: "="), access(text, F_OK) != 0 else {
      (path, scale) = (text, nil)
      return
    }
    let number = String(text[text.index(after: equals)...])
    guard let scale = Float(number), (-100...100).contains(scale) else { throw BadScale(text: number) }
    path = String(text[..<equals])
    self.scale = scale
  }
}
