// Answers that were given elsewhere: lines of JSON with an id and an answer, as `hypnos --jsonl` writes them.
import Text

/// The answers of one file, by id.
public struct AnswerFile: Sendable {
  /// The file.
  public let path: String
  /// Each answer and its line.
  public let answers: [String: (text: String, line: Int)]
  /// The ids in the order of the file.
  public let ids: [String]
  /// What was asked, where the file says it.
  public let questions: [String: String]

  /// Reads the file at `path`. All rows must have an `id` and an `answer`, and no id may be there twice.
  public init(path: String) throws(TaskProblem) {
    self.path = path
    var answers: [String: (text: String, line: Int)] = [:]
    var ids: [String] = []
    var questions: [String: String] = [:]
    func fail(_ line: Int?, _ reason: TaskProblem.Reason) -> TaskProblem {
      TaskProblem(path: path, line: line, reason: reason)
    }
    let records: [FileRecord]
    do throws(TaskProblem.Reason) { records = try RecordReader.read(path).records } catch { throw fail(nil, error) }
    for record in records {
      let fields: OrderedFields<JSONValue>
      do throws(TaskProblem.Reason) { fields = try record.fields.get() } catch { throw fail(record.line, error) }
      guard let id = fields["id"]?.string ?? fields["id"]?.integer.map(String.init) else {
        throw fail(record.line, .field("id", "is missing, or neither text nor a whole number"))
      }
      guard let answer = fields["answer"]?.string else { throw fail(record.line, .field("answer", "is no text")) }
      if let earlier = answers[id] { throw fail(record.line, .duplicate(id: id, line: earlier.line)) }
      answers[id] = (answer, record.line)
      ids.append(id)
      questions[id] = fields["question"]?.string
    }
    guard !ids.isEmpty else { throw fail(nil, .empty) }
    (self.answers, self.ids, self.questions) = (answers, ids, questions)
  }
}
