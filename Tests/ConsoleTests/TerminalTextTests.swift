// What reaches the terminal, how wide it is, and how it is coloured.
import Common
import Testing

@testable import Console

@Suite struct TerminalTextTests {
  @Test(arguments: [
    ("plain 文字\n\tend", "plain 文字\n\tend"),
    ("\u{1B}[31mred\u{1B}]0;title\u{07}", "␛[31mred␛]0;title␇"),
    ("a\r\nb\rc", "a\nbc"),
    ("\u{9B}2J\u{7F}\u{0}", "\u{FFFD}2J␡␀"),
    ("abc\u{202E}txt\u{2066}", "abc\u{FFFD}txt\u{FFFD}"),
    ("one\u{2028}two", "one\ntwo"),
    ("👩‍⚕️ e\u{301}", "👩‍⚕️ e\u{301}"),
  ])
  func showsControlCharacters(_ text: String, _ shown: String) {
    // Compared as scalars: to a String, \r\n would be one character.
    #expect(Array(terminalSafe(text).unicodeScalars) == Array(shown.unicodeScalars))
  }

  @Test(arguments: [("abc", 3), ("病史", 4), ("e\u{301}", 1), ("ｶ", 1), ("，", 2), ("", 0)])
  func countsColumns(_ text: String, _ width: Int) {
    CharacterLocale.useUTF8()
    #expect(columns(of: text) == width)
  }

  @Test func clipsAndPadsByColumns() {
    CharacterLocale.useUTF8()
    #expect(clipped("病史一", toColumns: 5) == "病史")
    #expect(padded("病史", toColumns: 6) == "病史  ")
    #expect(padded("longer", toColumns: 2) == "longer")
  }

  @Test func writesNumbersForReaders() {
    #expect(grouped(0) == "0")
    #expect(grouped(999) == "999")
    #expect(grouped(1_234_567) == "1,234,567")
    #expect(grouped(-12_345) == "-12,345")
    #expect(grouped(.min) == "-9,223,372,036,854,775,808")
    #expect(oneDecimal(1234.56) == "1,234.6")
    #expect(oneDecimal(-0.25) == "-0.3")
    #expect(oneDecimal(.infinity) == "-")
    #expect(counted(1, "token") == "1 token")
    #expect(counted(2000, "token") == "2,000 tokens")
  }

  @Test(arguments: [
    (true, ["TERM": "xterm"], true),
    (true, ["TERM": "xterm", "NO_COLOR": ""], true),
    (true, ["TERM": "xterm", "NO_COLOR": "1"], false),
    (true, ["TERM": "dumb"], false),
    (true, [:], false),
    (false, ["TERM": "xterm"], false),
  ])
  func coloursOnlyWhereWanted(_ isTerminal: Bool, _ environment: [String: String], _ wanted: Bool) {
    #expect(Terminal.wantsColour(isTerminal: isTerminal, environment: { environment[$0] }) == wanted)
  }

  @Test func endsLinesAndRemembersAClosedPipe() {
    var sent = ""
    let terminal = Terminal(hasColour: true) { text in
      sent += text
      return !text.contains("gone")
    }
    terminal.write("answer")
    terminal.line("note", .notice)
    #expect(sent == "answer\n\u{1B}[2mnote\u{1B}[0m\n")
    #expect(terminal.prompt("> ") == "\u{1}\u{1B}[1;36m\u{2}> \u{1}\u{1B}[0m\u{2}")
    terminal.write("gone")
    #expect(terminal.isClosed)
    terminal.write("more")
    #expect(!sent.contains("more"))
  }
}
