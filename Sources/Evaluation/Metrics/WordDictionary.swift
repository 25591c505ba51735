// A dictionary of words in the format that jieba publishes its own in: a line "word frequency tag", the tag left out at
// will. All words and what they begin with are one tree, whose edges are in one table, so that half a million words take
// some tens of megabytes, and a bound on the edges bounds the memory whatever the file holds.
import Common
import Glibc

/// Words and how often they occur, by which Chinese is cut into words.
public struct WordDictionary: Sendable {
  /// The longest line in bytes, the most lines, and the most characters that words add to those before them.
  private static let (lineLimit, wordLimit, edgeLimit) = (4096, 1 << 22, 1 << 22)
  /// The largest frequency; as many as there can be words do not overflow.
  private static let frequencyLimit = 1 << 40

  /// The file.
  public let path: String
  /// How many lines hold a word.
  public private(set) var count = 0
  /// The sum of all frequencies.
  private var total = 0
  /// By the number of a node and a character behind it the number of the next node; the root is 0.
  private var edges: [UInt64: Int32] = [:]
  /// The frequency of each node's word; 0 where words only begin so.
  private var frequencies = [0]

  /// Reads the file at `path`, UTF-8. Throws `TaskProblem` with the line that holds no word and frequency.
  public init(path: String) throws(TaskProblem) {
    self.path = path
    var number = 0
    do throws(TaskProblem.Reason) {
      try WordDictionary.lines(of: path) { line throws(TaskProblem.Reason) in
        number += 1
        try add(line, isFirst: number == 1)
      }
    } catch {
      throw TaskProblem(path: path, line: number > 0 ? number : nil, reason: error)
    }
    guard total > 0 else { throw TaskProblem(path: path, line: nil, reason: .malformed("holds no word")) }
  }

  private static func lines(
    of path: String, _ body: (DataFile.Line) throws(TaskProblem.Reason) -> Void
  ) throws(TaskProblem.Reason) {
    let file: DataFile
    do throws(DataFileError) { file = try DataFile(path: path, lineLimit: lineLimit) } catch {
      throw .unreadable("\(error)")
    }
    while true {
      let line: DataFile.Line?
      do throws(DataFileError) { line = try file.nextLine() } catch { throw .unreadable("\(error)") }
      guard let line else { return }
      try body(line)
    }
  }

  private mutating func add(_ line: DataFile.Line, isFirst: Bool) throws(TaskProblem.Reason) {
    guard case .bytes(var bytes) = line else {
      throw .malformed("longer than \(WordDictionary.lineLimit) bytes, the most a line of a dictionary may have")
    }
    if isFirst { bytes = Array(bytes.withoutByteOrderMark) }
    guard let text = String(validating: bytes, as: UTF8.self) else { throw .malformed("not UTF-8") }
    let fields = text.unicodeScalars.trimmed.split(separator: " ", omittingEmptySubsequences: false)
    guard let word = fields.first, !word.isEmpty else {
      if fields.count <= 1 { return }
      throw .malformed("no word and frequency")
    }
    guard fields.count > 1, fields[1].allSatisfy({ ("0"..."9").contains($0) }), let frequency = Int(String(fields[1])),
      frequency <= WordDictionary.frequencyLimit
    else {
      throw .malformed("no word, space and frequency, a whole number: \"\(String(text.prefix(40)))\"")
    }
    guard count < WordDictionary.wordLimit else {
      throw .malformed("more than \(WordDictionary.wordLimit) words, the most that are taken")
    }
    count += 1
    total += frequency
    frequencies[try node(of: word)] = frequency
  }

  /// The node of `word`, made where there is none.
  private mutating func node(of word: Substring.UnicodeScalarView) throws(TaskProblem.Reason) -> Int {
    var node: Int32 = 0
    for scalar in word {
      if let next = edges[WordDictionary.key(node, scalar)] {
        node = next
        continue
      }
      guard edges.count < WordDictionary.edgeLimit else {
        throw .malformed("the words have more than \(WordDictionary.edgeLimit) characters, the most that are taken")
      }
      let next = Int32(frequencies.count)
      edges[WordDictionary.key(node, scalar)] = next
      frequencies.append(0)
      node = next
    }
    return Int(node)
  }

  private static func key(_ node: Int32, _ scalar: Unicode.Scalar) -> UInt64 {
    UInt64(node) << 32 | UInt64(scalar.value)
  }

  // MARK: Looking up

  /// The logarithm of the sum of all frequencies.
  var logTotal: Double { log(Double(total)) }

  /// The words that `text` has from `start` on: where each ends, and its frequency, the shortest first.
  func words(in text: ArraySlice<Unicode.Scalar>, from start: Int) -> [(end: Int, frequency: Int)] {
    var found: [(end: Int, frequency: Int)] = []
    var node: Int32 = 0
    for place in start..<text.endIndex {
      guard let next = edges[WordDictionary.key(node, text[place])] else { break }
      node = next
      let frequency = frequencies[Int(node)]
      if frequency > 0 { found.append((place + 1, frequency)) }
    }
    return found
  }
}

extension String.UnicodeScalarView {
  /// Without ASCII white space at both ends.
  fileprivate var trimmed: SubSequence {
    let isSpace = { (scalar: Unicode.Scalar) in scalar == " " || ("\t"..."\r").contains(scalar) }
    guard let first = firstIndex(where: { !isSpace($0) }), let last = lastIndex(where: { !isSpace($0) }) else {
      return self[startIndex..<startIndex]
    }
    return self[first...last]
  }
}
