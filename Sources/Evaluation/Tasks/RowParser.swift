// From a row's fields to its items, layout by layout.
import Text

/// Reads the rows of one file.
struct RowParser {
  let layout: TaskLayout
  /// Which versions of rows are wanted, and keys that stand elsewhere.
  let reading: TaskReading
  /// What MedMCQA's `cop` calls the first option.
  let firstOption: Int

  /// The items of a row: one, but for cases with several questions.
  func items(_ fields: OrderedFields<JSONValue>, line: Int) throws(TaskProblem.Reason) -> [TaskItem] {
    let row = Row(fields: fields, line: line)
    if let id = fields["id"], id != .null, id.plainText == nil { throw .field("id", "is neither text nor a number") }
    switch layout {
    case .options, .cmexam, .medmcqa, .cmb, .anesbench, .anesbenchBilingual: return [try choice(row)]
    case .cmbClinical: return try cases(row)
    case .question:
      var reference = try row.optionalText("long_answer")
      if reference == nil { reference = try row.text("answer") }
      let content = TaskItem.Content.open(reference: reference ?? "")
      return [row.item(question: try row.text("question"), content: content, try row.passage())]
    case .instruction:
      let input = try row.optionalText("input")
      let question = [try row.text("instruction"), input].compactMap { $0 }.joined(separator: "\n\n")
      return [row.item(question: question, content: .open(reference: try row.text("output")))]
    case .selfInstruct: return try instances(row)
    case .messages: return [try dialogue(row)]
    case .text: return [row.item(question: try row.text("text"), content: .text)]
    }
  }

  // MARK: Choice questions

  private func choice(_ row: Row) throws(TaskProblem.Reason) -> TaskItem {
    var questionKey = "question"
    var keyField = "answer"
    let options: [ChoiceOption]
    switch layout {
    case .cmexam:
      (questionKey, keyField) = ("Question", "Answer")
      options = try listedOptions(row)
    case .medmcqa:
      keyField = "cop"
      options = try lettered(row, keys: ["opa", "opb", "opc", "opd"])
    case .cmb: options = try objectOptions(row, "option")
    case .anesbench:
      keyField = row.fields["target"] != nil ? "target" : "answer"
      options = try lettered(row, keys: RowParser.letters)
    case .anesbenchBilingual:
      let prefix = RowParser.bilingualPrefix(row, reading.language)
      questionKey = prefix + "question"
      keyField = row.fields["target"] != nil ? "target" : "answer"
      options = try lettered(row, keys: RowParser.letters.map { prefix + $0 })
    default:
      let isSimplified =
        reading.prefersSimplified && row.fields["question_hans"] != nil && row.fields["options_hans"] != nil
      if isSimplified { questionKey = "question_hans" }
      options = try objectOptions(row, isSimplified ? "options_hans" : "options")
    }
    guard (2...TaskItem.optionLimit).contains(options.count) else { throw .optionCount(options.count) }
    let keys = try self.keys(row, keyField, options)
    return row.item(
      question: try row.text(questionKey), content: .choice(options: options, keys: keys), try row.passage())
  }

  /// The letters options may have.
  static let letters = ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J"]

  /// How the fields of a bilingual row begin: with `zh_`, or as its description has it `cn_`, or with `en_`; in the
  /// other language where the wanted one is missing.
  private static func bilingualPrefix(_ row: Row, _ language: JudgedLanguage) -> String {
    let (chinese, english) = (["zh_", "cn_"], ["en_"])
    let prefixes = language == .chinese ? chinese + english : english + chinese
    return prefixes.first { row.fields[$0 + "question"] != nil } ?? prefixes[0]
  }

  /// Options under a key each, as far as there are any.
  private func lettered(_ row: Row, keys: [String]) throws(TaskProblem.Reason) -> [ChoiceOption] {
    var options: [ChoiceOption] = []
    for (letter, key) in zip(RowParser.letters, keys) {
      guard let text = try row.optionalText(key) else { continue }
      options.append(ChoiceOption(letter: letter, text: text))
    }
    return options
  }

  /// Options in an object by their letters, or in an array in their order. Empty ones fill up tables, and do not count.
  private func objectOptions(_ row: Row, _ key: String) throws(TaskProblem.Reason) -> [ChoiceOption] {
    if let array = row.fields[key]?.array { return try arrayOptions(array, key) }
    guard let object = row.fields[key]?.object else { throw .field(key, "is no object of options") }
    var options: [ChoiceOption] = []
    for field in object where field.value != .null {
      guard let text = field.value.plainText else { throw .field(key, "has an option that is no text") }
      guard RowParser.letters.contains(field.key) else {
        throw .field(key, "has an option \"\(field.key)\"; letters are A to J")
      }
      if !text.isBlank { options.append(ChoiceOption(letter: field.key, text: text)) }
    }
    return options.sorted { $0.letter < $1.letter }
  }

  /// Options in an array: texts in their order, or objects of `key` and `value`.
  private func arrayOptions(_ array: [JSONValue], _ key: String) throws(TaskProblem.Reason) -> [ChoiceOption] {
    guard array.count <= RowParser.letters.count else { throw .optionCount(array.count) }
    var options: [ChoiceOption] = []
    for (index, element) in array.enumerated() {
      let letter = element["key"]?.string ?? RowParser.letters[index]
      guard let text = element["value"]?.plainText ?? element.plainText else {
        throw .field(key, "has an option that is no text")
      }
      guard RowParser.letters.contains(letter), !options.contains(where: { $0.letter == letter }) else {
        throw .field(key, "has an option \"\(letter)\"; letters are A to J, each once")
      }
      if !text.isBlank { options.append(ChoiceOption(letter: letter, text: text)) }
    }
    return options
  }

  /// CMExam's options: lines of a letter, a space and the text, or the array of its JSON.
  private func listedOptions(_ row: Row) throws(TaskProblem.Reason) -> [ChoiceOption] {
    if row.fields["Options"]?.string == nil { return try objectOptions(row, "Options") }
    var options: [ChoiceOption] = []
    for line in try row.text("Options").split(whereSeparator: \.isNewline) {
      let letter = String(line.prefix(1))
      guard RowParser.letters.contains(letter), line.dropFirst().first.map({ " .．、:：\t".contains($0) }) ?? false else {
        throw .field("Options", "has a line that begins with no letter and space: \"\(line.prefix(20))\"")
      }
      guard !options.contains(where: { $0.letter == letter }) else {
        throw .field("Options", "has the letter \(letter) twice")
      }
      let text = line.dropFirst(2).drop(while: \.isWhitespace)
      if !text.isEmpty { options.append(ChoiceOption(letter: letter, text: String(text))) }
    }
    return options
  }

  /// The keyed letters: of a text such as "AC" or "A,C" or "A、C", an array, or MedMCQA's number; of the file of keys
  /// where the row has none.
  private func keys(_ row: Row, _ field: String, _ options: [ChoiceOption]) throws(TaskProblem.Reason) -> [String] {
    let known = options.map(\.letter)
    var found: [String]
    switch row.fields[field] {
    case let value? where layout == .medmcqa && value.optionNumber != nil:
      let number = value.optionNumber ?? 0
      guard number >= 0 else { throw .noKey(field: field) }
      guard RowParser.letters.indices.contains(number - firstOption) else {
        throw .unknownKey(String(number), options: known)
      }
      found = [RowParser.letters[number - firstOption]]
    case .string(let text)? where !text.isBlank: found = RowParser.letters(in: text)
    case .array(let array)?:
      found = array.compactMap(\.string)
      guard found.count == array.count else { throw .field(field, "has a key that is no text") }
    default:
      guard let keys = reading.keys else { throw .noKey(field: field) }
      guard let key = keys.answers[row.id] else { throw .noAnswer(id: row.id, path: keys.path) }
      found = RowParser.letters(in: key.text)
    }
    found = Set(found).sorted()
    guard !found.isEmpty else { throw .noKey(field: field) }
    if let unknown = found.first(where: { !known.contains($0) }) { throw .unknownKey(unknown, options: known) }
    return found
  }

  private static func letters(in key: String) -> [String] {
    key.filter { !$0.isWhitespace && !",，、;；/|+".contains($0) }.map { String($0).uppercased() }
  }

  // MARK: Open questions

  private func cases(_ row: Row) throws(TaskProblem.Reason) -> [TaskItem] {
    guard let pairs = row.fields["QA_pairs"]?.array, !pairs.isEmpty else {
      throw .field("QA_pairs", "holds no questions")
    }
    var items: [TaskItem] = []
    for (index, pair) in pairs.enumerated() {
      guard let question = pair["question"]?.string, let answer = pair["solution"]?.string ?? pair["answer"]?.string,
        !question.isBlank, !answer.isBlank
      else { throw .field("QA_pairs", "number \(index + 1) has no \"question\" and \"solution\"") }
      items.append(
        row.item(
          id: "\(row.id)-\(index)", question: question, content: .open(reference: answer), try row.text("description")))
    }
    return items
  }

  private func instances(_ row: Row) throws(TaskProblem.Reason) -> [TaskItem] {
    guard let instances = row.fields["instances"]?.array, !instances.isEmpty else {
      throw .field("instances", "is empty")
    }
    var items: [TaskItem] = []
    for (index, instance) in instances.enumerated() {
      guard let answer = instance["output"]?.string, !answer.isBlank else {
        throw .field("instances", "number \(index + 1) has no \"output\"")
      }
      let input = instance["input"]?.string ?? ""
      let question = try row.text("instruction") + (input.isBlank ? "" : "\n\n" + input)
      let id = instances.count == 1 ? row.id : "\(row.id)-\(index)"
      items.append(row.item(id: id, question: question, content: .open(reference: answer)))
    }
    return items
  }

  /// The last answer of a dialogue, asked by all that was said before it.
  private func dialogue(_ row: Row) throws(TaskProblem.Reason) -> TaskItem {
    let messages = row.fields["messages"]?.array ?? []
    guard let last = messages.lastIndex(where: { $0["role"]?.string == "assistant" }),
      let answer = messages[last]["content"]?.string, !answer.isBlank
    else { throw .field("messages", "holds no answer") }
    let before = messages[..<last].filter { $0["role"]?.string != "system" }.compactMap { $0["content"]?.string }
    guard !before.isEmpty else { throw .field("messages", "holds no question") }
    return row.item(question: before.joined(separator: "\n\n"), content: .open(reference: answer))
  }
}

/// The fields of a row.
private struct Row {
  let fields: OrderedFields<JSONValue>
  let line: Int

  /// Its own id, or its line.
  var id: String { fields["id"]?.plainText ?? String(line) }

  /// Where it says it comes from.
  var source: String {
    for key in ["source", "subject_name", "exam_class", "Clinical Department", "label", "origin"] {
      if let text = fields[key]?.plainText, !text.isBlank { return text }
    }
    // AnesBench's levels are bare numbers.
    for key in ["category", "level"] {
      if let number = fields[key]?.integer { return "\(key) \(number)" }
    }
    return ""
  }

  func item(
    id: String? = nil, question: String, content: TaskItem.Content, _ passage: String = ""
  ) -> TaskItem {
    TaskItem(
      id: id ?? self.id, line: line, source: source, passage: passage, question: question, content: content)
  }

  func text(_ key: String) throws(TaskProblem.Reason) -> String {
    guard let value = fields[key] else { throw .field(key, "is missing") }
    guard let text = value.plainText else { throw .field(key, "is no text") }
    guard !text.isBlank else { throw .field(key, "is empty") }
    return text
  }

  /// The text under `key`; nil where there is none or an empty one.
  func optionalText(_ key: String) throws(TaskProblem.Reason) -> String? {
    guard let value = fields[key], value != .null else { return nil }
    guard let text = value.plainText else { throw .field(key, "is no text") }
    return text.isBlank ? nil : text
  }

  /// The passage under `context`: a text, or an array of paragraphs.
  func passage() throws(TaskProblem.Reason) -> String {
    guard let array = fields["context"]?.array else { return try optionalText("context") ?? "" }
    let paragraphs = array.compactMap(\.string)
    guard paragraphs.count == array.count else { throw .field("context", "has a paragraph that is no text") }
    return paragraphs.joined(separator: "\n")
  }
}

extension JSONValue {
  /// A whole number, in a table written as text.
  var optionNumber: Int? { integer ?? string.flatMap { Int($0) } }

  /// A string, or a number as it is written.
  fileprivate var plainText: String? {
    switch self {
    case .string(let text): text
    case .integer, .number: encoded
    default: nil
    }
  }
}

extension String {
  /// Whether there is nothing but white space.
  var isBlank: Bool { unicodeScalars.allSatisfy(\.properties.isWhitespace) }
}
