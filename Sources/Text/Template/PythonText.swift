// What Python's string methods and Jinja's text filters share.

extension String {
  /// The text without the scalars of `characters` (white space if nil) at the ends asked for.
  func trimmed(of characters: String?, front: Bool = true, back: Bool = true) -> String {
    let unwanted = characters.map { Set($0.unicodeScalars) }
    func isUnwanted(_ scalar: Unicode.Scalar) -> Bool { unwanted?.contains(scalar) ?? scalar.isPythonSpace }
    var trimmed = self[...]
    if front { trimmed = trimmed.trimmingFront(isUnwanted) }
    if back { trimmed = trimmed.trimmingBack(isUnwanted) }
    return String(trimmed)
  }

  /// The text with `old` replaced by `new` from the left, at most `limit` times.
  func replacing(
    _ old: String, with new: String, limit: Int?, _ budget: TemplateBudget
  ) throws(TemplateFault) -> String {
    let limit = limit.map { $0 < 0 ? Int.max : $0 } ?? Int.max
    let bytes = Array(utf8)
    try budget.spend(bytes.count / max(1, old.utf8.count) * MemoryLayout<Range<Int>>.stride)
    let found = old.isEmpty ? emptyRanges(limit: limit) : ByteSearch(old).all(in: bytes, limit: limit)
    try budget.spend(text: new.utf8.count, times: found.count)
    try budget.spend(text: bytes.count)
    var replaced: [UInt8] = []
    var end = 0
    for range in found {
      replaced += bytes[end..<range.lowerBound]
      replaced += new.utf8
      end = range.upperBound
    }
    return String(decoding: replaced + bytes[end...], as: UTF8.self)
  }

  /// The empty text stands between all characters and at both ends.
  private func emptyRanges(limit: Int) -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    var offset = 0
    for scalar in unicodeScalars where ranges.count < limit {
      ranges.append(offset..<offset)
      offset += UTF8.width(scalar)
    }
    if ranges.count < limit { ranges.append(offset..<offset) }
    return ranges
  }

  /// The texts of `parts` with this one between them.
  func join(
    _ parts: [RuntimeValue], _ budget: TemplateBudget,
    text: (RuntimeValue) throws(TemplateFault) -> String
  ) throws(TemplateFault) -> String {
    var joined = ""
    for (position, part) in parts.enumerated() {
      let part = try text(part)
      try budget.spend(text: joined.utf8.count == 0 ? part.utf8.count : part.utf8.count + utf8.count)
      guard joined.utf8.count + part.utf8.count + utf8.count <= budget.limits.textLength else {
        throw .limit("the template makes a text of more than \(budget.limits.textLength) bytes")
      }
      if position > 0 { joined += self }
      joined += part
    }
    return joined
  }

  /// Whether the text ends with the bytes of `suffix`.
  func hasUTF8Suffix(_ suffix: String) -> Bool {
    utf8.count >= suffix.utf8.count && utf8.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
  }

  /// Python's `str.capitalize`: the first character as in a title, the others in lower case.
  var capitalizedFirst: String {
    guard let first = unicodeScalars.first else { return self }
    return first.properties.titlecaseMapping + String(unicodeScalars.dropFirst()).lowercased()
  }

  /// Python's `str.title`: a capital wherever a letter follows something else.
  var titlecased: String {
    var titled = ""
    var followsLetter = false
    for scalar in unicodeScalars {
      titled += followsLetter ? scalar.properties.lowercaseMapping : scalar.properties.titlecaseMapping
      followsLetter = scalar.properties.isCased
    }
    return titled
  }
}
