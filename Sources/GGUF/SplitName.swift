// How the parts of a split checkpoint are named: NAME-00001-of-00003.gguf, counted from 1.

/// The name of one part of a split checkpoint.
struct SplitName: Equatable {
  /// The path up to the hyphen before the part's number.
  let stem: String
  /// The part's number, from 1.
  let part: Int
  /// The number of parts.
  let count: Int

  private static let digits = 5
  private static let suffix = ".gguf"

  /// The parts of `path`, or nil when it is not shaped like this.
  init?(path: String) {
    guard path.hasSuffix(Self.suffix) else { return nil }
    var rest = path.dropLast(Self.suffix.count)
    guard let count = Self.takeNumber(&rest), Self.take("-of-", &rest),
      let part = Self.takeNumber(&rest), Self.take("-", &rest), part >= 1, part <= count
    else { return nil }
    self.stem = String(rest)
    self.part = part
    self.count = count
  }

  /// The path of another part of the same checkpoint.
  func path(ofPart part: Int) -> String {
    "\(stem)-\(Self.padded(part))-of-\(Self.padded(count))\(Self.suffix)"
  }

  /// A number as it stands in a name: five digits.
  static func padded(_ number: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }

  private static func takeNumber(_ rest: inout Substring) -> Int? {
    let text = rest.suffix(digits)
    guard text.utf8.count == digits, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    rest.removeLast(digits)
    return Int(text)
  }

  private static func take(_ text: String, _ rest: inout Substring) -> Bool {
    guard rest.hasSuffix(text) else { return false }
    rest.removeLast(text.count)
    return true
  }
}
