// Tables as RFC 4180 writes them: fields in quotes may hold separators, line ends and doubled quotes.
import Text

/// Reads a table whose first record names the columns.
struct TableReader {
  private let bytes: [UInt8]
  private let separator: UInt8

  /// A table in `bytes`.
  init(_ bytes: [UInt8], separator: Character) throws(TaskProblem.Reason) {
    do {
      _ = try UTF8Span(validating: bytes.span)
    } catch {
      throw .malformed("not UTF-8 at byte \(error.byteOffsets.lowerBound)")
    }
    self.bytes = Array(bytes.withoutByteOrderMark)
    self.separator = separator.asciiValue ?? 44
  }

  /// The rows as objects of strings.
  func records() throws(TaskProblem.Reason) -> [FileRecord] {
    let rows = try self.rows()
    guard let head = rows.first?.cells else { return [] }
    return rows.dropFirst().map { row in
      guard row.cells.count == head.count else {
        return FileRecord(
          line: row.line,
          fields: .failure(.malformed("\(row.cells.count) columns, but the first line names \(head.count)")))
      }
      let pairs = zip(head, row.cells).map { ($0, JSONValue.string($1)) }
      return FileRecord(line: row.line, fields: .success(OrderedFields(pairs)))
    }
  }

  /// The cells of each record that is not blank, and its line.
  func rows() throws(TaskProblem.Reason) -> [(line: Int, cells: [String])] {
    var rows: [(line: Int, cells: [String])] = []
    var (cells, cell): ([String], [UInt8]) = ([], [])
    var (line, start, isQuoted, wasQuoted, position) = (1, 1, false, false, 0)
    func endCell() {
      cells.append(String(decoding: cell, as: UTF8.self))
      (cell, wasQuoted) = ([], false)
    }
    func endRow() {
      if cell.last == 13, !wasQuoted { cell.removeLast() }
      let isBlank = cells.isEmpty && cell.isEmpty && !wasQuoted
      endCell()
      if !isBlank { rows.append((start, cells)) }
      cells = []
      start = line
    }
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      if byte == 10 { line += 1 }
      if isQuoted {
        if byte != UInt8(ascii: "\"") {
          cell.append(byte)
        } else if position < bytes.count, bytes[position] == byte {
          cell.append(byte)
          position += 1
        } else {
          isQuoted = false
        }
      } else if byte == UInt8(ascii: "\""), cell.isEmpty {
        (isQuoted, wasQuoted) = (true, true)
      } else if byte == separator {
        endCell()
      } else if byte == 10 {
        endRow()
      } else if !(byte == 13 && wasQuoted) {
        cell.append(byte)
      }
    }
    guard !isQuoted else { throw .malformed("line \(start): a quoted field has no end") }
    if !cells.isEmpty || !cell.isEmpty { endRow() }
    return rows
  }
}
