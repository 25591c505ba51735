// `hypnos ask`: one answer; what is piped in is the document the question is about.
import ArgumentParser
import CSystem
import Console
import Generation
import Text

/// Answers one question.
struct Ask: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Answer one question; text piped in is the document it is about.")

  @OptionGroup var model: ModelOptions
  @OptionGroup var answers: AnswerOptions
  @OptionGroup var prefixes: PrefixCacheOptions

  @Flag(help: "Print a JSON object.")
  var json = false

  @Flag(help: "With --json: the log-probabilities of the answer's tokens.")
  var logprobs = false

  @Argument(help: "The question.")
  var question: String

  func validate() throws {
    if logprobs && !json { throw ValidationError("--logprobs belongs to --json") }
  }

  mutating func run() throws {
    guard !question.allSatisfy(\.isWhitespace) else { throw Failure("the question is empty", code: 2) }
    hypnos_install_stop_handler("")
    let answerer = try Answerer(model: model, answers: answers, prefixes: prefixes, keepsLogProbabilities: logprobs)
    try answerer.answerOnly(withDocument(question), asObject: json)
  }

  private func withDocument(_ question: String) throws -> String {
    guard !StandardInput.isTerminal else { return question }
    let document: String
    do { document = try String(text: try StandardInput.readAll()) } catch let error as NotText {
      throw Failure("standard input \(error)")
    }
    guard !document.allSatisfy(\.isWhitespace) else { return question }
    return Document.message(question, with: [Document(name: "standard input", text: document)])
  }
}
