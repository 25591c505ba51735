// A sheet of a study as a rater gives it back.
import Text

/// One rater's marks.
public struct FilledSheet: Sendable {
  /// The file.
  public let path: String
  /// Marks by item, answer in the order shown, and aspect; nil where there is none.
  private(set) var marks: [[[Int?]]]
  /// The answers that are called best, by item; empty where none is.
  private(set) var best: [Set<Int>]

  /// Reads the sheet at `path`, which must be one of `study`. Throws at its first row that is not, with its line.
  public init(path: String, study: RatingStudy) throws(TaskProblem) {
    self.path = path
    let aspects = [Int?](repeating: nil, count: JudgedAspect.allCases.count)
    marks = study.items.map { $0.order.map { _ in aspects } }
    best = study.items.map { _ in [] }
    let places = Dictionary(zip(study.items.map(\.code), study.items.indices), uniquingKeysWith: { place, _ in place })
    var lines = study.items.map { $0.order.map { _ in Int?.none } }
    var line: Int?
    do throws(TaskProblem.Reason) {
      for record in try TableReader(RecordReader.content(of: path), separator: ",").records() {
        line = record.line
        try take(SheetRow(fields: try record.fields.get()), of: study, places, lines: &lines, line: record.line)
      }
      // What is best cannot be told from a part of the answers.
      for (item, found) in zip(study.items, lines.map({ $0.compactMap(\.self) })) {
        guard let last = found.last, found.count < item.order.count else { continue }
        line = last
        let reason = "item \"\(item.code)\" has rows for \(found.count) of its \(item.order.count) answers"
        throw .refused(reason + "; a row is missing")
      }
    } catch {
      throw TaskProblem(path: path, line: line, reason: error)
    }
  }

  /// Takes in the row of line `line`; `lines` are those of the answers before.
  private mutating func take(
    _ row: SheetRow, of study: RatingStudy, _ places: [String: Int], lines: inout [[Int?]], line: Int
  ) throws(TaskProblem.Reason) {
    guard try row["study"] == study.study else {
      throw .refused("belongs to the study \"\(try row["study"])\", not to \(study.study)")
    }
    let (item, answer) = (try row["item"], try row["answer"])
    guard let place = places[item], let number = Int(answer), number > 0, number <= lines[place].count
    else {
      throw .refused("item \"\(item)\", answer \"\(answer)\" is not in the study")
    }
    if let before = lines[place][number - 1] { throw .duplicate(id: "\(item)/\(number)", line: before) }
    lines[place][number - 1] = line
    for (index, aspect) in JudgedAspect.allCases.enumerated() {
      marks[place][number - 1][index] = try row.mark(aspect)
    }
    if try row.isBest { best[place].insert(number - 1) }
  }
}

/// One answer's row.
private struct SheetRow {
  let fields: OrderedFields<JSONValue>

  /// What stands in a column, without what a table program may have put around it.
  subscript(column: String) -> String {
    get throws(TaskProblem.Reason) {
      guard let value = fields[column]?.string else { throw .field(column, "is no column of the sheet") }
      return value.filter { !$0.isWhitespace && $0 != "'" }
    }
  }

  /// The mark for `aspect`; nil where there is none.
  func mark(_ aspect: JudgedAspect) throws(TaskProblem.Reason) -> Int? {
    let mark = try self[aspect.rawValue]
    guard !mark.isEmpty else { return nil }
    guard let value = Int(mark), (1...RatingSheet.largest).contains(value) else {
      throw .field(aspect.rawValue, "is \"\(mark)\"; marks are 1 to \(RatingSheet.largest)")
    }
    return value
  }

  /// Whether the answer is called the best one.
  var isBest: Bool {
    get throws(TaskProblem.Reason) {
      let choice = try self["best"].lowercased()
      if ["1", "x", "yes", "true", "是"].contains(choice) { return true }
      guard ["", "0", "no", "false", "否"].contains(choice) else {
        throw .field("best", "is \"\(choice)\"; it is 1 for the best answer, or empty")
      }
      return false
    }
  }
}
