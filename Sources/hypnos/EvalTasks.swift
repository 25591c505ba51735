// What a model makes of the items of a task.
import CSystem
import Evaluation
import Generation
import Model
import Text
import Training

/// Measures one model on tasks.
final class EvalTasks {
  /// The most tokens in which a letter must be named.
  private static let letterLimit = 32

  let checkpoint: Checkpoint
  private let command: EvalMeasure
  private let model: Transformer
  private let context: Int
  private let template: ChatTemplate?
  private let shots: [TaskItem]
  private let choices: ChoicePrompt
  private let answers: AnswerPrompts

  /// Opens the model that `command` names.
  init(_ command: EvalMeasure) throws {
    self.command = command
    template = try command.template.map(TemplateArgument.load)
    let session = try command.model.openSession()
    (model, checkpoint, context) = (session.model, session.model.checkpoint, session.context)
    shots = try EvalTasks.shots(command)
    choices = try ChoicePrompt(checkpoint, template: template, style: command.by, shots: shots)
    answers = try AnswerPrompts(checkpoint, template: template)
  }

  private static func shots(_ command: EvalMeasure) throws -> [TaskItem] {
    guard let path = command.shotsFrom else { return [] }
    let file = try TaskFile(path: path, reading: command.reading())
    guard file.layout.isChoice else { throw Failure("\(path): holds no choice questions to be examples", code: 2) }
    if let problem = file.problems.first, !command.skipBad { throw problem }
    guard file.items.count >= command.shots else {
      throw Failure("\(path): has \(file.items.count) questions, fewer than the \(command.shots) examples asked for")
    }
    return Array(file.items.prefix(command.shots))
  }

  /// All but the items that results follow from, under the names by which a difference is told.
  var identity: [(name: String, value: String)] {
    let adapters = model.adapters.map(\.fingerprint)
    return [
      ("model", checkpoint.contentFingerprint), ("adapter", adapters.joined(separator: " ")),
      ("--context", String(context)), ("--kv", command.model.cacheFormat.rawValue),
      ("--template", RunIdentity.digest(of: template?.source ?? "")), ("--by", command.by.rawValue),
      ("set of examples", EvalJournal.digest(of: shots)), ("--max-tokens", String(command.maxTokens)),
      ("--stride", command.stride.map { String($0) } ?? ""),
    ]
  }

  /// Leaves out what does not fit the context or is refused by the template. An example is no question of its own.
  func check(_ task: inout EvalRun.Task) throws {
    let kind = task.kind
    if kind == .answers, command.answers != nil { return }
    task.file.leaveOut { item in
      do {
        let length = try self.length(item, kind)
        return length > context ? .tooLong(tokens: length, context: context) : nil
      } catch let reason as TaskProblem.Reason {
        return reason
      } catch {
        return .refused("\(error)")
      }
    }
  }

  /// The tokens that must fit the context at once.
  private func length(_ item: TaskItem, _ kind: TaskKind) throws -> Int {
    switch kind {
    case .choice:
      return command.by == .generated ? try choices.generationPrompt(item).count + 1 : try choices.tokens(item).length
    case .answers: return try answers.question(item.fullQuestion).count + 1
    case .loss: return try scored(item).tokens.count
    case .perplexity: return 0
    }
  }

  /// Measures what is open of `task`, the task number `number`, and keeps it in `outcomes` as it comes.
  func measure(_ task: EvalRun.Task, number: Int, _ outcomes: RunOutcomes, _ line: LiveLine) throws {
    let open = OpenItems(task.file, task: number, outcomes, line)
    switch task.kind {
    case .choice where command.by == .generated: try generateChoices(open)
    case .choice: try scoreChoices(open)
    case .answers:
      try generate(open, limit: command.maxTokens, prompt: { try answers.question($0.fullQuestion) }) { item, text in
        .answer(AnswerOutcome(question: item.fullQuestion, reference: item.reference, answer: text))
      }
    case .loss:
      let likelihood = TextLikelihood(model: model, context: context)
      try open.inBlocks { items, report in
        let texts = try items.map(scored)
        let nats = try likelihood.nats(texts, isCancelled: hypnos_interrupted, report: report)
        return zip(items, zip(texts, nats)).map { item, found in
          .cost(EvalTasks.cost(item.reference, found.1, tokens: found.0.tokens.count - found.0.start))
        }
      }
    case .perplexity: try measurePerplexities(open)
    }
  }

  // MARK: Choice questions

  private func scoreChoices(_ open: OpenItems) throws {
    let scorer = ChoiceScorer(model: model, context: context)
    try open.inBlocks { items, report in
      let questions = try items.map { try choices.tokens($0) }
      let scores =
        command.noSharedCache
        ? try scorer.plainLogLikelihoods(questions, isCancelled: hypnos_interrupted, report: report)
        : try scorer.logLikelihoods(questions, isCancelled: hypnos_interrupted, report: report)
      return zip(items, zip(questions, scores)).map { item, found in
        let letters = item.options.map(\.letter)
        let normalized = zip(found.1, found.0.characters).map { $0 / Double(max($1, 1)) }
        func chosen(_ scores: [Double]) -> [String] {
          ChoiceRule.chosen(scores, letters: letters, count: item.keys.count)
        }
        return .choice(
          ChoiceOutcome(
            keys: item.keys, letters: letters, chosen: chosen(found.1),
            normalized: command.by == .text ? chosen(normalized) : nil, scores: found.1, generated: nil))
      }
    }
  }

  private func generateChoices(_ open: OpenItems) throws {
    let limit = min(command.maxTokens, EvalTasks.letterLimit)
    try generate(open, limit: limit, prompt: { try choices.generationPrompt($0) }) { item, text in
      let letters = item.options.map(\.letter)
      return .choice(
        ChoiceOutcome(
          keys: item.keys, letters: letters, chosen: ChoiceRule.named(in: text, letters: letters), normalized: nil,
          scores: [], generated: text))
    }
  }

  // MARK: Answers

  /// Generates the likeliest answers behind the items' prompts, many at once, and keeps what `content` makes of each. A
  /// base model would go on with questions of its own, and is stopped there.
  private func generate(
    _ open: OpenItems, limit: Int, prompt: (TaskItem) throws -> [Int32],
    _ content: (TaskItem, String) -> ItemOutcome.Content
  ) throws {
    var options = GenerationOptions()
    options.maxTokens = limit
    if !answers.isChat { options.stops = ["\n问：", "\n题目：", "\nQuestion:"] }
    let batch = BatchGenerator(model: model, context: context, options: options, limit: .standard)
    let items = open.items
    var places: [Int: Int] = [:]
    var (next, done) = (0, 0)
    while done < items.count {
      if hypnos_interrupted() { throw Interrupted() }
      while next < items.count, batch.hasRoom {
        places[try batch.submit(prompt(items[next]))] = next
        next += 1
      }
      for result in batch.step() {
        guard let place = places.removeValue(forKey: result.ticket) else { continue }
        try open.keep([content(items[place], try result.answer.get().text.trimmed)], from: place)
        done += 1
      }
      open.show(done)
    }
  }

  private func scored(_ item: TaskItem) throws -> ScoredTokens {
    guard let tokens = try answers.answered(item.fullQuestion, item.reference) else {
      throw TaskProblem.Reason.refused("the template leaves nothing of the answer")
    }
    return tokens
  }

  private static func cost(_ text: String, _ nats: Double, tokens: Int) -> TextCost {
    TextCost(nats: nats, tokens: tokens, characters: text.unicodeScalars.count, bytes: text.utf8.count)
  }

  // MARK: Texts

  private func measurePerplexities(_ open: OpenItems) throws {
    let tokenizer = checkpoint.tokenizer
    let likelihood = TextLikelihood(model: model, context: context)
    let beginning = tokenizer.addsBeginning ? tokenizer.beginningOfText.map { Int32($0) } : nil
    try open.inBlocks(of: 1) { items, report in
      try items.map { item in
        let text = item.content == .text ? item.question : item.fullQuestion
        let tokens = tokenizer.encode(text, parseSpecial: false, addBeginning: false)
        let windows = TextLikelihood.windows(
          tokens, beginning: beginning, context: context, stride: command.stride ?? context / 2)
        let nats = try likelihood.nats(windows, isCancelled: hypnos_interrupted).reduce(0, +)
        report(1)
        return .cost(EvalTasks.cost(text, nats, tokens: windows.reduce(0) { $0 + $1.tokens.count - $1.start }))
      }
    }
  }
}

extension String {
  /// Without white space at both ends.
  fileprivate var trimmed: String {
    let isSpace = { (scalar: Unicode.Scalar) in scalar.properties.isWhitespace }
    guard let first = unicodeScalars.firstIndex(where: { !isSpace($0) }),
      let last = unicodeScalars.lastIndex(where: { !isSpace($0) })
    else { return "" }
    return String(unicodeScalars[first...last])
  }
}
