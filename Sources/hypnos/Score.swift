// `hypnos score`: how likely the model holds a text, token by token.
import ArgumentParser
import Generation
import Glibc
import Text

/// Log-probabilities of a text.
struct Score: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Log-probabilities of the text, or of the token ids, on standard input; a JSON line a position.")

  @OptionGroup var model: ModelOptions

  @Option(help: "How many of the likeliest next tokens to list, with their logits.")
  var top = 0

  @Flag(help: "Standard input holds token ids, separated by spaces, commas or lines.")
  var ids = false

  @Flag(help: "Print the totals as a JSON object too, not as a line of text.")
  var json = false

  func validate() throws {
    guard (0...1_000_000).contains(top) else { throw ValidationError("--top \(top): it can be 0 to 1000000") }
  }

  mutating func run() throws {
    let bytes = try StandardInput.readAll()
    let session = try model.openSession()
    let tokenizer = session.model.checkpoint.tokenizer
    let tokens: [Int32]
    do {
      let text = try String(text: bytes)
      tokens =
        ids ? try parseIds(text, vocabulary: tokenizer.vocabularySize) : tokenizer.encode(text, parseSpecial: false)
    } catch let error as NotText {
      throw Failure("standard input \(error)")
    }
    guard !tokens.isEmpty else { throw Failure("standard input holds no text", code: 2) }
    var total = 0.0
    var before: (logits: [Float], logSumExp: Double)?
    try session.evaluate(tokens) { position, logits in
      let logSumExp = LogProbabilities.logSumExp(logits)
      let logProbability = before.map { Double($0.logits[Int(tokens[position])]) - $0.logSumExp }
      total -= logProbability ?? 0
      before = (logits, logSumExp)
      try Output.write(line(position, tokens[position], logProbability, logSumExp, logits) + "\n")
    }
    try writeTotals(total, count: tokens.count - 1)
  }

  private func line(
    _ position: Int, _ token: Int32, _ logProbability: Double?, _ logSumExp: Double, _ logits: [Float]
  ) -> String {
    let likeliest = top == 0 ? [] : LogProbabilities.top(top, of: logits)
    return JSONValue.object(
      OrderedFields([
        ("position", .integer(position)), ("token", .integer(Int(token))),
        ("logprob", logProbability.map { .number($0) } ?? .null), ("logsumexp", .number(logSumExp)),
        ("top", .array(likeliest.map { .array([.integer($0.token), .number(Double($0.logit))]) })),
      ])
    ).encoded
  }

  private func writeTotals(_ total: Double, count: Int) throws {
    let perplexity = count > 0 ? exp(total / Double(count)) : 1
    guard json else {
      return try Output.write(
        "negative log-likelihood \(total) over \(count) tokens, perplexity \(perplexity)\n")
    }
    let fields: [(String, JSONValue)] = [
      ("nll", .number(total)), ("tokens", .integer(count)), ("perplexity", .number(perplexity)),
    ]
    try Output.write(JSONValue.object(OrderedFields(fields)).encoded + "\n")
  }

  private func parseIds(_ text: String, vocabulary: Int) throws -> [Int32] {
    let words = text.split { $0.isWhitespace || $0 == "," || $0 == "[" || $0 == "]" }
    return try words.enumerated().map { index, word in
      guard let id = Int32(word), id >= 0, Int(id) < vocabulary else {
        throw Failure(
          "standard input: \"\(word)\" (number \(index + 1)) is no token id between 0 and \(vocabulary - 1)")
      }
      return id
    }
  }
}
