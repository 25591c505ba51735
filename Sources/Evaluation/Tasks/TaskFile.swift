// A file of a benchmark: its layout, its items, and what is wrong with the rest of it.
import Text

/// What the rows of files leave open, and which of their versions is wanted.
public struct TaskReading: Sendable {
  /// Takes the Simplified Chinese conversion where a row has one.
  public var prefersSimplified = false
  /// The language that is taken of rows in two.
  public var language = JudgedLanguage.chinese
  /// What MedMCQA's `cop` calls the first option, 0 or 1; nil to tell it from the file's numbers.
  public var firstOption: Int?
  /// Keys of choice questions that are published without them.
  public var keys: AnswerFile?

  /// What is usual.
  public init() {}
}

/// The items of one file.
public struct TaskFile: Sendable {
  /// The file.
  public let path: String
  /// JSONL, JSON, CSV or text.
  public let form: String
  /// How its rows are laid out.
  public let layout: TaskLayout
  /// The items, in their order.
  public private(set) var items: [TaskItem] = []
  /// Rows that are none.
  public private(set) var problems: [TaskProblem] = []
  /// What was decided about the file that its rows leave open; nil where nothing was.
  public private(set) var remark: String?
  /// The language of most of its items.
  public var language: JudgedLanguage {
    let chinese = items.count { JudgedLanguage(of: $0.fullQuestion) == .chinese }
    return chinese * 2 >= items.count ? .chinese : .english
  }

  /// Reads the file at `path`, as `reading` says. Throws where the file as a whole cannot be read.
  public init(path: String, reading: TaskReading = TaskReading()) throws(TaskProblem) {
    self.path = path
    var line: Int?
    do throws(TaskProblem.Reason) {
      if [".txt", ".md"].contains(where: path.lowercased().hasSuffix) {
        (form, layout) = ("text", .text)
        items = [try TaskFile.text(path)]
        return
      }
      let (form, records) = try RecordReader.read(path)
      guard let first = records.first else { throw .empty }
      let known = records.lazy.compactMap { (try? $0.fields.get()).flatMap { TaskLayout($0) } }.first
      guard let layout = known else {
        line = first.line
        switch first.fields {
        case .success(let fields): throw .unknownLayout(keys: fields.map(\.key))
        case .failure(let reason): throw reason
        }
      }
      (self.form, self.layout) = (form, layout)
      let (parser, remark) = TaskFile.parser(layout, records, reading)
      self.remark = remark
      read(records, parser)
    } catch {
      throw TaskProblem(path: path, line: line, reason: error)
    }
  }

  private mutating func read(_ records: [FileRecord], _ parser: RowParser) {
    var lines: [String: Int] = [:]
    for record in records {
      do throws(TaskProblem.Reason) {
        let fields = try record.fields.get()
        for item in try parser.items(fields, line: record.line) {
          if let line = lines[item.id] { throw .duplicate(id: item.id, line: line) }
          lines[item.id] = record.line
          items.append(item)
        }
      } catch {
        problems.append(TaskProblem(path: path, line: record.line, reason: error))
      }
    }
  }

  /// Leaves out items for which there is a `problem`.
  public mutating func leaveOut(_ problem: (TaskItem) -> TaskProblem.Reason?) {
    items = items.filter { item in
      guard let reason = problem(item) else { return true }
      problems.append(TaskProblem(path: path, line: item.line, reason: reason))
      return false
    }
  }

  /// Keeps the first `count` items.
  public mutating func keep(first count: Int) { items = Array(items.prefix(count)) }

  private static func parser(
    _ layout: TaskLayout, _ records: [FileRecord], _ reading: TaskReading
  ) -> (RowParser, remark: String?) {
    guard layout == .medmcqa else { return (RowParser(layout: layout, reading: reading, firstOption: 1), nil) }
    let numbers = Set(records.compactMap { (try? $0.fields.get())?["cop"]?.optionNumber })
    let found = numbers.contains(0) && !numbers.contains(4) ? 0 : 1
    var remark = "cop counts from \(reading.firstOption ?? found)"
    // The numbers of a few rows may say nothing: published files count from 0 as well as from 1.
    if reading.firstOption == nil, !numbers.contains(0), !numbers.contains(4) {
      remark += ", which nothing in it shows; say --cop-from 0 if it does not"
    }
    return (RowParser(layout: layout, reading: reading, firstOption: reading.firstOption ?? found), remark)
  }

  private static func text(_ path: String) throws(TaskProblem.Reason) -> TaskItem {
    let bytes = try RecordReader.content(of: path)
    let text: String
    do { text = try String(text: bytes) } catch { throw .malformed("\(error)") }
    guard !text.isBlank else { throw .empty }
    return TaskItem(id: "1", line: 1, source: "", passage: "", question: text, content: .text)
  }
}
