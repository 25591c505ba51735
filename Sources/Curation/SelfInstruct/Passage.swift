// Passages of the department's own documents, which questions are asked about. Long documents are cut where a
// paragraph ends, or a sentence.
import Common
import Evaluation
import Text
import Training

/// A piece of a document.
public struct Passage: Sendable, Equatable {
  /// The document, by its id or file and line, and which piece of it.
  public let id: String
  /// The text.
  public let text: String
  /// The language.
  public let language: JudgedLanguage
}

/// The passages of some files.
public struct PassageFile {
  /// The keys of a row that may hold its text, the first that does counts.
  static let textKeys = ["text", "passage", "content", "context", "abstract", "abstract_zh", "abstract_en", "body"]

  /// The passages, in their order.
  public private(set) var passages: [Passage] = []
  /// Documents.
  public private(set) var documents = 0
  /// How many of the documents were cut.
  public private(set) var cut = 0
  private var problems: [DataProblem] = []
  private var problemCount = 0
  private let limit: Int
  private let length: (String) -> Int

  /// Reads the files and folders at `paths`: text, Markdown, or lines of JSON. Documents of more than `limit` tokens,
  /// as `length` counts them, are cut; one that cannot be, because a sentence alone is longer, is an error, as are
  /// lines without a text. What lies at `leftOut` inside a folder is not read.
  public init(
    reading paths: [String], leaving leftOut: [String] = [], limit: Int, length: @escaping (String) -> Int
  ) throws(CurationError) {
    (self.limit, self.length) = (limit, length)
    let files: [String]
    do throws(DataError) { files = try DataFolder.files(at: paths, leaving: leftOut) } catch {
      throw .nothing(paths: paths, what: "passage (\(error))")
    }
    for path in files {
      do throws(DataFileError) {
        try read(path)
      } catch {
        note(path, nil, .init(error))
      }
    }
    guard problemCount == 0 else {
      throw .problems(problems, count: problemCount, advice: "mend the documents or take them out")
    }
    guard !passages.isEmpty else { throw .nothing(paths: paths, what: "passage") }
  }

  private mutating func read(_ path: String) throws(DataFileError) {
    let file = try DataFile(path: path)
    let name = path.split(separator: "/").last.map(String.init) ?? path
    if [".jsonl", ".ndjson", ".json"].contains(where: path.lowercased().hasSuffix) {
      var number = 0
      while let line = try file.nextLine() {
        number += 1
        do throws(DataProblem.Reason) {
          guard case .bytes(let bytes) = line else { throw .lineTooLong(limit: DataFile.lineLimit) }
          if bytes.allSatisfy({ $0 == 32 || (9...13).contains($0) }) { continue }
          let (id, text) = try PassageFile.document(bytes)
          try add(text, id: id ?? "\(name):\(number)")
        } catch {
          note(path, number, error)
        }
      }
    } else {
      let bytes = try file.rest()
      do throws(DataProblem.Reason) { try add(String(checking: bytes), id: name) } catch { note(path, nil, error) }
    }
  }

  /// The id and the text of a row.
  private static func document(_ line: [UInt8]) throws(DataProblem.Reason) -> (id: String?, text: String) {
    let fields = try DataRow.fields(of: line)
    let id = fields["id"]?.string ?? fields["id"]?.integer.map(String.init)
    for key in textKeys {
      if let text = fields[key]?.string { return (id, text) }
      if let parts = fields[key]?.array { return (id, parts.compactMap(\.string).joined(separator: "\n\n")) }
    }
    throw .unknownRow("no passage: it has none of the keys \(textKeys.joined(separator: ", "))")
  }

  private mutating func add(_ document: String, id: String) throws(DataProblem.Reason) {
    let document = document.replacing("\r\n", with: "\n").trimmed
    guard !document.isBlank else { throw .emptyText("the document") }
    documents += 1
    let pieces = TextPieces(limit: limit, length: length).pieces(of: document)
    if let longest = pieces.first(where: { length($0) > limit }) {
      throw .unknownRow(
        "a sentence of \(length(longest)) tokens, but a passage has room for \(limit); give the model more "
          + "with -c or --passage-tokens, or part the sentence: \"\(longest.prefix(40))…\"")
    }
    if pieces.count > 1 { cut += 1 }
    // A document's own language, in its English references too.
    let language = JudgedLanguage(of: document)
    for (number, piece) in pieces.enumerated() {
      passages.append(
        Passage(
          id: pieces.count > 1 ? "\(id)#\(number + 1)" : id, text: piece, language: language))
    }
  }

  private mutating func note(_ path: String, _ line: Int?, _ reason: DataProblem.Reason) {
    problemCount += 1
    if problems.count < 20 { problems.append(DataProblem(path: path, line: line, reason: reason)) }
  }
}

/// Cuts texts into pieces of at most so many tokens.
struct TextPieces {
  let limit: Int
  let length: (String) -> Int

  /// The pieces of `text`, none of them blank: as many paragraphs as fit, and where one does not, as many sentences. A
  /// piece is longer than the limit only when a sentence is.
  func pieces(of text: String) -> [String] {
    guard length(text) > limit else { return [text] }
    var pieces: [String] = []
    for paragraph in TextPieces.split(text, behind: ["\n"]) {
      let parts = length(paragraph) > limit ? TextPieces.split(paragraph, behind: TextPieces.ends) : [paragraph]
      pieces += parts
    }
    return joined(pieces)
  }

  /// Marks that end a sentence.
  private static let ends: Set<Character> = ["。", "！", "？", "；", ".", "!", "?", ";"]

  /// Adds piece to piece as long as they fit.
  private func joined(_ parts: [String]) -> [String] {
    var pieces: [String] = []
    // Lengths add up nearly; what is joined is measured again when it comes near the limit.
    var (current, estimate) = ("", 0)
    for part in parts {
      let own = length(part)
      let fits = estimate + own <= limit && (estimate + own < limit / 2 || length(current + part) <= limit)
      if !current.isEmpty, !fits {
        pieces.append(current)
        (current, estimate) = ("", 0)
      }
      current += part
      estimate += own
    }
    pieces.append(current)
    return pieces.map(\.trimmed).filter { !$0.isEmpty }
  }

  /// `text` cut behind each of `ends`; a full stop counts only where white space follows or the text ends.
  private static func split(_ text: String, behind ends: Set<Character>) -> [String] {
    var (parts, start, index) = ([String](), text.startIndex, text.startIndex)
    while index < text.endIndex {
      let next = text.index(after: index)
      let isAscii = text[index].isASCII && text[index] != "\n"
      if ends.contains(text[index]), !isAscii || next == text.endIndex || text[next].isWhitespace {
        parts.append(String(text[start..<next]))
        start = next
      }
      index = next
    }
    if start < text.endIndex { parts.append(String(text[start...])) }
    return parts
  }
}
