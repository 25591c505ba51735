// How text looks on a terminal: what must not reach it, how many columns it takes, how numbers read.
import CSystem
import Common

/// `text` with everything that could steer the terminal made visible. A model or a file may carry
/// escape sequences; they must not move the cursor, change the title or fake a prompt. Line feeds and
/// tabs stay, carriage returns go, other control characters become their pictures, and marks that
/// reverse the order of what is shown become U+FFFD.
public func terminalSafe(_ text: String) -> String {
  guard text.unicodeScalars.contains(where: steersTerminal) else { return text }
  var safe = String.UnicodeScalarView()
  for scalar in text.unicodeScalars {
    if !steersTerminal(scalar) {
      safe.append(scalar)
    } else if scalar != "\r" {
      safe.append(picture(of: scalar))
    }
  }
  return String(safe)
}

private func steersTerminal(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar.value {
  case 0x09, 0x0A: false
  case 0x00...0x1F, 0x7F...0x9F: true  // C0, delete, C1
  case 0x2028, 0x2029: true  // separators that terminals treat as they please
  case 0x202A...0x202E, 0x2066...0x2069: true  // embeddings, overrides and isolates of direction
  default: false
  }
}

private func picture(of scalar: Unicode.Scalar) -> Unicode.Scalar {
  switch scalar.value {
  case 0x00...0x1F: Unicode.Scalar(0x2400 + scalar.value) ?? "\u{FFFD}"
  case 0x7F: "\u{2421}"
  case 0x2028, 0x2029: "\n"
  default: "\u{FFFD}"
  }
}

/// The columns that `text` takes, by the C library's table: 2 for Chinese characters, 0 for combining
/// marks. Needs a UTF-8 locale (`CharacterLocale.useUTF8`).
func columns(of text: String) -> Int {
  text.unicodeScalars.reduce(0) { $0 + Int(hypnos_character_columns($1.value)) }
}

/// The longest front of `text` that takes at most `limit` columns.
public func clipped(_ text: String, toColumns limit: Int) -> String {
  var taken = 0
  var result = ""
  for character in text {
    let width = columns(of: String(character))
    guard taken + width <= limit else { break }
    taken += width
    result.append(character)
  }
  return result
}

/// `text` with spaces behind it up to `width` columns.
func padded(_ text: String, toColumns width: Int) -> String {
  text + String(repeating: " ", count: max(0, width - columns(of: text)))
}

/// `number` with one decimal, the way speeds and sizes are shown.
func oneDecimal(_ number: Double) -> String {
  guard number.isFinite, number.magnitude < 1e15 else { return "-" }
  let tenths = Int((number * 10).rounded())
  return "\(tenths < 0 ? "-" : "")\(grouped(Int(tenths.magnitude / 10))).\(tenths.magnitude % 10)"
}

/// `count` and the noun it counts: "1 token", "2 tokens".
func counted(_ count: Int, _ noun: String) -> String {
  "\(grouped(count)) \(noun)\(count == 1 ? "" : "s")"
}
