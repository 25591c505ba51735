// Text that arrives in pieces comes out whole, wherever it is cut.

import Testing

@testable import Text

@Suite struct TokenizerUTF8StreamTests {
  private static let samples: [[UInt8]] = [
    Array("麻醉, é, 👩‍⚕️ and Ж\u{0}\u{10FFFF}".utf8),
    [0x61, 0xFF, 0x62], [0xE9, 0xBA], [0xE9, 0x41], [0xF0, 0x9F, 0x98, 0x41], [0x80, 0x80, 0xC3],
    [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xE0, 0x80, 0x80], [0xF0, 0x80, 0x80, 0x80], [0xF4, 0x90, 0x80, 0x80],
    [0xF8, 0x88, 0x80, 0x80, 0x80], [0xF0, 0x9F, 0xE9, 0xBA, 0x89],
  ]

  /// The same text, with invalid bytes replaced the way the standard library does it, in whatever
  /// pieces the bytes come.
  @Test(arguments: samples)
  func piecesMakeTheWhole(bytes: [UInt8]) {
    let whole = String(decoding: bytes, as: UTF8.self)
    for size in 1...5 {
      var stream = UTF8Stream()
      var text = ""
      for start in stride(from: 0, to: bytes.count, by: size) {
        text += stream.append(bytes[start..<min(start + size, bytes.count)])
      }
      text += stream.finish()
      #expect(Array(text.unicodeScalars) == Array(whole.unicodeScalars), "pieces of \(size)")
    }
  }

  @Test func holdsBackNoMoreThanItMust() {
    var stream = UTF8Stream()
    #expect(stream.append([0x61, 0xE9]) == "a")
    #expect(stream.append([0xBA]) == "")
    #expect(stream.append([0xBB]) == "\u{9EBB}")
    // What can no longer become a character is replaced at once.
    #expect(stream.append([0xFF]) == "\u{FFFD}")
    #expect(stream.append([0xE9]) == "")
    #expect(stream.append([0x41]) == "\u{FFFD}A")
    #expect(stream.append([0xED]) == "")
    #expect(stream.append([0xA0]) == "\u{FFFD}\u{FFFD}")
    #expect(stream.append([0xF0, 0x9F]) == "")
    #expect(stream.finish() == "\u{FFFD}")
    #expect(stream.finish() == "")
    #expect(stream.append("ok".utf8) == "ok")
  }
}
