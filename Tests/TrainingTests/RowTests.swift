import Testing
import Text

@testable import Training

/// Which rows a line of JSON may hold, and what is said of those it may not.
@Suite struct RowTests {
  private func row(_ line: String) throws(DataProblem.Reason) -> DataRow { try DataRow(line: Array(line.utf8)) }

  private func turn(_ question: String, _ answer: String) -> RowContent {
    .dialogue([ChatMessage(role: "user", content: question), ChatMessage(role: "assistant", content: answer)])
  }

  @Test func everyKind() throws {
    #expect(
      try row(#"{"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]}"#)
        == DataRow(kind: .messages, content: turn("Q", "A")))
    #expect(
      try row(#"{"id": 7, "question": "Q", "answer": "A"}"#)
        == DataRow(kind: .questionAnswer, content: turn("Q", "A")))
    #expect(
      try row(#"{"instruction": "I", "input": "x", "output": "A"}"#)
        == DataRow(kind: .instruction, content: turn("I\n\nx", "A")))
    #expect(
      try row(#"{"instruction": "I", "input": "", "output": "A"}"#)
        == DataRow(kind: .instruction, content: turn("I", "A")))
    #expect(try row(#"{"instruction": "I", "output": "A"}"#).content == turn("I", "A"))
    #expect(
      try row(#"{"prompt": "P", "completion": "C"}"#)
        == DataRow(kind: .promptCompletion, content: .completion(prompt: "P", completion: "C")))
    #expect(try row(#"{"question": " Q ", "answer": " \n　A "}"#).content == turn(" Q ", "A "))
    #expect(try row(#"{"text": "T"}"#) == DataRow(kind: .text, content: .note("T")))
  }

  @Test(arguments: [
    (#"{"question": "Q", "answer": " \n"}"#, DataProblem.Reason.emptyAnswer("\"answer\"")),
    (#"{"question": "", "answer": "A"}"#, .emptyText("the question")),
    (#"{"instruction": "I", "output": ""}"#, .emptyAnswer("\"output\"")),
    (#"{"prompt": "P", "completion": ""}"#, .emptyAnswer("\"completion\"")),
    (#"{"text": "　"}"#, .emptyText("\"text\"")),
    (#"{"question": "Q", "answer": 3}"#, .unknownRow("\"answer\" is not a string")),
    (#"{"question": "Q\u0000", "answer": "A"}"#, .nul),
    (
      #"{"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": ""}]}"#,
      .emptyAnswer("message 2")
    ),
    (
      #"{"messages": [{"role": "user", "content": null}]}"#,
      .unknownRow("message 1 has no \"role\" and \"content\" that are strings")
    ),
    (
      #"{"messages": [{"role": "user", "content": "Q"}]}"#,
      .unknownRow("no message is an answer: none has the role \"assistant\"")
    ),
    (#"{"messages": {}}"#, .unknownRow("\"messages\" is not an array")),
    (#"{"question": "Q"#, .malformed("column 16: the JSON ends where the closing quote of a string must follow")),
    (
      #"{"question": "Q", "options": {"A": "x"}, "answer": "A"}"#,
      .unknownRow("a question with \"options\" is for evaluation; write all of it into \"question\"")
    ),
  ])
  func whatIsNoRow(line: String, reason: DataProblem.Reason) {
    #expect(throws: reason) { try row(line) }
  }

  @Test func linesInOtherEncodingsSayHowToConvertThem() {
    // {"text": "麻醉"} in GB18030, and the beginning of any line in UTF-16.
    let chinese: [UInt8] = Array(#"{"text": ""#.utf8) + [0xC2, 0xE9, 0xD7, 0xED] + Array(#""}"#.utf8)
    #expect(throws: DataProblem.Reason.notUTF8(offset: 10)) { try DataRow(line: chinese) }
    let wide: [UInt8] = [0xFE, 0xFF, 0, UInt8(ascii: "{"), 0]
    #expect(throws: DataProblem.Reason.notUTF8(offset: 0, likely: "UTF-16")) { try DataRow(line: wide) }
    #expect(DataProblem.Reason.notUTF8(offset: 0, likely: "UTF-16").description.hasSuffix("iconv -f UTF-16 -t UTF-8"))
  }

  @Test func otherJSONSaysWhatIsKnown() {
    for line in ["[]", "3", #"{"title": "x"}"#] {
      #expect {
        try row(line)
      } throws: { error in
        if case .unknownRow(let reason)? = error as? DataProblem.Reason { reason.contains("question") } else { false }
      }
    }
  }

  @Test func textFiles() throws {
    let marked: [UInt8] = [0xEF, 0xBB, 0xBF] + Array("a\r\nb\r\n\r\nc\rd".utf8)
    #expect(try DataRow(file: marked) == DataRow(kind: .text, content: .note("a\nb\n\nc\rd")))
    #expect(throws: DataProblem.Reason.notUTF8(offset: 2)) { try DataRow(file: [65, 66, 0xC3, 67]) }
    #expect(throws: DataProblem.Reason.notUTF8(offset: 0, likely: "UTF-16")) { try DataRow(file: [0xFF, 0xFE, 65, 0]) }
    #expect(throws: DataProblem.Reason.nul) { try DataRow(file: [65, 0]) }
    #expect(throws: DataProblem.Reason.emptyFile) { try DataRow(file: []) }
    #expect(throws: DataProblem.Reason.emptyFile) { try DataRow(file: Array(" \n\t".utf8)) }
  }
}
