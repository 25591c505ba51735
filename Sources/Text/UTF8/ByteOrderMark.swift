// The mark U+FEFF that some programs write before UTF-8: no part of the text.

extension Collection<UInt8> {
  /// The bytes without a byte order mark before them.
  public var withoutByteOrderMark: SubSequence { starts(with: [0xEF, 0xBB, 0xBF]) ? dropFirst(3) : self[...] }
}

extension String {
  /// The text without a byte order mark before it.
  public var withoutByteOrderMark: String {
    unicodeScalars.first == "\u{FEFF}" ? String(unicodeScalars.dropFirst()) : self
  }
}
