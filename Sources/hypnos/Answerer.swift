// One loaded model that answers questions independently of one another: what `ask` and the piped questions share.
import CSystem
import Generation
import Model
import Text

/// Answers single questions.
struct Answerer {
  let session: Session
  let prompts: PromptBuilder
  let options: GenerationOptions
  let system: String?

  init(
    model: ModelOptions, answers: AnswerOptions, prefixes: PrefixCacheOptions, keepsLogProbabilities: Bool = false
  ) throws {
    let template = try answers.chosenTemplate()
    session = try model.openSession(prefixCache: prefixes.cache)
    prompts = try PromptBuilder(session.model.checkpoint, template: template)
    guard prompts.template != nil else {
      throw PromptError.noTemplate(model: session.model.checkpoint.name)
    }
    var options = answers.generation
    options.keepsLogProbabilities = keepsLogProbabilities
    self.options = options
    system = answers.system
  }

  /// The conversation that consists of `question` alone.
  func messages(_ question: String) -> [ChatMessage] {
    (system.map { [ChatMessage(role: "system", content: $0)] } ?? []) + [ChatMessage(role: "user", content: question)]
  }

  /// Answers `messages`; `receive` gets the text as it comes.
  func answer(_ messages: [ChatMessage], receive: (String) throws -> Void) throws -> Answer {
    try Generator(session: session, options: options).answer(
      try prompts.tokens(messages), isCancelled: hypnos_interrupted, receive: receive)
  }

  /// A generator of many such answers at once.
  func makeBatch(_ limit: BatchLimit) -> BatchGenerator {
    BatchGenerator(
      model: session.model, context: session.context, options: options, limit: limit, prefixCache: session.prefixCache)
  }

  /// Streams the answer to one question to standard output, and says on standard error when it is not whole.
  func stream(_ question: String) throws {
    var endsLine = false
    let answer = try self.answer(messages(question)) { text in
      try Output.writeAnswer(text)
      endsLine = text.hasSuffix("\n")
    }
    if !endsLine { try Output.write("\n") }
    Answerer.explain(answer)
    try Answerer.leaveIfInterrupted(answer)
    session.keepFirstPrompt()
  }

  /// Ends the program behind an answer that someone stopped, of which was said that it is not whole.
  private static func leaveIfInterrupted(_ answer: Answer) throws(Failure) {
    if answer.finish == .interrupted { throw Failure("", code: 130) }
  }

  /// Takes all of standard input as one question.
  func answerWhole(jsonl: Bool) throws {
    let bytes = try StandardInput.readAll()
    let text: String
    do { text = try String(text: bytes) } catch { throw Failure("standard input \(error)") }
    guard !text.allSatisfy(\.isWhitespace) else { throw Failure("standard input holds no question", code: 2) }
    try answerOnly(text, asObject: jsonl)
  }

  /// Answers the only question there is, as a JSON object or in plain text as it comes.
  func answerOnly(_ question: String, asObject: Bool) throws {
    guard asObject else { return try stream(question) }
    let answer = try self.answer(messages(question)) { _ in }
    try Output.write(record(answer, id: .integer(1)).encoded + "\n")
    try Answerer.leaveIfInterrupted(answer)
    session.keepFirstPrompt()
  }

  /// An answer as a JSON object.
  func record(_ answer: Answer, id: JSONValue) -> JSONValue {
    var fields: [(String, JSONValue)] = [
      ("id", id), ("answer", .string(answer.text)), ("finish", .string(answer.finish.rawValue)),
      ("prompt_tokens", .integer(answer.promptTokens)), ("answer_tokens", .integer(answer.tokens.count)),
      ("model", .string(session.model.checkpoint.name)), ("adapters", .array(session.model.adapters.map(\.json))),
      ("seed", .integer(Int(clamping: answer.seed))),
    ]
    if options.keepsLogProbabilities {
      fields.append(("tokens", .array(answer.tokens.map { .integer(Int($0)) })))
      fields.append(("logprobs", .array(answer.logProbabilities.map { .number($0) })))
    }
    return .object(OrderedFields(fields))
  }

  /// Says on standard error that an answer is not whole, and why.
  static func explain(_ answer: Answer, place: String = "") {
    switch answer.finish {
    case .end, .stop: break
    case .length:
      Output.complain("\(place)the answer was cut after \(answer.tokens.count) tokens; --max-tokens allows more")
    case .context: Output.complain("\(place)the answer was cut: the context is full; -c makes a larger one")
    case .repetition: Output.complain("\(place)the answer was ended: the model began to repeat itself")
    case .interrupted: Output.complain("\(place)the answer was interrupted")
    }
  }
}

extension LoadedAdapter {
  /// Its name and scale, as answers list them.
  var json: JSONValue { ["name": .string(name), "scale": .number(Double(scale))] }
}
