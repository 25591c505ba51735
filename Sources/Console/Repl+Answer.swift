// Questions and their answers: streaming, interruption, and what to do when the context is too short.
import CSystem

extension Repl {
  /// Asks what the user typed, with the attached files before it.
  func ask(_ text: String) {
    unanswered = text
    guard answer(Document.message(text, with: documents)) else { return }
    unanswered = nil
    documents = []
  }

  /// Answers the last question once more: the one that came to nothing, or else the last exchange's,
  /// which keeps its answer unless a new one comes.
  func retry() {
    if let unanswered { return ask(unanswered) }
    let before = conversation
    guard let last = conversation.removeLastExchange() else {
      return terminal.line("There is no question to answer again.", .notice)
    }
    chooseOtherSeed(after: last)
    guard !answer(last.question) else { return }
    conversation = before
    // Room that was made for it meanwhile is in the session file.
    keepSession()
  }

  private func chooseOtherSeed(after exchange: Exchange) {
    guard engine.isSampling else {
      if exchange.finish != .cancelled {
        terminal.line(
          "Greedy decoding gives the same answer unless something was changed; /set temperature 0.7 samples.",
          .notice)
      }
      return
    }
    guard let last = statistics.last else { return }
    report { try engine.set("seed", to: String(last.seed < UInt64(Int.max) ? last.seed + 1 : 0)) }
  }

  /// Answers `question` after the conversation so far and adds both to it. False when it came to no
  /// answer, and the conversation is what it was.
  private func answer(_ question: String) -> Bool {
    do {
      return try answerOnce(question)
    } catch let overflow as ContextOverflow {
      guard makeRoom(for: question, overflow) else { return false }
      return report { try answerOnce(question) } ?? false
    } catch {
      terminal.line("\(error)", .error)
      return false
    }
  }

  private func answerOnce(_ question: String) throws -> Bool {
    let (text, summary) = try streamed(question)
    statistics.add(summary)
    guard !text.isEmpty || summary.finish != .cancelled else {
      terminal.line("[stopped before the answer began; /retry asks again]", .notice)
      return false
    }
    conversation.exchanges.append(Exchange(question: question, answer: text, finish: summary.finish))
    if let remark = summary.finish.remark { terminal.line(remark, .notice) }
    terminal.line("")
    keepSession()
    return true
  }

  /// The answer and what is known of it, after it has gone to the terminal piece by piece and its line has ended.
  private func streamed(_ question: String) throws -> (text: String, summary: AnswerSummary) {
    hypnos_clear_interrupt()
    var bar = ProgressBar.onStandardError()
    var text = ""
    setQuiet(true)
    defer {
      bar?.erase()
      setQuiet(false)
      hypnos_clear_interrupt()
    }
    let summary = try engine.answer(
      conversation.messages(asking: question),
      progress: { bar?.show($0) },
      receive: { piece in
        bar?.erase()
        text += piece
        terminal.write(piece)
      },
      isCancelled: { hypnos_interrupted() || terminal.isClosed })
    bar?.erase()
    terminal.endLine()
    engine.finishAnswer()
    return (text, summary)
  }

  /// Says what does not fit and offers to drop the oldest exchanges; whether there is room now.
  private func makeRoom(for question: String, _ overflow: ContextOverflow) -> Bool {
    terminal.line("This does not fit: \(overflow).", .error)
    let kept = conversation.exchanges.count - conversation.dropped
    guard let count = exchangesToDrop(for: question, room: overflow.available) else {
      let remedy = documents.isEmpty ? "" : ", or /undo detaches the last file"
      terminal.line(
        "It would not fit alone either, so nothing was asked. Ask it shorter, or give it more room with "
          + "/set context\(remedy).", .notice)
      return false
    }
    let choice = answerToOffer(
      "Leave the \(count == 1 ? "oldest exchange" : "\(count) oldest exchanges") of \(kept) out from "
        + "now on? [y]es, [c]lear all, [n]o: ")
    switch choice {
    case "y", "yes":
      conversation.dropped += count
      return true
    case "c", "clear", "/clear":
      clearExchanges()
      return true
    default:
      terminal.line("Nothing was dropped and nothing asked; /retry asks again.", .notice)
      return false
    }
  }

  /// The smallest number of exchanges whose leaving out lets `question` fit into `room` tokens, nil when
  /// none does. Fewer exchanges never take more tokens, so halving finds it.
  private func exchangesToDrop(for question: String, room: Int) -> Int? {
    func fits(without count: Int) -> Bool {
      var shorter = conversation
      shorter.dropped += count
      let tokens = try? engine.tokenCount(of: shorter.messages(asking: question))
      return tokens.map { $0 <= room } ?? false
    }
    var tooFew = 0
    var enough = conversation.exchanges.count - conversation.dropped
    guard enough > 0, fits(without: enough) else { return nil }
    while enough - tooFew > 1 {
      let middle = (tooFew + enough) / 2
      if fits(without: middle) { enough = middle } else { tooFew = middle }
    }
    return enough
  }

  /// The value of `body`; when it throws, nil, and the user is told.
  @discardableResult
  func report<Value>(_ body: () throws -> Value) -> Value? {
    do {
      return try body()
    } catch {
      terminal.line("\(error)", .error)
      return nil
    }
  }
}

extension FinishReason {
  /// What the user is told under an answer, nil when it ended by itself.
  var remark: String? {
    switch self {
    case .endOfText, .stopString: nil
    case .tokenLimit: "[ended by max-tokens; /set max-tokens changes it]"
    case .contextFull: "[ended because the context is full; the next question offers to make room]"
    case .repetition: "[ended because the model began to repeat itself]"
    case .cancelled: "[stopped; what came stays in the conversation, /undo takes it back]"
    }
  }
}
