// Questions from a pipe: each line one, many computed at once, and each answer written, in the order asked, as soon as
// it and all before it are whole. A line that cannot be answered is reported with its number and the rest goes on.
import CSystem
import Generation
import Text

/// Answers the lines of standard input.
struct PipedQuestions {
  /// The most lines read while the answers before theirs are awaited.
  private static let readAhead = 256

  /// A line that was read and whose answer or complaint is still to be written.
  private struct Entry {
    enum State {
      /// Being answered, under a number of the batch's.
      case running(Question, ticket: Int)
      case answered(Question, Answer)
      case failed(String)
    }
    let line: Int
    var state: State
  }

  private let answerer: Answerer
  private let jsonl: Bool
  private let batch: BatchGenerator
  private var input: QuestionReader
  private var isAtEnd = false
  private var entries: [Entry] = []
  private var answered = 0
  private var failed = 0

  /// The questions on standard input, as objects with `jsonl`, as many at once as `limit` says.
  init(answerer: Answerer, jsonl: Bool, limit: BatchLimit) {
    self.answerer = answerer
    self.jsonl = jsonl
    batch = answerer.makeBatch(limit)
    input = QuestionReader(answerer: answerer, jsonl: jsonl)
  }

  /// Answers them all.
  mutating func run() throws {
    if !jsonl { try readOpening() }
    while !isAtEnd || !entries.isEmpty {
      try readWhatIsThere()
      batch.step().forEach { settle($0) }
      try writeWhatIsWhole()
      if hypnos_interrupted() {
        throw Failure("interrupted; \(answered) of the questions read so far are answered", code: 130)
      }
    }
    if answered == 0 && failed == 0 { throw Failure("standard input holds no question", code: 2) }
    if failed > 0 {
      throw Failure("\(failed) of \(answered + failed) questions could not be answered", code: 1)
    }
  }

  /// Reads until there are two lines, or answers the only one. Its answer alone is not labelled, so it is not
  /// begun before it is known whether another line follows.
  private mutating func readOpening() throws {
    var opening: [Question] = []
    while opening.count + failed < 2, !isAtEnd {
      switch try input.next(waits: true) {
      case .question(let question): opening.append(question)
      case .bad(let line, let reason): report(line, reason)
      case .end: isAtEnd = true
      case .notYet: break
      }
    }
    if failed == 0, opening.count == 1, let text = opening[0].text {
      try answerOnly(text, line: opening[0].line)
    } else {
      opening.forEach { enter($0) }
    }
  }

  private mutating func answerOnly(_ text: String, line: Int) throws {
    do {
      try answerer.stream(text)
      answered += 1
    } catch let error where error is ClosedPipe || error is Failure {
      // Standard output's, which no question is to blame for.
      throw error
    } catch {
      report(line, "\(error)")
    }
  }

  /// Reads lines while the batch has room. Whoever asks through a pipe may wait for each answer before asking on, so
  /// it waits for a line only when no answer is under way.
  private mutating func readWhatIsThere() throws {
    while !isAtEnd, batch.hasRoom, entries.count < PipedQuestions.readAhead {
      switch try input.next(waits: entries.isEmpty) {
      case .question(let question): enter(question)
      case .bad(let line, let reason): entries.append(Entry(line: line, state: .failed(reason)))
      case .end: isAtEnd = true
      case .notYet: return
      }
    }
  }

  private mutating func enter(_ question: Question) {
    do {
      let ticket = try batch.submit(try answerer.prompts.tokens(question.messages))
      entries.append(Entry(line: question.line, state: .running(question, ticket: ticket)))
    } catch {
      entries.append(Entry(line: question.line, state: .failed("\(error)")))
    }
  }

  private mutating func settle(_ result: BatchResult) {
    for index in entries.indices {
      guard case .running(let question, result.ticket) = entries[index].state else { continue }
      switch result.answer {
      case .success(let answer): entries[index].state = .answered(question, answer)
      case .failure(let error): entries[index].state = .failed("\(error)")
      }
    }
  }

  private mutating func writeWhatIsWhole() throws {
    while let entry = entries.first {
      switch entry.state {
      case .running: return
      case .failed(let reason): report(entry.line, reason)
      case .answered(let question, let answer):
        try write(answer, to: question)
        answered += 1
      }
      entries.removeFirst()
    }
  }

  private func write(_ answer: Answer, to question: Question) throws {
    if jsonl {
      try Output.write(answerer.record(answer, id: question.id).encoded + "\n")
    } else {
      try Output.writeAnswer("Question: \(question.text ?? "")\nAnswer: \(answer.text)\n\n")
      Answerer.explain(answer, place: "standard input, line \(question.line): ")
    }
  }

  private mutating func report(_ line: Int, _ message: String) {
    failed += 1
    Output.complain("standard input, line \(line): \(message)")
  }
}
