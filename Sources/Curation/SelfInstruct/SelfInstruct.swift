// Self-Instruct (arXiv 2212.10560): new questions from sampled seeds or from passages, their answers by the same
// model, near duplicates dropped.
//
// Attempt after attempt makes one row or none. What an attempt writes follows from the seed of the run and its own
// number alone: the examples it is shown, its passage, its random numbers. Whether it is kept depends on the rows
// before it in the file, besides. So blocks of attempts are computed at once, decided in their order, and a run taken
// up behind the last row of its file ends with the same bytes.
import Common
import Evaluation
import Generation
import Model
import Text

/// How pairs are made.
public struct SelfInstructSettings: Sendable {
  /// Rows to make.
  public var count = 100
  /// Where the random numbers start.
  public var seed: UInt64 = 0
  /// How questions are drawn.
  public var questionTemperature: Float = 0.9
  /// How answers are drawn; 0 takes the likeliest token.
  public var answerTemperature: Float = 0.3
  /// The most tokens of an answer.
  public var maxTokens = 256
  /// Seeds an attempt is shown.
  public var examples = 4
  /// Attempts without a row after which it gives up.
  public var patience = 200

  /// The defaults.
  public init() {}
}

/// Makes pairs of question and answer.
public final class SelfInstruct {
  /// Attempts that are decided together.
  private static let blockLength = 32
  /// The most tokens of a question.
  private static let questionTokens = 96

  /// How far it has come.
  public struct Progress: Sendable {
    /// Rows in the file, and how many there are to be.
    public let made, wanted: Int
    /// Attempts of this run.
    public let attempts: Int
    /// Attempts of this run that brought no row, by the reason.
    public let dropped: [DropReason: Int]
  }

  private let model: Transformer
  private let prompts: InstructPrompts
  private let settings: SelfInstructSettings
  private let seeds: [Seed]
  private let passages: [Passage]
  private let context: Int
  private let limit: BatchLimit
  private var index = NearDuplicateIndex()
  private var attempts = 0
  private var dropped: [DropReason: Int] = [:]

  /// An attempt and what it is made from.
  private struct Attempt {
    let number: Int
    let passage: Passage?
    let language: JudgedLanguage
    let seeds: [Seed]
    var question = ""
  }

  /// Makes pairs with `model` in a context of `context` tokens, from `seeds`, and about `passages` where there are any.
  public init(
    model: Transformer, prompts: InstructPrompts, context: Int, limit: BatchLimit, seeds: [Seed], passages: [Passage],
    settings: SelfInstructSettings
  ) {
    precondition(!seeds.isEmpty, "there are seeds")
    (self.model, self.prompts, self.context, self.limit) = (model, prompts, context, limit)
    (self.seeds, self.passages, self.settings) = (seeds, passages, settings)
    for seed in seeds { index.insert(seed.question) }
  }

  /// Makes the rows that `file` does not have yet. Throws `CurationError.exhausted` when nothing new comes any more, and
  /// `Interrupted` when `isCancelled` says so; the rows made till then are in the file.
  public func run(
    _ file: GeneratedFile, isCancelled: () -> Bool = { false }, report: (Progress) -> Void = { _ in }
  ) throws {
    for question in file.questions { index.insert(question) }
    var made = file.questions.count
    var (next, lastKept) = (file.lastAttempt + 1, file.lastAttempt)
    func tell() {
      report(Progress(made: made, wanted: settings.count, attempts: attempts, dropped: dropped))
    }
    tell()
    while made < settings.count {
      guard next - lastKept <= settings.patience else {
        throw CurationError.exhausted(made: made, wanted: settings.count, attempts: next - lastKept - 1)
      }
      let end = min(next + SelfInstruct.blockLength, lastKept + settings.patience + 1)
      let rows = try answers(try questions((next..<end).map(attempt), isCancelled, tell), isCancelled, tell)
      var lines: [GeneratedRow] = []
      for row in rows where made < settings.count {
        attempts += 1
        switch row {
        case .failure(let reason): dropped[reason, default: 0] += 1
        case .success(let row):
          if index.nearDuplicate(of: row.question) != nil {
            dropped[.duplicate, default: 0] += 1
            continue
          }
          index.insert(row.question)
          lines.append(row)
          made += 1
          lastKept = row.attempt
        }
      }
      try file.append(lines)
      next = end
      tell()
    }
  }

  /// What attempt `number`, from 1, is made from.
  private func attempt(_ number: Int) -> Attempt {
    var random = SplitMix64(seed: settings.seed, stream: UInt64(number))
    let passage = passages.isEmpty ? nil : passages[order[(number - 1) % passages.count]]
    let language = passage?.language ?? seeds[random.next(below: seeds.count)].language
    let alike = seeds.filter { $0.language == language }
    let pool = alike.isEmpty ? Seed.builtIn.filter { $0.language == language } : alike
    var chosen: [Seed] = []
    var left = Array(pool.indices)
    while chosen.count < settings.examples, !left.isEmpty {
      let place = random.next(below: left.count)
      chosen.append(pool[left[place]])
      left.swapAt(place, left.count - 1)
      left.removeLast()
    }
    return Attempt(number: number, passage: passage, language: language, seeds: chosen)
  }

  /// The order in which passages come.
  private lazy var order: [Int] = {
    var random = SplitMix64(seed: settings.seed, stream: .max)
    return random.shuffled(Array(passages.indices))
  }()

  private func questions(
    _ attempts: [Attempt], _ isCancelled: () -> Bool, _ tell: () -> Void
  ) throws -> [Result<Attempt, DropReason>] {
    let written = try write(
      attempts.map { attempt in
        Request(number: attempt.number, part: 0) { () throws(PromptError) in
          try self.prompts.question(like: attempt.seeds, about: attempt.passage, language: attempt.language)
        }
      }, options(settings.questionTemperature, SelfInstruct.questionTokens), isCancelled, tell)
    return zip(attempts, written).map { attempt, written in
      written.flatMap { WrittenText.question($0, language: attempt.language) }.flatMap { question in
        // Answering what will be dropped would be a waste; what is decided is decided again in the end.
        if index.nearDuplicate(of: question) != nil { return .failure(.duplicate) }
        var attempt = attempt
        attempt.question = question
        return .success(attempt)
      }
    }
  }

  private func answers(
    _ attempts: [Result<Attempt, DropReason>], _ isCancelled: () -> Bool, _ tell: () -> Void
  ) throws -> [Result<GeneratedRow, DropReason>] {
    let open = attempts.compactMap { try? $0.get() }
    let requests = open.map { attempt in
      Request(number: attempt.number, part: 1) { () throws(PromptError) in
        try self.prompts.answer(
          to: attempt.question, from: attempt.passage, examples: self.answered(attempt), language: attempt.language)
      }
    }
    var written = try write(requests, options(settings.answerTemperature, settings.maxTokens), isCancelled, tell)[...]
    return attempts.map { attempt in
      attempt.flatMap { attempt in
        let shown = [attempt.question] + answered(attempt).compactMap(\.answer).map(InstructPrompts.line)
        return (written.popFirst() ?? .failure(.empty)).flatMap { written in
          WrittenText.answer(written, language: attempt.language, shown: shown)
        }.map { answer in
          GeneratedRow(
            attempt: attempt.number, question: attempt.question, answer: answer, seeds: attempt.seeds.map(\.id),
            passage: attempt.passage?.id)
        }
      }
    }
  }

  /// Examples of answers: the attempt's own seeds where enough of them have one, otherwise built-in ones.
  private func answered(_ attempt: Attempt) -> [Seed] {
    let own = attempt.seeds.filter { $0.answer != nil }
    return own.count >= 2 ? own : Array(Seed.builtIn.filter { $0.language == attempt.language }.prefix(3))
  }

  private func options(_ temperature: Float, _ tokens: Int) -> GenerationOptions {
    var options = GenerationOptions()
    options.sampling.temperature = temperature
    options.maxTokens = tokens
    options.stops = prompts.stops
    return options
  }

  /// A prompt, and whose random numbers its answer is drawn with.
  private struct Request {
    let number: Int
    let part: UInt64
    let prompt: () throws(PromptError) -> [Int32]
  }

  /// What the model writes, in the order of `requests`, many at a time.
  private func write(
    _ requests: [Request], _ options: GenerationOptions, _ isCancelled: () -> Bool, _ tell: () -> Void
  ) throws -> [Result<Answer, DropReason>] {
    let batch = BatchGenerator(model: model, context: context, options: options, limit: limit)
    var results = [Result<Answer, DropReason>](repeating: .failure(.prompt), count: requests.count)
    var places: [Int: Int] = [:]
    for (place, request) in requests.enumerated() {
      var own = options
      var random = SplitMix64(seed: settings.seed &+ 1, stream: UInt64(request.number) << 1 | request.part)
      own.sampling.seed = random.next()
      // A prompt that cannot be made or does not fit leaves its place as it is.
      guard let prompt = try? request.prompt(), let ticket = try? batch.submit(prompt, options: own) else { continue }
      places[ticket] = place
    }
    while !batch.isIdle {
      if isCancelled() { throw Interrupted() }
      for result in batch.step() {
        guard let place = places[result.ticket] else { continue }
        results[place] = .success(try result.answer.get())
      }
      tell()
    }
    return results
  }
}
