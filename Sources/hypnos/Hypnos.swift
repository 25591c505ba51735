// The command line as a whole; each subcommand has a file of its own.
import ArgumentParser

/// A single-binary offline clinical language model.
struct Hypnos: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hypnos",
    abstract: "An anesthesiology language model on this machine, offline. Answers are a reference, not an order.",
    discussion: """
      Without a subcommand it opens a conversation, or, when questions are piped in, answers each line.
      Exit codes: 0 done, 1 failed at its work, 2 wrong use, 130 interrupted.
      """,
    version: "0.1.0",
    subcommands: [
      Chat.self, Ask.self, Bench.self, BenchFirstToken.self, Score.self, Tokenize.self, Render.self, Inspect.self,
      Generate.self, Filter.self, Finetune.self, Eval.self, AdapterCommand.self,
    ],
    defaultSubcommand: Chat.self)
}

/// An end of the program with a message and an exit code.
struct Failure: Error {
  let message: String
  let code: Int32

  /// What went wrong at the work itself, exit code 1.
  init(_ message: String) { (self.message, code) = (message, 1) }
  /// The same with another exit code; an empty message is not printed.
  init(_ message: String, code: Int32) { (self.message, self.code) = (message, code) }
}
