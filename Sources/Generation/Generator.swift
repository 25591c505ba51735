// Answering one prompt in a session.
import Compute
import Model

/// Generates answers in a session.
public struct Generator {
  private let session: Session
  private let options: GenerationOptions

  /// A generator for `session` with `options`.
  public init(session: Session, options: GenerationOptions) {
    self.session = session
    self.options = options
  }

  /// Answers `prompt`. `receive` gets text as it becomes certain, in whole characters.
  public func answer(
    _ prompt: [Int32], progress: (_ done: Int, _ total: Int) -> Void = { _, _ in },
    isCancelled: () -> Bool = { false }, receive: (String) throws -> Void
  ) throws -> Answer {
    try ContextExceeded.check(prompt: prompt.count, context: session.context)
    session.recall(prompt)
    var decoding = Decoding(
      prompt, reused: session.reusable(of: prompt), context: session.context, options: options,
      tokenizer: session.model.checkpoint.tokenizer)
    func show(_ text: String) throws {
      if !text.isEmpty { try receive(text) }
    }
    var read = 0
    do {
      var logits = try session.advance(
        to: prompt,
        progress: { done, total in
          read = done
          progress(done, total)
        }, isCancelled: isCancelled)
      var computed = 1
      while true {
        if isCancelled() { throw Interrupted() }
        let (text, kept) = decoding.take(logits)
        session.forget(last: computed - kept)
        try show(text)
        guard decoding.finish == nil else { break }
        let next = decoding.nextTokens(drafts: options.speculates)
        computed = next.count
        logits = try session.extend(by: next)
      }
    } catch is Interrupted {
      try show(decoding.end(.interrupted))
    }
    var answer = decoding.answer
    answer.readTokens = read
    return answer
  }
}
