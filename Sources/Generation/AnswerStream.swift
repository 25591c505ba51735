// From token pieces to text that can be shown: whole characters only, and nothing that may still turn out to be a
// stop string.
import Text

/// Turns the bytes of tokens into text as it becomes certain.
struct AnswerStream {
  private var characters = UTF8Stream()
  private var held: [UInt8] = []
  private let stops: [[UInt8]]
  /// Whether a stop string has come up; what follows it is dropped.
  private(set) var isStopped = false

  init(stops: [String]) {
    self.stops = stops.map { Array($0.utf8) }.filter { !$0.isEmpty }
  }

  /// The text that has become certain with `bytes`.
  mutating func append(_ bytes: ArraySlice<UInt8>) -> String {
    release(characters.append(bytes), isEnd: false)
  }

  /// What was still held back when the answer ended. Of an answer that was cut, the beginning of a character is dropped:
  /// the rest of it would have come.
  mutating func finish(isCut: Bool = false) -> String {
    release(isCut ? "" : characters.finish(), isEnd: true)
  }

  private mutating func release(_ text: String, isEnd: Bool) -> String {
    guard !isStopped else { return "" }
    guard !stops.isEmpty else { return text }
    held += text.utf8
    if let found = stops.compactMap({ ByteSearch(pattern: $0).first(in: held)?.lowerBound }).min() {
      isStopped = true
      return String(decoding: held[..<found], as: UTF8.self)
    }
    let waiting = isEnd ? 0 : longestStopBeginning()
    let ready = held.dropLast(waiting)
    held = Array(held.suffix(waiting))
    return String(decoding: ready, as: UTF8.self)
  }

  /// The length of the longest end of the held text that begins a stop string.
  private func longestStopBeginning() -> Int {
    var longest = 0
    for stop in stops {
      for length in stride(from: min(stop.count - 1, held.count), to: longest, by: -1)
      where held.suffix(length).elementsEqual(stop.prefix(length)) {
        longest = length
        break
      }
    }
    return longest
  }
}
