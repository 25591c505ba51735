// Templates spoilt at random, always in the same way: whatever comes of it, it is a text or an error.

import Foundation
import Testing

@testable import Text

/// A small generator (xorshift64*) with a fixed sequence, so that a failure can be repeated.
private struct FixedRandom {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  mutating func next(below bound: Int) -> Int {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return Int((state &* 0x2545_F491_4F6C_DD1D) >> 33) % max(bound, 1)
  }
}

@Suite struct TemplateMutationTests {
  private static let pieces = [
    "{{", "}}", "{%", "%}", "{#", "#}", "-", "+", "'", "\"", "\\", "(", ")", "[", "]", "{", "}", ":", "|", "~", ".",
    ",",
    "=", "==", "**", "//", "%", " is ", " not ", " in ", " if ", " else ", " and ", "for x in ", "endfor", "endif",
    "set ", "macro m()", "endmacro", "raw", "endraw", "messages", "loop.", "ns.", "none", "9223372036854775807",
    "1e309",
    "-1", "0", "\n", "\u{FEFF}", "é", "你", "\u{0}", "|tojson", "|list", "|sort", "|map('", "[::-1]", "[1:", "range(",
    "*a",
    "|batch(", "|round(", "|int", "%s", ".split(", ".format(", "|indent(", "caller()", "{%- break -%}", "strftime_now(",
  ]

  /// `source` with one to four pieces inserted, removed, doubled or exchanged.
  private func mutate(_ source: [Unicode.Scalar], _ random: inout FixedRandom) -> String {
    var mutated = source
    for _ in 0...random.next(below: 4) {
      let start = random.next(below: mutated.count + 1)
      let end = min(mutated.count, start + random.next(below: 24))
      let piece = Array(Self.pieces[random.next(below: Self.pieces.count)].unicodeScalars)
      switch random.next(below: 5) {
      case 0: mutated.insert(contentsOf: piece, at: start)
      case 1: mutated.removeSubrange(start..<end)
      case 2: mutated.insert(contentsOf: mutated[start..<end], at: random.next(below: mutated.count + 1))
      case 3: mutated.replaceSubrange(start..<end, with: piece)
      default: mutated.removeSubrange(start...)
      }
    }
    var text = String.UnicodeScalarView()
    text.append(contentsOf: mutated)
    return String(text)
  }

  @Test func spoiltTemplatesNeverTrap() async throws {
    let conversations = try templateFixture("conversations.json")
    let snippets = try templateFixture("snippets.json")
    var sources = try #require(conversations["templates"]?.object).compactMap(\.value.string)
    sources += try #require(snippets["cases"]?.array).compactMap { $0["template"]?.string }
    let messages = TemplateValue(try #require(conversations["messages"]?["calls"]))
    var variables: [String: TemplateValue] = ["messages": messages, "add_generation_prompt": true, "bos_token": "<s>"]
    for field in try #require(snippets["variables"]?.object) where field.key != "messages" {
      variables[field.key] = TemplateValue(field.value)
    }
    let limits = TemplateLimits(steps: 20_000, work: 4 << 20, textLength: 1 << 20)
    let (rendered, refused) = await onSmallStack { [variables, sources] in
      var outcomes = (rendered: 0, refused: 0)
      for (number, source) in sources.enumerated() {
        var random = FixedRandom(seed: UInt64(number + 1))
        for _ in 0..<12 {
          let mutated = mutate(Array(source.unicodeScalars), &random)
          do throws(TemplateError) {
            _ = try ChatTemplate(source: mutated, name: "spoilt")
              .render(variables: variables, now: fixtureTime, limits: limits)
            outcomes.rendered += 1
          } catch {
            outcomes.refused += 1
          }
        }
      }
      return outcomes
    }
    #expect(rendered > 100)
    #expect(refused > 1_000)
  }
}
