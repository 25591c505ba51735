// The data that goes into templates, and the clock.

import Testing

@testable import Text

@Suite struct TemplateValueTests {
  @Test func jsonBecomesTheSameData() throws {
    let document = #"{"b": 1, "a": [true, null, 1.5, "é", {}], "big": 18446744073709551616}"#
    let value = try TemplateValue(JSONValue(parsing: Array(document.utf8)))
    let list: TemplateValue = [true, TemplateValue.none, 1.5, "é", [:]]
    #expect(value == ["b": 1, "a": list, "big": 18446744073709551616.0])
    guard case .object(let fields) = value else {
      Issue.record("no object")
      return
    }
    #expect(fields.map(\.key) == ["b", "a", "big"])
  }

  @Test func stringsAreComparedByTheirBytes() {
    #expect(TemplateValue.string("e\u{301}") != .string("\u{E9}"))
  }

  @Test(arguments: [
    ("%Y-%m-%d %H:%M:%S", "2000-02-29 00:00:00"), ("%A %a %j %u %w", "Tuesday Tue 060 2 2"),
    ("%-d %-m %e %I%p %y", "29 2 29 12AM 00"), ("%B %b %% %Q %", "February Feb % %Q %"), ("%-", "%-"),
  ])
  func clockFormatsAsInC(format: String, expected: String) {
    #expect(LocalTime(year: 2000, month: 2, day: 29).formatted(format) == expected)
  }

  @Test func clockPartsAreKeptInRange() {
    let time = LocalTime(year: .max, month: .max, day: .max, hour: .max, minute: .max, second: .max)
    #expect(time.formatted("%Y %B %d %H:%M:%S") == "9999 December 31 23:59:60")
    #expect(LocalTime(year: .min, month: .min, day: .min).formatted("%Y %B %d %A") == "1 January 01 Monday")
  }
}
