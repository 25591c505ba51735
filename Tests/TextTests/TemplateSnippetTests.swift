// Small templates against what Jinja 3.1 renders for them, set up as transformers sets it up (the
// immutable sandbox, trim_blocks, lstrip_blocks, loopcontrols, its own tojson).

import Foundation
import Testing

@testable import Text

/// The moment at which the fixtures were rendered.
let fixtureTime = LocalTime(year: 2024, month: 7, day: 6, hour: 14, minute: 5, second: 9)

/// The JSON document `name` of the template fixtures.
func templateFixture(_ name: String) throws -> JSONValue {
  let folder = try #require(Bundle.module.url(forResource: "Fixtures/Template", withExtension: nil))
  return try JSONValue(parsing: Array(Data(contentsOf: folder.appending(path: name))))
}

@Suite struct TemplateSnippetTests {
  @Test func snippetsRenderAsInJinja() throws {
    let fixture = try templateFixture("snippets.json")
    let variables = try #require(fixture["variables"]?.object)
    var values: [String: TemplateValue] = [:]
    for field in variables { values[field.key] = TemplateValue(field.value) }
    let cases = try #require(fixture["cases"]?.array)
    #expect(cases.count > 250)
    for entry in cases {
      let source = try #require(entry["template"]?.string)
      let outcome = Result { () throws(TemplateError) -> String in
        try ChatTemplate(source: source, name: "snippet").render(variables: values, now: fixtureTime)
      }
      switch (outcome, entry["expected"]?.string) {
      case (.success(let text), let expected?):
        #expect(text.utf8.elementsEqual(expected.utf8), "\(source)\n→ \(text)\n≠ \(expected)")
      case (.failure, nil): break
      case (.success(let text), nil):
        Issue.record("\(source)\nrenders as \(text), where Jinja has \(entry["error"]?.string ?? "an error")")
      case (.failure(let error), _?): Issue.record("\(source)\n\(error)")
      }
    }
  }
}
