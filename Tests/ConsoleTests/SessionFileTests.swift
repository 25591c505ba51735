// Session files: written, read again, and refused when anything about them is wrong.
import Foundation
import Testing
import Text

@testable import Console

@Suite struct SessionFileTests {
  private let session = SessionFile(
    modelName: "Stub-1", fingerprint: "0123abcd", settings: ["temperature": "0.7", "seed": "9"],
    conversation: Conversation(
      systemPrompt: "Be \"brief\".\n",
      exchanges: [
        Exchange(question: "依托咪酯？", answer: "是。\u{1B}[0m", finish: .endOfText),
        Exchange(question: "", answer: "", finish: .cancelled),
      ], dropped: 1))

  @Test func comesBackAsItWent() throws {
    try withFolder { folder in
      let path = "\(folder)/s.json"
      try session.write(to: path)
      #expect(try SessionFile(at: path) == session)
      #expect(try permissions(path) == 0o600)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["s.json"])
      // Any JSON reader reads it.
      let data = try Data(contentsOf: URL(fileURLWithPath: path))
      let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
      #expect((object["messages"] as? [Any])?.count == 5)
      #expect((object["model"] as? [String: String]) == ["name": "Stub-1", "fingerprint": "0123abcd"])
    }
  }

  @Test func theConversationIsWhatTheModelIsGiven() {
    let messages = session.conversation.messages(asking: "next")
    #expect(messages.map(\.role) == [.system, .user, .assistant, .user])
    #expect(messages.map(\.content) == ["Be \"brief\".\n", "", "", "next"])
  }

  /// A session with one part replaced.
  private static func document(
    format: String = #""hypnos-session""#, version: String = "1",
    model: String = #"{"name":"n","fingerprint":"f"}"#, settings: String = "{}", dropped: String = "0",
    messages: String = "[]"
  ) -> String {
    """
    {"format":\(format),"version":\(version),"model":\(model),"settings":\(settings),
    "dropped":\(dropped),"messages":\(messages)}
    """
  }

  @Test(arguments: [
    (document(format: #""other""#), "format", "\"hypnos-session\""),
    ("[]", "format", "\"hypnos-session\""),
    (document(version: #""1""#), "version", "1"),
    (document(version: "0"), "version", "1"),
    (document(model: "[]"), "model", "an object"),
    (document(model: #"{"fingerprint":"f"}"#), "model.name", "a string"),
    (document(model: #"{"name":"n","fingerprint":7}"#), "model.fingerprint", "a string"),
    (document(settings: "[]"), "settings", "an object"),
    (document(settings: #"{"seed":1}"#), "settings.seed", "a string"),
    (document(dropped: "1"), "dropped", "a number of exchanges, at most 0"),
    (document(dropped: "-1"), "dropped", "a number of exchanges, at most 0"),
    (document(messages: "{}"), "messages", "an array"),
    (document(messages: #"["a"]"#), "messages[0].content", "a string"),
    (document(messages: #"[{"role":"user","content":null}]"#), "messages[0].content", "a string"),
    (document(messages: #"[{"content":""}]"#), "messages[0].role", "a string"),
    (
      document(messages: #"[{"role":"assistant","content":""}]"#), "messages[0].role",
      "\"system\" or \"user\""
    ),
    (document(messages: #"[{"role":"tool","content":""}]"#), "messages[0].role", "\"system\" or \"user\""),
    (
      document(messages: #"[{"role":"user","content":""},{"role":"system","content":""}]"#),
      "messages[1].role", "\"assistant\""
    ),
    (
      document(messages: #"[{"role":"system","content":""},{"role":"system","content":""}]"#),
      "messages[1].role", "\"user\""
    ),
    (
      document(messages: #"[{"role":"user","content":""}]"#), "messages",
      "complete: the last question has no answer"
    ),
    (
      document(messages: #"[{"role":"user","content":""},{"role":"assistant","content":"","finish":"x"}]"#),
      "messages[1].finish", "the reason why the answer ended, such as \"endOfText\""
    ),
  ])
  func refuses(_ text: String, _ place: String, _ expected: String) throws {
    let error = SessionError.malformed(path: "s.json", place: place, expected: expected)
    #expect(throws: error) { try SessionFile(try JSONValue(parsing: text), path: "s.json") }
  }

  @Test func refusesLaterVersions() throws {
    let document = try JSONValue(parsing: SessionFileTests.document(version: "2"))
    #expect(throws: SessionError.laterVersion(path: "s.json", version: 2)) {
      try SessionFile(document, path: "s.json")
    }
  }

  @Test func refusesWhatIsNoJSONWithItsPlace() throws {
    try withFolder { folder in
      let path = "\(folder)/s.json"
      let whole = Array(session.text.utf8)
      for length in 0..<whole.count - 2 {
        try Data(whole[..<length]).write(to: URL(fileURLWithPath: path))
        #expect(throws: SessionError.self) { try SessionFile(at: path) }
      }
      try Data("{\"format\":\n\"\u{FF}".utf8.dropLast(2) + [0xFF, 0x22, 0x7D]).write(
        to: URL(fileURLWithPath: path))
      let error = #expect(throws: SessionError.self) { try SessionFile(at: path) }
      #expect(error?.description.contains("line 2") == true)
      let deep = String(repeating: "[", count: 100_000)
      try Data(deep.utf8).write(to: URL(fileURLWithPath: path))
      #expect(throws: SessionError.self) { try SessionFile(at: path) }
    }
  }

  @Test func saysWhyAFileCannotBeRead() throws {
    try withFolder { folder in
      #expect(throws: SessionError.file("\(folder): not a regular file")) { try SessionFile(at: folder) }
      #expect(throws: SessionError.file("\(folder)/no: cannot be read: No such file or directory")) {
        try SessionFile(at: "\(folder)/no")
      }
      #expect(throws: SessionError.file("\(folder): not a regular file")) { try session.write(to: folder) }
    }
  }
}
