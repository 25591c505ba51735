// The JSON reader and writer: what is read, what is refused and where, what is written.

import Testing

@testable import Text

@Suite struct TemplateJSONTests {
  private func parse(_ text: String) throws(JSONError) -> JSONValue { try JSONValue(parsing: text) }

  static let readable: [(String, JSONValue)] = [
    ("null", JSONValue.null), (" true ", true), ("false", false), ("0", 0), ("-0", 0), ("-12", -12),
    ("9223372036854775807", .integer(.max)), ("9223372036854775808", .number(9223372036854775808)),
    ("1.0", 1.0), ("-1.5e-3", -0.0015), ("1E2", 100.0), (#""""#, ""),
    (#""a\"\\\/\b\f\n\r\tz""#, "a\"\\/\u{8}\u{C}\n\r\tz"),
    (#""\u00e9\u4F60\ud83d\uDE00""#, "é你😀"), (#""\ud83d""#, "\u{FFFD}"),
    (#""\udE00x\ud83d\u0041""#, "\u{FFFD}x\u{FFFD}A"),
    (#""\ud83d\ud83d\ude00""#, "\u{FFFD}😀"), (#""\u0000""#, "\u{0}"), ("[]", []), ("[1,[2],{}]", [1, [2], [:]]),
    (#"{"a":1,"b":{"a":[]}}"#, ["a": 1, "b": ["a": []]]), (#"{"a":1,"b":2,"a":3}"#, ["a": 3, "b": 2]),
    ("\u{FEFF}\r\n[\t1 , 2 ]\n", [1, 2]), ("5e-324", .number(.leastNonzeroMagnitude)), ("1e-999", 0.0),
  ]

  @Test(arguments: readable)
  func documentsAreRead(text: String, expected: JSONValue) throws {
    #expect(try parse(text) == expected)
  }

  static let malformed: [(String, JSONError.Reason, Int, Int)] = [
    ("", JSONError.Reason.unexpectedEnd(expected: "a value"), 1, 1), ("  ", .unexpectedEnd(expected: "a value"), 1, 3),
    ("[1,\n 2", .unexpectedEnd(expected: "',' or ']'"), 2, 3), ("[1 2]", .unexpected(expected: "',' or ']'"), 1, 4),
    ("[1,]", .unexpected(expected: "a value"), 1, 4), ("{\"a\" 1}", .unexpected(expected: "':'"), 1, 6),
    ("{a:1}", .unexpected(expected: "a key in quotes"), 1, 2),
    ("{\"a\":1,}", .unexpected(expected: "a key in quotes"), 1, 8),
    ("{", .unexpectedEnd(expected: "a key"), 1, 2), ("tru", .unexpected(expected: "a value"), 1, 1),
    ("NaN", .unexpected(expected: "a value"), 1, 1), ("-Infinity", .malformedNumber, 1, 2),
    ("01", .malformedNumber, 1, 3),
    ("1.", .malformedNumber, 1, 3), (".5", .unexpected(expected: "a value"), 1, 1), ("1e", .malformedNumber, 1, 3),
    ("+1", .unexpected(expected: "a value"), 1, 1), ("1e999", .numberOutOfRange, 1, 6),
    ("\"a\nb\"", .controlCharacter, 1, 3),
    ("\"你好", .unexpectedEnd(expected: "the closing quote of a string"), 1, 4), (#""\x""#, .malformedEscape, 1, 2),
    (#""\u12g4""#, .malformedEscape, 1, 2), (#""\u12"#, .malformedEscape, 1, 2),
    ("1 2", .unexpected(expected: "the end of the document"), 1, 3),
    ("'a'", .unexpected(expected: "a value"), 1, 1),
  ]

  @Test(arguments: malformed)
  func malformedDocumentsAreRefused(text: String, reason: JSONError.Reason, line: Int, column: Int) {
    do throws(JSONError) {
      Issue.record("\(text) is read as \(try parse(text))")
    } catch {
      #expect(error.reason == reason)
      #expect(error.line == line)
      #expect(error.column == column)
    }
  }

  @Test(arguments: [
    [0x22, 0xFF, 0x22], [0x22, 0xC3, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xC0, 0x80, 0x22],
  ])
  func invalidUTF8IsRefused(bytes: [UInt8]) {
    #expect { try JSONValue(parsing: bytes) } throws: { ($0 as? JSONError)?.reason == .invalidUTF8 }
    #expect { try JSONValue(parsing: [0xFF]) } throws: { $0 is JSONError }
  }

  @Test func depthAndSizeAreBounded() async throws {
    let limit = JSONValue.nestingLimit
    let allowed = String(repeating: "[", count: limit) + String(repeating: "]", count: limit)
    #expect(try parse(allowed).encoded == allowed)
    for opening in ["[", "{\"a\":"] {
      let document = String(repeating: opening, count: 100_000)
      let outcome = await onSmallStack { Result { () throws(JSONError) in try JSONValue(parsing: document) } }
      #expect { try outcome.get() } throws: { ($0 as? JSONError)?.reason == .tooDeep(limit: limit) }
    }
    #expect { try JSONValue(parsing: Array("[1, 2]".utf8), sizeLimit: 5) } throws: {
      ($0 as? JSONError)?.reason == .tooLong(bytes: 6, limit: 5)
    }
  }

  static let written: [(String, String?)] = [
    ("null", "null"), ("[ true , false ]", "[true,false]"), (#"{"b":1,"a":[2.50,{}]}"#, #"{"b":1,"a":[2.5,{}]}"#),
    (#""\u4f60\/\u0001\u007f\"\\""#, "\"你/\\u0001\u{7F}\\\"\\\\\""), ("1E400", nil), ("100000000000000000000", "1e+20"),
    ("0.1", "0.1"), ("1e16", "1e+16"), ("123456789012345680.0", "1.2345678901234568e+17"), ("1e-7", "1e-07"),
    ("-0.0", "-0.0"),
    ("0.0001", "0.0001"), ("0.00001", "1e-05"), ("9007199254740993.0", "9007199254740992.0"), ("1e22", "1e+22"),
  ]

  @Test(arguments: written)
  func documentsAreWrittenCompactly(text: String, expected: String?) {
    #expect((try? parse(text))?.encoded == expected)
  }

  @Test func numbersSurviveTheRoundTrip() throws {
    var bits: UInt64 = 0x0123_4567_89AB_CDEF
    for _ in 0..<5_000 {
      bits = bits &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let number = Double(bitPattern: bits)
      guard number.isFinite else { continue }
      #expect(try parse(JSONValue.number(number).encoded).number == number)
    }
    #expect(JSONValue.number(.nan).encoded == "null")
    #expect(JSONValue.number(-.infinity).encoded == "null")
  }

  @Test func fieldsKeepTheirOrderAndTheirBytes() throws {
    let names = (0..<500).map { "key\($0 * 7919 % 500)" }
    let document = "{" + names.map { "\"\($0)\":\"\($0)\"" }.joined(separator: ",") + ",\"key0\":0}"
    let fields = try #require(try parse(document).object)
    #expect(fields.map(\.key) == names)
    #expect(fields["key0"] == 0)
    #expect(fields["key499"] == "key499")
    #expect(fields["missing"] == nil)
    let accents = try parse("{\"\u{E9}\":1,\"e\u{301}\":2}")
    #expect(accents["\u{E9}"] == 1)
    #expect(accents["e\u{301}"] == 2)
    #expect(accents.encoded.utf8.count == "{\"\u{E9}\":1,\"e\u{301}\":2}".utf8.count)
  }

  @Test func accessorsLookAtTheirOwnKindOnly() {
    let value: JSONValue = ["s": "x", "i": 1, "n": 1.5, "b": true, "a": [1]]
    #expect(value["s"]?.string == "x" && value["i"]?.string == nil)
    #expect(value["i"]?.integer == 1 && value["n"]?.integer == nil)
    #expect(value["i"]?.number == 1.0 && value["n"]?.number == 1.5 && value["s"]?.number == nil)
    #expect(value["b"]?.boolean == true && value["i"]?.boolean == nil)
    #expect(value["a"]?.array == [1] && value.array == nil)
    #expect(JSONValue.string("x")["s"] == nil)
  }
}
