// Templates that mean harm: they end in an error, soon, on a thread with a small stack.

import Foundation
import Testing

@testable import Text

/// Runs `body` on a thread with a stack of 512 KiB, the least that a worker thread may have. A debug
/// build, whose stack frames are eight times as large, gets eight times as much.
func onSmallStack<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
  await withCheckedContinuation { continuation in
    let thread = Thread { continuation.resume(returning: body()) }
    #if DEBUG
      thread.stackSize = 4 << 20
    #else
      thread.stackSize = 512 << 10
    #endif
    thread.start()
  }
}

@Suite struct TemplateSafetyTests {
  /// Bounds that are met sooner than those of real renders, to save the tests' time.
  private static let smallLimits = TemplateLimits(steps: 50_000, work: 16 << 20, textLength: 2 << 20)

  /// The reason for which `source` does not render, nil if it does.
  private func fault(
    _ source: String, variables: [String: TemplateValue] = [:], limits: TemplateLimits = TemplateLimits()
  ) async -> TemplateError.Reason? {
    await onSmallStack {
      do throws(TemplateError) {
        _ = try ChatTemplate(source: source, name: "malicious")
          .render(variables: variables, now: fixtureTime, limits: limits)
        return nil
      } catch {
        return error.reason
      }
    }
  }

  private func isLimit(_ reason: TemplateError.Reason?) -> Bool {
    if case .limit = reason { true } else { false }
  }

  @Test(arguments: [
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% macro m(x) %}{% if true %}{% for i in [1] %}{{ m([x]) }}{% endfor %}{% endif %}{% endmacro %}{{ m(1) }}",
    "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
    "{% macro m(x=m()) %}{% endmacro %}{{ m() }}",
    "{% macro m() %}{% call m() %}{{ caller() }}{% endcall %}{{ caller }}{% endmacro %}{{ m() }}",
    "{% macro m() %}{{ caller() }}{% endmacro %}{% macro n() %}{% call m() %}{{ n() }}{% endcall %}{% endmacro %}{{ n() }}",
    "{% set ns = namespace() %}{% macro m(f) %}{{ f.g(f) }}{% endmacro %}{% set ns.g = m %}{{ m(ns) }}",
    "{% macro m() %}{% set x %}{% filter upper %}{{ m() }}{% endfilter %}{% endset %}{% endmacro %}{{ m() }}",
    "{% macro m() %}{{ [[[[[[[[m()]]]]]]]] }}{% endmacro %}{{ m() }}",
    "{% macro m(y) %}{{ ((1 + (2 * (3 ~ m(y)))) if (y and (y or m(y))) else 1)|string }}{% endmacro %}{{ m(1) }}",
  ])
  func endlessRecursionIsStopped(source: String) async {
    #expect(isLimit(await fault(source)))
  }

  @Test func endlessLoopsAreStopped() async {
    let million = "{% for a in range(100000) %}{% for b in range(100000) %}{% for c in range(100000) %}"
    let ends = "{% endfor %}{% endfor %}{% endfor %}"
    #expect(isLimit(await fault(million + ends, limits: Self.smallLimits)))
    #expect(isLimit(await fault(million + "x" + ends, limits: Self.smallLimits)))
    let filtered = "{% for a in range(99999) if (range(99999)|list) %}{% endfor %}"
    #expect(isLimit(await fault(filtered, limits: Self.smallLimits)))
  }

  @Test(arguments: [
    "{{ 'a' * 1000000000 }}", "{{ 'a' * 9223372036854775807 }}", "{{ [1] * 9223372036854775807 }}",
    "{{ 1000000000 * ('ab' * 1000) }}", "{{ range(1000000000) }}",
    "{{ range(-9223372036854775807, 9223372036854775807) }}",
    "{{ '%1000000000d' % 1 }}", "{{ '%99999999999999999999d' % 1 }}", "{{ '{:1000000000}'.format(1) }}",
    "{{ '%.1000000000f' % 1 }}", "{{ 'x'.center(1000000000) }}", "{{ 'x'.ljust(9223372036854775807) }}",
    "{{ 'a'|indent(1000000000) }}", "{{ [1]|tojson(indent=1000000000) }}", "{{ 'x'|center(99999999999) }}",
    "{{ 1.5|round(99999) }}", "{{ 1.5|round(-9223372036854775807 - 1) }}",
    "{% set ns = namespace(s='ab') %}{% for i in range(64) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
    "{% set ns = namespace(s='ab') %}{% for i in range(64) %}{% set ns.s = ns.s.replace('a', ns.s) %}{% endfor %}",
    "{% set ns = namespace(s='ab') %}{% for i in range(64) %}{% set ns.s = ns.s|join(ns.s) %}{% endfor %}",
    "{% set ns = namespace(s='ab') %}{% for i in range(64) %}{% set ns.s = ('%s%s' % (ns.s, ns.s)) %}{% endfor %}",
    "{% set ns = namespace(s=[1]) %}{% for i in range(64) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "{% set ns = namespace(s=[1]) %}{% for i in range(64) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}",
    "{% set ns = namespace(s=[1]) %}{% for i in range(64) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s|tojson }}",
    "{% set ns = namespace(s=[1], t=[1]) %}{% for i in range(64) %}{% set ns.s = [ns.s, ns.s] %}{% set ns.t = [ns.t, ns.t] %}{% endfor %}{{ ns.s == ns.t }}",
    "{% set ns = namespace(s=[]) %}{% for i in range(99999) %}{% set ns.s = [ns.s] %}{% endfor %}",
    "{% set ns = namespace(s={}) %}{% for i in range(99999) %}{% set ns.s = {'a': ns.s} %}{% endfor %}",
    "{% set ns = namespace(s=[]) %}{% for i in range(99999) %}{% set ns.s = [ns.s]|select|list %}{% set ns.s = [ns.s.copy] %}{% endfor %}",
    "{{ 9223372036854775807 + 1 }}", "{{ -9223372036854775807 - 2 }}", "{{ 9223372036854775807 * 2 }}",
    "{{ 2 ** 63 }}", "{{ 10 ** 1000000 }}", "{{ (-9223372036854775807 - 1) // -1 }}",
    "{{ -(-9223372036854775807 - 1) }}", "{{ 1e308 ** 2 }}", "{{ 1e300|int }}", "{{ (-9223372036854775807 - 1)|abs }}",
    "{{ 99999999999999999999 }}",
    "{{ ([{'a': 1}] * 1000)|sort(attribute='a,' * 1000) }}",
    "{% set b = [0] * 20000 %}{% for i in range(200) %}{% set x = b|reverse %}{% endfor %}",
    "{% set t = 'a' * 100000 %}{{ t.startswith((t ~ 'b',) * 1000) }}",
    "{% set b = 'b' * 1000000 %}{% for i in range(100) %}{{ 'a'.find(b) }}{% endfor %}",
  ])
  func excessIsRefused(source: String) async {
    #expect(isLimit(await fault(source, limits: Self.smallLimits)))
  }

  @Test(arguments: [
    "{{ 1 / 0 }}", "{{ 1 // 0 }}", "{{ 1 % 0 }}", "{{ 1.5 % 0 }}", "{{ 0 ** -1 }}", "{{ (-8) ** 0.5 }}",
    "{{ 5 is divisibleby 0 }}", "{{ [1][::0] }}", "{{ range(1, 2, 0) }}",
  ])
  func undefinedArithmeticIsAnError(source: String) async {
    let reason = await fault(source)
    guard case .invalidOperation = reason else {
      Issue.record("\(source): \(String(describing: reason))")
      return
    }
  }

  @Test func extremeNumbersHarmNothing() async {
    let least = "(-9223372036854775807 - 1)"
    for source in [
      "{{ \(least) % -1 }}", "{{ [1, 2][::9223372036854775807] }}", "{{ [1, 2][1::\(least)] }}",
      "{{ [1, 2][\(least):] }}", "{{ [1][\(least)] }}", "{{ 'ab'[:\(least)] }}",
      "{{ range(\(least), \(least) + 3)|list }}",
      "{{ range(\(least), 9223372036854775807, 4611686018427387904)|list }}",
      "{{ 'aaa'.replace('a', 'b', \(least)) }}", "{{ 'a b'.split(none, \(least)) }}", "{{ 'a' * \(least) }}",
      "{{ 'x'.ljust(\(least)) }}", "{{ 'a'|indent(\(least)) }}", "{{ '%d %x' % (\(least), \(least)) }}",
      "{{ '%.2f %.64f' % (1e308, 5e-324) }}", "{{ 1e308|round(2) }} {{ 5e-324|round(64) }} {{ 1e308|round(-64) }}",
      "{{ 1e308 * 10 }} {{ (1e308 * 10) // 3 }} {{ (1e308 * 10)|tojson }}",
    ] {
      #expect(await fault(source) == nil, "\(source)")
    }
  }

  @Test func deepSourcesAreRefused() async {
    for (opening, closing) in [
      ("(", ")"), ("[", "]"), ("{'a':", "}"), ("x[", "]"), ("f(", ")"), ("-", ""), ("not ", ""),
      ("1 if ", " else 1"), ("x|d(", ")"), ("x is eq (", ")"), ("1 if 1 else ", ""), ("(1, (", "))"),
    ] {
      let source =
        "{{ " + String(repeating: opening, count: 5_000) + "1" + String(repeating: closing, count: 5_000) + " }}"
      #expect(isLimit(await fault(source)), "\(opening)")
    }
    for (opening, closing) in [
      ("{% if 1 %}", "{% endif %}"), ("{% for a in [1] %}", "{% endfor %}"), ("{% set x %}", "{% endset %}"),
      ("{% macro m() %}", "{% endmacro %}"), ("{% filter upper %}", "{% endfilter %}"), ("{% with %}", "{% endwith %}"),
      ("{% if 0 %}{% else %}", "{% endif %}"), ("{% generation %}", "{% endgeneration %}"),
    ] {
      let source = String(repeating: opening, count: 5_000) + String(repeating: closing, count: 5_000)
      #expect(isLimit(await fault(source)), "\(opening)")
    }
    #expect(
      isLimit(
        await fault(
          "{% for " + String(repeating: "(", count: 5_000) + "a" + String(repeating: ")", count: 5_000)
            + " in b %}{% endfor %}")))
  }

  /// What is as deep as is allowed must also be freed and run on a small stack.
  @Test func nestingJustBelowTheLimitIsHandled() async {
    let depth = TemplateLimits.syntaxDepth - 4
    let brackets = "{{ " + String(repeating: "[", count: depth) + String(repeating: "]", count: depth) + " }}"
    #expect(await fault(brackets) == nil)
    let mixed =
      "{{ " + String(repeating: "(1 + 1 * 2 ~ (x.y|d(", count: 20) + "1" + String(repeating: ")))", count: 20) + " }}"
    _ = await fault(mixed, variables: ["x": [:]])
    let blocks = String(repeating: "{% if 1 %}", count: depth) + "x" + String(repeating: "{% endif %}", count: depth)
    #expect(await fault(blocks) == nil)
  }

  @Test func longSourcesAreNoDeepOnes() async throws {
    for (unit, joint) in [("1", " + "), ("'a'", " ~ "), ("x", " or "), ("1", " and "), ("2", " < "), ("1", " - ")] {
      let source = "{{ " + Array(repeating: unit, count: 5_000).joined(separator: joint) + " }}"
      #expect(await fault(source) == nil, "\(joint)")
    }
    #expect(await fault("{{ 'x'" + String(repeating: "|trim", count: 5_000) + " }}") == nil)
    #expect(await fault("{% if 0 %}" + String(repeating: "{% elif 0 %}", count: 5_000) + "{% endif %}") == nil)
    #expect(await fault("{{ x" + String(repeating: ".a", count: 5_000) + " }}") != nil)
  }

  @Test func circlesThroughNamespacesEndWithTheRender() async {
    weak var leaked: Namespace?
    do {
      let budget = TemplateBudget(limits: TemplateLimits(), inputBytes: 0)
      let renderer = TemplateRenderer(variables: [:], now: fixtureTime, budget: budget)
      if case .namespace(let namespace) = try? renderer.makeNamespace(["a": .none]) {
        namespace.fields.set("itself", to: .namespace(namespace))
        leaked = namespace
      }
      #expect(throws: Never.self) { try renderer.render([]) }
    }
    #expect(leaked == nil)
    let chain =
      "{% set ns = namespace() %}{% for i in range(9999) %}{% set ns.x = namespace(y=ns.x) %}{% endfor %}{{ ns }}"
    #expect(await fault(chain) == nil)
    let macros = """
      {% set ns = namespace() %}{% macro make(f) %}{% macro g() %}{{ f }}{% endmacro %}{% set ns.f = g %}{% endmacro %}
      {%- for i in range(9999) %}{{ make(ns.f) }}{% endfor %}
      """
    #expect(await fault(macros) == nil)
  }

  @Test func adversarialSearchesStayLinear() async {
    let haystack = TemplateValue.string(String(repeating: "a", count: 1 << 20))
    let source =
      "{% set n = 'a' * 500000 ~ 'b' %}{{ n in x }}{{ x.find(n) }}{{ x.count(n) }}{{ x.split(n)|length }}{{ x.rsplit(n)|length }}"
    #expect(await fault(source, variables: ["x": haystack]) == nil)
  }

  @Test func anOversizedSourceIsRefused() {
    #expect(throws: TemplateError.self) {
      try ChatTemplate(source: String(repeating: " ", count: ChatTemplate.sourceLimit + 1), name: "huge")
    }
  }
}
