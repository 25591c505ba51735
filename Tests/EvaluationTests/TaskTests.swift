// Every layout by a small example, and every kind of broken row with its line.
import Foundation
import Testing

@testable import Evaluation

@Suite struct TaskTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func options(_ pairs: (String, String)...) -> [ChoiceOption] {
    pairs.map { ChoiceOption(letter: $0.0, text: $0.1) }
  }

  @Test func ownLayoutWithBothScripts() throws {
    let row =
      #"{"id": "1", "question": "術中血壓下降？", "options": {"B": "止血", "A": "補液"}, "answer": "BA", "source": "s", "#
      + #""question_hans": "术中血压下降？", "options_hans": {"A": "补液", "B": "止血", "C": ""}}"#
    let path = try folder.write("own.jsonl", "\n" + row + "\n")
    let item = try TaskFile(path: path).items[0]
    #expect(item.question == "術中血壓下降？" && item.line == 2 && item.source == "s")
    #expect(item.content == .choice(options: options(("A", "補液"), ("B", "止血")), keys: ["A", "B"]))
    var reading = TaskReading()
    reading.prefersSimplified = true
    let simplified = try TaskFile(path: path, reading: reading).items[0]
    #expect(simplified.content == .choice(options: options(("A", "补液"), ("B", "止血")), keys: ["A", "B"]))
  }

  @Test func cmexam() throws {
    let table =
      "\u{FEFF}Question,Options,Answer,Explanation\r\n"
      + "\"哪一个是\r\n\"\"局麻药\"\"\",\"A 丙泊酚\r\nB 利多卡因\",B,\r\n\r\n第二题,\"A 甲\nB 乙\nC 丙\",\"A,C\",x\r\n"
    let file = try TaskFile(path: try folder.write("a.csv", table))
    #expect(file.layout == .cmexam && file.form == "CSV" && file.problems.isEmpty)
    #expect(file.items[0].question == "哪一个是\r\n\"局麻药\"")
    #expect(file.items[0].content == .choice(options: options(("A", "丙泊酚"), ("B", "利多卡因")), keys: ["B"]))
    #expect(file.items.map(\.line) == [2, 6] && file.items[1].keys == ["A", "C"])
    let annotated = "Question,Options,Answer,Clinical Department\nq,\"A 甲\nB 乙\",A,麻醉科\n"
    #expect(try TaskFile(path: try folder.write("t.csv", annotated)).items[0].source == "麻醉科")
    let json = #"{"Question": "q", "Options": [{"key": "A", "value": "x"}, {"key": "B", "value": "y"}], "Answer": "B"}"#
    #expect(try TaskFile(path: try folder.write("b.jsonl", json)).items[0].keys == ["B"])
  }

  @Test func medmcqa() throws {
    func file(_ cops: Int...) throws -> TaskFile {
      let rows = cops.map {
        #"{"id": "\#($0)", "question": "q", "opa": "a", "opb": "b", "opc": "c", "opd": "d", "cop": \#($0), "subject_name": "S"}"#
      }
      return try TaskFile(path: try folder.write("m.json", rows.joined(separator: "\n")))
    }
    #expect(try file(1, 4).items.map(\.keys) == [["A"], ["D"]])
    #expect(try file(0, 3).items.map(\.keys) == [["A"], ["D"]])
    #expect(try file(1, 4).items[0].source == "S" && file(1, 4).remark == "cop counts from 1")
    #expect(try file(1, 4, -1).problems[0].reason == .noKey(field: "cop"))
    #expect(try file(0, 4).problems[0].reason == .unknownKey("0", options: ["A", "B", "C", "D"]))
    // A few rows may leave open what the numbers mean.
    #expect(try file(1, 3).remark?.contains("which nothing in it shows; say --cop-from 0") == true)
    var reading = TaskReading()
    reading.firstOption = 0
    let table = "id,question,opa,opb,opc,opd,cop\n1,q,a,b,c,d,1\n2,q,a,b,c,d,3\n3,q,a,b,c,d,\n"
    let path = try folder.write("m.csv", table)
    #expect(try TaskFile(path: path).items.map(\.keys) == [["A"], ["C"]])
    let fromZero = try TaskFile(path: path, reading: reading)
    #expect(fromZero.items.map(\.keys) == [["B"], ["D"]] && fromZero.remark == "cop counts from 0")
    #expect(fromZero.problems.map(\.line) == [4] && fromZero.problems[0].reason == .noKey(field: "cop"))
  }

  @Test func cmb() throws {
    let exam =
      "[\n {\"exam_class\": \"执业医师\", \"question\": \"q\", \"question_type\": \"多项选择题\",\n  \"answer\": \"AC\", "
      + "\"option\": {\"A\": \"1\", \"B\": \"2\", \"C\": \"3\", \"D\": \"\"}},\n {\"question\": \"r\", \"answer\": \"B\", "
      + "\"option\": {\"A\": \"[\\\"\", \"B\": \"2\"}}\n]\n"
    let file = try TaskFile(path: try folder.write("e.json", exam))
    #expect(file.layout == .cmb && file.items.map(\.line) == [2, 4] && file.items[0].options.count == 3)
    #expect(file.items[0].source == "执业医师" && file.items[0].keys == ["A", "C"] && file.items[1].keys == ["B"])
    let clinical =
      #"[{"id": 7, "title": "t", "description": "病人，男。", "QA_pairs": [{"question": "诊断？", "solution": "疝"}, "#
      + #"{"question": "治疗？", "solution": "手术"}]}]"#
    let cases = try TaskFile(path: try folder.write("c.json", clinical)).items
    #expect(cases.map(\.id) == ["7-0", "7-1"] && cases[1].reference == "手术" && cases[1].passage == "病人，男。")
  }

  @Test func anesbench() throws {
    let row =
      #"[{"id": "x", "question": "q", "A": "1", "B": "2", "C": "3", "choice_num": 3, "target": "C", "category": 1}]"#
    let file = try TaskFile(path: try folder.write("a.json", row))
    #expect(file.layout == .anesbench && file.items[0].keys == ["C"] && file.items[0].options.count == 3)
    let both =
      #"{"id": "y", "answer": "A", "en_question": "q", "en_A": "one", "en_B": "two", "zh_question": "问", "zh_A": "一", "zh_B": "二"}"#
    let path = try folder.write("b.jsonl", both)
    var english = TaskReading()
    english.language = .english
    #expect(try TaskFile(path: path, reading: english).items[0].options.map(\.text) == ["one", "two"])
    #expect(try TaskFile(path: path).items[0].options.map(\.text) == ["一", "二"])
    #expect(file.items[0].source == "category 1")
    let described = both.replacing("zh_", with: "cn_").replacing("\"y\"", with: "\"y\", \"level\": 2")
    let item = try TaskFile(path: try folder.write("c.jsonl", described)).items[0]
    #expect(item.options.map(\.text) == ["一", "二"] && item.source == "level 2")
  }

  @Test func keysOfAFileOfTheirOwn() throws {
    let questions = [
      #"{"id": 1, "exam_class": "规培", "question": "q", "option": {"A": "1", "B": "2", "C": "3"}}"#,
      #"{"id": 2, "question": "q", "option": {"A": "1", "B": "2"}, "answer": "B"}"#,
      #"{"id": 3, "question": "q", "option": {"A": "1", "B": "2"}, "answer": ""}"#,
      #"{"id": 4, "question": "q", "option": {"A": "1", "B": "2"}}"#,
    ]
    let path = try folder.write("q.json", "[" + questions.joined(separator: ",\n") + "]")
    var reading = TaskReading()
    reading.keys = try AnswerFile(
      path: try folder.write(
        "k.json", #"[{"id": 1, "answer": "AC"}, {"id": 2, "answer": "A"}, {"id": 4, "answer": "D"}]"#))
    let file = try TaskFile(path: path, reading: reading)
    #expect(file.items.map(\.keys) == [["A", "C"], ["B"]])
    #expect(file.problems.map(\.line) == [3, 4])
    #expect(file.problems[0].reason == .noAnswer(id: "3", path: folder.path + "/k.json"))
    #expect(file.problems[1].reason == .unknownKey("D", options: ["A", "B"]))
    #expect(try TaskFile(path: path).problems[0].reason == .noKey(field: "answer"))
  }

  @Test func parquetIsNotRead() throws {
    let path = try folder.write("test.parquet", "PAR1\u{15}\u{4}")
    let problem = #expect(throws: TaskProblem.self) { try TaskFile(path: path) }
    #expect(
      problem?.description == "\(path): a Parquet file, which is not read; make JSONL of it, with pandas in Python for "
        + "one: pandas.read_parquet(\"\(path)\").to_json(\"\(folder.path)/test.jsonl\", orient=\"records\", lines=True, "
        + "force_ascii=False)")
  }

  @Test func aFileOfTooManyLinesIsNotRead() throws {
    let path = try folder.write("junk.jsonl", String(repeating: "x\n", count: (1 << 21) + 1))
    let problem = #expect(throws: TaskProblem.self) { try TaskFile(path: path) }
    #expect(problem?.description.hasSuffix("more than 2,097,152 lines; give it in parts") == true)
  }

  @Test func openQuestionsAndTexts() throws {
    let reading = #"{"id": "1", "question": "q", "context": ["a", "b"], "answer": "yes", "long_answer": "It is."}"#
    let item = try TaskFile(path: try folder.write("r.jsonl", reading)).items[0]
    #expect(item.passage == "a\nb" && item.reference == "It is." && item.fullQuestion == "a\nb\n\nq")
    let seed =
      #"{"id": "s", "instruction": "do", "instances": [{"input": "x", "output": "y"}, {"input": "", "output": "z"}]}"#
    #expect(try TaskFile(path: try folder.write("s.jsonl", seed)).items.map(\.id) == ["s-0", "s-1"])
    let dialogue = #"{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}"#
    #expect(try TaskFile(path: try folder.write("d.jsonl", dialogue)).items[0].reference == "a")
    let text = try TaskFile(path: try folder.write("t.md", "\u{FEFF}# Text\n"))
    #expect(text.layout == .text && text.items[0].question == "# Text\n")
  }

  @Test func badRowsAreNamedWithTheirLines() throws {
    let rows = [
      #"{"id": "a", "question": "q", "options": {"A": "1", "B": "2"}, "answer": "A"}"#,
      #"{"id": "b", "question": "q", "options": {"A": "1", "B": "2"}}"#,
      #"{"id": "c", "question": "q", "options": {"A": "1", "B": "2"}, "answer": "AC"}"#,
      #"{"id": "a", "question": "q", "options": {"A": "1", "B": "2"}, "answer": "A"}"#,
      #"{"id": "d", "question": "", "options": {"A": "1", "B": "2"}, "answer": "A"}"#,
      #"{"id": "e", "question": "q", "options": {"A": "1"}, "answer": "A"}"#, "{broken", "[1]",
      #"{"id": "f", "question": "q", "options": {"A": "1", "B": "2"}, "answer": ""}"#,
      #"{"id": "g", "question": "q", "options": "A B", "answer": "A"}"#, #"{"id": "h", "answer": "A"}"#,
    ]
    let more = [
      #"{"id": "i", "question": "q", "options": {"A": "1", "B": "2"}, "answer": ["A", 2]}"#,
      #"{"id": ["j"], "question": "q", "options": {"A": "1", "B": "2"}, "answer": "A"}"#,
    ]
    let path = try folder.write("bad.jsonl", (rows + more).joined(separator: "\n"))
    let file = try TaskFile(path: path)
    #expect(file.items.map(\.id) == ["a"])
    #expect(file.problems.map(\.line) == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13])
    let reasons = file.problems.map(\.reason)
    #expect(reasons[0] == .noKey(field: "answer") && reasons[1] == .unknownKey("C", options: ["A", "B"]))
    #expect(reasons[2] == .duplicate(id: "a", line: 1) && reasons[3] == .field("question", "is empty"))
    #expect(reasons[4] == .optionCount(1) && reasons[7] == .noKey(field: "answer"))
    #expect(reasons[10] == .field("answer", "has a key that is no text"))
    #expect(reasons[11] == .field("id", "is neither text nor a number"))
    #expect(file.problems[4].description.hasSuffix("line 6: 1 option; there can be 2 to 10"))
    #expect(file.problems[0].description == "\(path), line 2: options without a key: \"answer\" names none of them")
  }

  @Test func tenOptionsAreTakenAndElevenNot() throws {
    func row(_ count: Int) -> String {
      let letters = "ABCDEFGHIJK".prefix(count).map { "\"\($0)\": \"x\"" }.joined(separator: ", ")
      return "{\"question\": \"q\", \"options\": {\(letters)}, \"answer\": \"J\"}"
    }
    let file = try TaskFile(path: try folder.write("t.jsonl", row(10) + "\n" + row(11)))
    #expect(file.items.count == 1 && file.items[0].options.count == 10 && file.problems.count == 1)
  }

  @Test func brokenFiles() throws {
    #expect(throws: TaskProblem.self) { try TaskFile(path: folder.path + "/none.jsonl") }
    for (name, text, reason) in [
      ("empty.jsonl", "\n", TaskProblem.Reason.empty),
      ("open.json", "[{\"a\": 1}", .malformed("the JSON array has no end")),
      ("more.json", "[]\n[]", .malformed("line 2: the array has ended, and more stands behind it")),
      ("odd.jsonl", "{\"what\": 1}", .unknownLayout(keys: ["what"])),
      ("quote.csv", "Question,Options\n\"a,b", .malformed("line 2: a quoted field has no end")),
    ] {
      let path = try folder.write(name, text)
      let line = name == "odd.jsonl" ? 1 : nil
      #expect(throws: TaskProblem(path: path, line: line, reason: reason)) { try TaskFile(path: path) }
    }
  }

  @Test func answersMustHaveIdsAndTexts() throws {
    let path = try folder.write("a.jsonl", "{\"id\": 1, \"answer\": \"x\"}\n{\"id\": \"1\", \"answer\": \"y\"}")
    #expect(throws: TaskProblem(path: path, line: 2, reason: .duplicate(id: "1", line: 1))) {
      try AnswerFile(path: path)
    }
  }
}
