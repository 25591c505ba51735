// `hypnos`, `hypnos chat`: the conversation on a terminal, the piped questions without one.
import ArgumentParser
import CSystem
import Console
import Generation
import Glibc

/// Opens a conversation; answers piped questions.
struct Chat: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Open a conversation; with questions piped in, answer each line (the default).")

  @OptionGroup var model: ModelOptions
  @OptionGroup var answers: AnswerOptions
  @OptionGroup var prefixes: PrefixCacheOptions

  @Option(help: "Keep the conversation in this file and take it up again from there.")
  var session: String?

  @Option(help: "Keep what was typed in this file, for the arrow keys; without, nothing is written.")
  var history: String?

  @Flag(help: "Piped questions and their answers are JSON objects, one a line.")
  var jsonl = false

  @Flag(help: "All of standard input is one question.")
  var whole = false

  @Flag(help: "With --jsonl: each answer with the log-probabilities of its tokens.")
  var logprobs = false

  @Option(help: "How many piped questions are answered at once, 1 to 64; as many as pay without.")
  var parallel: Int?

  func validate() throws {
    if let parallel, !(1...BatchLimit.mostSequences).contains(parallel) {
      throw ValidationError("--parallel \(parallel): it can be 1 to \(BatchLimit.mostSequences)")
    }
    if logprobs && !jsonl { throw ValidationError("--logprobs belongs to --jsonl") }
  }

  mutating func run() throws {
    guard StandardInput.isTerminal, !jsonl, !whole else { return try answerPipe() }
    try refuseParallel()
    let engine = try ReplEngine(model: model, answers: answers, prefixCache: prefixes.cache)
    let options = ReplOptions(
      sessionPath: session, historyPath: history, systemPrompt: answers.system,
      fixedSettings: answers.given.union(model.adapters.adapters.isEmpty ? [] : ["adapter"]))
    try Repl(engine: engine, options: options).run()
  }

  private func answerPipe() throws {
    guard session == nil, history == nil else {
      throw Failure("--session and --history are for a conversation on a terminal", code: 2)
    }
    hypnos_install_stop_handler("")
    let answerer = try Answerer(model: model, answers: answers, prefixes: prefixes, keepsLogProbabilities: logprobs)
    if whole {
      try refuseParallel()
      try answerer.answerWhole(jsonl: jsonl)
    } else {
      let limit = parallel.map { BatchLimit(sequences: $0) } ?? .standard
      var questions = PipedQuestions(answerer: answerer, jsonl: jsonl, limit: limit)
      try questions.run()
    }
  }

  private func refuseParallel() throws {
    guard parallel == nil else { throw Failure("--parallel is for piped questions, a line each", code: 2) }
  }
}
