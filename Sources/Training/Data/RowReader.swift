// From files to rows. Whether a file is lines of JSON or text is told from its name and its first line; every row
// then says its kind itself.
import Common
import Text

/// How a file is read.
public enum FileForm: String, Sendable {
  /// Lines of JSON.
  case jsonLines = "JSONL"
  /// Text or Markdown, all of it one row.
  case text
}

/// The rows of one file, one after the other, each with its line or the reason why there is none. What concerns the
/// whole file comes last and has no line.
struct RowReader: Sequence, IteratorProtocol {
  /// A row or why there is none, and its line.
  typealias Element = (line: Int?, row: Result<DataRow, DataProblem.Reason>)

  /// How the file is read; nil when it cannot be.
  private(set) var form: FileForm?
  /// What is left to read; nil at the end.
  private var file: DataFile?
  private var failure: DataProblem.Reason?
  private var line = 0
  private var isEmpty = true

  /// Opens the file at `path`.
  init(path: String) {
    do throws(DataProblem.Reason) {
      form = try RowReader.form(of: path)
      file = try RowReader.open(path)
    } catch {
      form = nil
      failure = error
    }
  }

  /// The next row.
  mutating func next() -> Element? {
    do throws(DataProblem.Reason) {
      if let failure { throw failure }
      guard let file else { return nil }
      if form == .jsonLines { return try nextLine(of: file) }
      self.file = nil
      return (1, .success(try DataRow(file: RowReader.rest(of: file))))
    } catch {
      failure = nil
      file = nil
      return (nil, .failure(error))
    }
  }

  private mutating func nextLine(of file: DataFile) throws(DataProblem.Reason) -> Element? {
    while let found = try RowReader.line(of: file) {
      line += 1
      switch found {
      case .tooLong:
        isEmpty = false
        return (line, .failure(.lineTooLong(limit: DataFile.lineLimit)))
      case .bytes(let bytes) where !bytes.isBlank:
        isEmpty = false
        return (line, Result { () throws(DataProblem.Reason) in try DataRow(line: bytes) })
      case .bytes: continue
      }
    }
    self.file = nil
    if isEmpty { throw .emptyFile }
    return nil
  }

  /// Lines of JSON, by the name or because the first line that is not blank holds an object.
  private static func form(of path: String) throws(DataProblem.Reason) -> FileForm {
    let name = path.lowercased()
    if [".jsonl", ".ndjson", ".json"].contains(where: name.hasSuffix) { return .jsonLines }
    let file = try open(path)
    while case .bytes(let line)? = try RowReader.line(of: file) {
      if line.isBlank { continue }
      return (try? JSONValue(parsing: line))?.object != nil ? .jsonLines : .text
    }
    return .text
  }
}

extension RowReader {
  private static func open(_ path: String) throws(DataProblem.Reason) -> DataFile {
    do { return try DataFile(path: path) } catch { throw DataProblem.Reason(error) }
  }

  private static func line(of file: DataFile) throws(DataProblem.Reason) -> DataFile.Line? {
    do { return try file.nextLine() } catch { throw DataProblem.Reason(error) }
  }

  private static func rest(of file: DataFile) throws(DataProblem.Reason) -> [UInt8] {
    do { return try file.rest() } catch { throw DataProblem.Reason(error) }
  }
}

extension DataProblem.Reason {
  /// The problem of a file that cannot be read.
  package init(_ error: DataFileError) {
    switch error {
    case .unreadable(let code): self = .unreadable(code: code)
    case .notARegularFile: self = .notARegularFile
    case .tooLarge(let limit): self = .fileTooLarge(limit: limit)
    }
  }
}

extension [UInt8] {
  /// Whether there is nothing but ASCII white space.
  fileprivate var isBlank: Bool { allSatisfy { $0 == 32 || (9...13).contains($0) } }
}
