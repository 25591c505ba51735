// From a file to its records, each with the line it begins at: lines of JSON, a JSON array, or a table in CSV. Which of
// them it is, is told from its name and its first character.
import Common
import Text

/// One record of a file.
struct FileRecord {
  let line: Int
  let fields: Result<OrderedFields<JSONValue>, TaskProblem.Reason>
}

/// Reads the records of files.
enum RecordReader {
  /// The largest file, in bytes.
  static let sizeLimit = 512 << 20
  /// The most lines of a file whose rows are lines: each is kept, were it only to say what is wrong with it.
  static let lineLimit = 1 << 21

  /// The records of the file at `path`, and what kind of file it is.
  static func read(_ path: String) throws(TaskProblem.Reason) -> (form: String, records: [FileRecord]) {
    let bytes = try content(of: path)
    guard !bytes.starts(with: Array("PAR1".utf8)) else { throw .parquet(path: path) }
    let name = path.lowercased()
    let isTable = name.hasSuffix(".csv") || name.hasSuffix(".tsv")
    let first = bytes.withoutByteOrderMark.first { !$0.isJSONSpace }
    if !isTable, first == UInt8(ascii: "[") { return ("JSON", try array(bytes)) }
    guard bytes.count(where: { $0 == UInt8(ascii: "\n") }) <= lineLimit else {
      throw .unreadable("more than \(grouped(lineLimit)) lines; give it in parts")
    }
    if isTable {
      return ("CSV", try TableReader(bytes, separator: name.hasSuffix(".tsv") ? "\t" : ",").records())
    }
    return ("JSONL", lines(bytes))
  }

  /// All of a file, UTF-8 or not.
  static func content(of path: String) throws(TaskProblem.Reason) -> [UInt8] {
    do throws(DataFileError) {
      return try DataFile(path: path).rest(limit: sizeLimit)
    } catch {
      throw .unreadable("\(error)")
    }
  }

  private static func lines(_ bytes: [UInt8]) -> [FileRecord] {
    var records: [FileRecord] = []
    for (index, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated()
    where !line.allSatisfy(\.isJSONSpace) {
      records.append(FileRecord(line: index + 1, fields: object(line)))
    }
    return records
  }

  private static func object(
    _ bytes: ArraySlice<UInt8>
  ) -> Result<OrderedFields<JSONValue>, TaskProblem.Reason> {
    guard bytes.count <= DataFile.lineLimit else {
      return .failure(.unreadable("longer than \(DataFile.lineLimit >> 20) MiB, the most a row may have"))
    }
    do throws(JSONError) {
      guard let fields = try JSONValue(parsing: Array(bytes)).object else {
        return .failure(.malformed("not a JSON object"))
      }
      return .success(fields)
    } catch {
      return .failure(.malformed("not JSON: column \(error.column): \(error.reason)"))
    }
  }

  /// The elements of an array, found by their brackets so that each has its line and a broken one breaks no other.
  private static func array(_ bytes: [UInt8]) throws(TaskProblem.Reason) -> [FileRecord] {
    var records: [FileRecord] = []
    var (line, depth, isString, isEscaped) = (1, 0, false, false)
    var start: (offset: Int, line: Int)?
    var isClosed = false
    func finish(_ end: Int) {
      guard let begun = start else { return }
      records.append(FileRecord(line: begun.line, fields: object(bytes[begun.offset..<end])))
      start = nil
    }
    for (offset, byte) in bytes.enumerated() {
      if byte == UInt8(ascii: "\n") { line += 1 }
      if isClosed {
        guard byte.isJSONSpace else { throw .malformed("line \(line): the array has ended, and more stands behind it") }
        continue
      }
      if isString {
        let isQuote = byte == UInt8(ascii: "\"") && !isEscaped
        isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
        isString = !isQuote
        continue
      }
      if depth >= 1, start == nil, !byte.isJSONSpace, byte != UInt8(ascii: ","), byte != UInt8(ascii: "]") {
        start = (offset, line)
      }
      switch byte {
      case UInt8(ascii: "\""): isString = true
      case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
      case UInt8(ascii: "]"), UInt8(ascii: "}"):
        depth -= 1
        if depth == 0 {
          finish(offset)
          isClosed = true
        }
      case UInt8(ascii: ",") where depth == 1: finish(offset)
      default: break
      }
    }
    guard isClosed else { throw .malformed("the JSON array has no end") }
    return records
  }
}

extension UInt8 {
  /// White space between JSON values.
  fileprivate var isJSONSpace: Bool { self == 32 || (9...13).contains(self) }
}
