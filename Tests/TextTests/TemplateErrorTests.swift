// What a template's author or user reads when something is wrong: which template, where, and what.

import Testing

@testable import Text

@Suite struct TemplateErrorTests {
  private func message(_ source: String) -> String? {
    do throws(TemplateError) {
      _ = try ChatTemplate(source: source, name: "t.jinja")
        .render(messages: [["role": "user", "content": "你好"]], addGenerationPrompt: true)
      return nil
    } catch {
      return error.description
    }
  }

  @Test(arguments: [
    ("a\n{{ missing.name }}", "t.jinja, line 2, column 11: 'missing' is not defined"),
    ("你好{{ messages[0].x.y }}", "t.jinja, line 1, column 19: 'messages[0].x' is not defined"),
    ("{{ messages[9]['role'] }}", "t.jinja, line 1, column 15: 'messages[9]' is not defined"),
    ("{{ f() }}", "t.jinja, line 1, column 5: 'f' is not defined"),
    ("{{ 1 +\n  missing }}", "t.jinja, line 2, column 3: 'missing' is not defined"),
    ("\n\n{{ 1 / 0 }}", "t.jinja, line 3, column 8: division by zero"),
    ("{{ 'a' + 1 }}", "t.jinja, line 1, column 10: '+' does not work between string and int"),
    ("{{ 1 < 'a' }}", "t.jinja, line 1, column 8: int and string have no order"),
    ("{{ 'a'|nosuch }}", "t.jinja, line 1, column 8: there is no filter 'nosuch'"),
    ("{{ 'a' is nosuch }}", "t.jinja, line 1, column 8: there is no test 'nosuch'"),
    ("{{ 'a'.nosuch() }}", "t.jinja, line 1, column 14: '(…).nosuch' is not defined"),
    ("{{ [].append(1) }}", "t.jinja, line 1, column 6: 'append' is not allowed: a template cannot change a list"),
    (
      "{{ raise_exception('No ' ~ messages[0].role) }}",
      "t.jinja, line 1, column 19: the template refuses this conversation: No user"
    ),
    ("x\n{% if true %}\ny", "t.jinja, line 2, column 1: this block has no end: {% endif %} is missing"),
    ("x\n  {% nosuch %}", "t.jinja, line 2, column 6: unknown statement 'nosuch'"),
    ("{{ (1 }}", "t.jinja, line 1, column 7: '}' comes before '(' is closed"),
    ("{{ (1 ", "t.jinja, line 1, column 4: '(' is never closed"),
    ("{{ 1) }}", "t.jinja, line 1, column 5: ')' closes nothing that is open"),
    ("{{ 1 ", "t.jinja, line 1, column 3: this tag has no end: '}}' is missing"),
    ("{{ 'abc }}", "t.jinja, line 1, column 4: this string has no closing quote"),
    ("a\n{# b", "t.jinja, line 2, column 1: this comment has no end: '#}' is missing"),
    ("{{ a b }}", "t.jinja, line 1, column 6: expected '}}', found 'b'"),
    ("{{ 1 ? 2 }}", "t.jinja, line 1, column 6: a template has no use for the character '?' here"),
    (
      "{% for x in [1] %}{{ x }}{% break %}{% endfor %}{% continue %}",
      "t.jinja, line 1, column 52: 'continue' outside of a loop"
    ),
    (
      "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
      "t.jinja, line 1, column 19: calls and blocks run more than 160 deep"
    ),
    (
      "{% set messages.x = 1 %}",
      "t.jinja, line 1, column 21: 'messages' is no namespace: only a namespace's attributes can be set"
    ),
  ])
  func errorsSayWhatAndWhere(source: String, expected: String) {
    #expect(message(source) == expected)
  }

  @Test func messagesThatAreNoListAreAnError() throws {
    let template = try #require(ChatTemplate.builtIn("chatml"))
    for messages: JSONValue in [5, true, .null] {
      #expect(throws: TemplateError.self) {
        try template.render(messages: messages, addGenerationPrompt: true)
      }
    }
  }
}
