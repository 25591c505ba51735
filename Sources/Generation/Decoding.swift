// One answer in the making: from logits to tokens to text, until it ends. How the logits are computed, alone or in a
// batch, is left to others, and so every way of computing them gives the same answer.
import Common
import Compute
import Glibc
import Text

/// The state of one answer.
struct Decoding {
  /// The answer so far.
  private(set) var answer: Answer
  /// Why it has ended; nil while it goes on.
  private(set) var finish: Finish?
  private let prompt: [Int32]
  private let context: Int
  let options: GenerationOptions
  private let tokenizer: Tokenizer
  private var sampler: Sampler
  private var stream: AnswerStream
  private var loops = LoopDetector()
  private var lookup = PromptLookup()
  private var pace = DraftPace()
  private var draft: [Int32] = []
  private let start = monotonicSeconds()

  /// The answer to `prompt` in a context of `context` tokens; `reused` of the prompt's need not be computed.
  init(_ prompt: [Int32], reused: Int, context: Int, options: GenerationOptions, tokenizer: Tokenizer) {
    self.prompt = prompt
    self.context = context
    self.options = options
    self.tokenizer = tokenizer
    sampler = Sampler(options.sampling)
    stream = AnswerStream(stops: options.stops)
    answer = Answer(
      promptTokens: prompt.count, reusedTokens: reused, readTokens: prompt.count - reused, seed: options.sampling.seed)
  }

  /// The tokens to compute next, behind the prompt and the tokens `take` has accepted: the last one chosen, and
  /// where `drafts` allows it those that may follow.
  mutating func nextTokens(drafts: Bool) -> [Int32] {
    draft = drafts ? makeDraft() : []
    return answer.tokens.suffix(1) + draft
  }

  /// Chooses the next token, and as many more as the draft foresaw, from the logits behind each of the last tokens
  /// given to compute, from row `first` of `logits` [rows, vocabulary] on.
  ///
  /// Returns the text that has become certain, and how many of the tokens given to compute stay.
  mutating func take(_ logits: FloatMatrix, from first: Int = 0) -> (text: String, kept: Int) {
    if answer.tokens.isEmpty { answer.promptSeconds = monotonicSeconds() - start }
    guard options.maxTokens > 0 else { return (end(.length), 1) }
    var text = ""
    var accepted = 0
    while finish == nil {
      let token = sampler.choose(logits, row: first + accepted)
      text += append(token, logits, row: first + accepted)
      // A token that ends the answer is not computed, as it would not be without a draft.
      guard finish == nil, accepted < draft.count, draft[accepted] == token else { break }
      accepted += 1
    }
    pace.record(drafted: draft.count, accepted: accepted)
    answer.draftedTokens += draft.count
    answer.acceptedTokens += accepted
    draft = []
    return (text, 1 + accepted)
  }

  /// Ends the answer and returns the text that was still held back.
  mutating func end(_ reason: Finish) -> String {
    let rest = stream.finish(isCut: reason != .end && reason != .stop)
    finish = stream.isStopped ? .stop : reason
    answer.finish = finish ?? reason
    answer.text += rest
    let seconds = monotonicSeconds() - start
    if answer.promptSeconds == 0 { answer.promptSeconds = seconds }
    answer.answerSeconds = seconds - answer.promptSeconds
    return rest
  }

  private mutating func append(_ token: Int32, _ logits: FloatMatrix, row: Int) -> String {
    if tokenizer.endTokens.contains(Int(token)) { return end(.end) }
    if options.keepsLogProbabilities {
      let logits = logits[row: row]
      answer.logProbabilities.append(Double(logits[Int(token)]) - LogProbabilities.logSumExp(logits))
    }
    answer.tokens.append(token)
    let text = stream.append(tokenizer.bytes(of: Int(token)))
    answer.text += text
    let isLoop = loops.isLoop(answer.tokens)
    if stream.isStopped { return text + end(.stop) }
    if isLoop { return text + end(.repetition) }
    if answer.tokens.count >= options.maxTokens { return text + end(.length) }
    if prompt.count + answer.tokens.count >= context { return text + end(.context) }
    return text
  }

  private mutating func makeDraft() -> [Int32] {
    let known = lookup.count
    if known == 0 { lookup.append(prompt[...]) }
    lookup.append(answer.tokens[max(0, known - prompt.count)...])
    let room = min(context - prompt.count, options.maxTokens - 1) - answer.tokens.count
    let length = min(pace.length, room)
    guard length > 0 else { return [] }
    let draft = lookup.draft(length)
    if draft.isEmpty { return [] }
    return pace.isPaused() ? [] : draft
  }
}
