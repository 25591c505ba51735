// How likely a model holds texts: whole ones in windows, for perplexity, and answers behind their questions, for the
// held-out loss.
import Compute
import Generation
import Model
import Text

/// What a text or an answer costs.
public struct TextCost: Sendable, Equatable {
  /// The sum over the tokens of the negative log-likelihood, in nats.
  public var nats: Double
  /// The tokens in the sum.
  public var tokens: Int
  /// Unicode characters of the text, and its bytes as UTF-8.
  public var characters, bytes: Int

  /// The cost of `tokens` tokens.
  public init(nats: Double, tokens: Int, characters: Int, bytes: Int) {
    (self.nats, self.tokens, self.characters, self.bytes) = (nats, tokens, characters, bytes)
  }
}

/// Tokens, the first of which are only read.
public struct ScoredTokens: Sendable, Equatable {
  /// All of them.
  public let tokens: [Int32]
  /// The first that counts, above 0.
  public let start: Int
}

/// Measures texts with one model.
public final class TextLikelihood {
  private static let (groupItems, groupTokens) = (16, 4096)
  private let model: Transformer
  private let context: Int

  /// Measures with `model` in a context of `context` tokens.
  public init(model: Transformer, context: Int) {
    (self.model, self.context) = (model, context)
  }

  /// The negative log-likelihoods of `texts`, each behind its own beginning, in nats. All must fit the context.
  public func nats(
    _ texts: [ScoredTokens], isCancelled: @escaping () -> Bool = { false }, report: (Int) -> Void = { _ in }
  ) throws -> [Double] {
    let runner = StretchRunner(model: model, isCancelled: isCancelled)
    var results: [Double] = []
    while results.count < texts.count {
      var group: [Stretch] = []
      var tokens = 0
      for text in texts[results.count...]
      where group.count < TextLikelihood.groupItems && tokens < TextLikelihood.groupTokens {
        let wanted = (text.start..<text.tokens.count).map {
          Stretch.Wanted(offset: $0 - 1, tokens: [text.tokens[$0]])
        }
        tokens += text.tokens.count
        group.append(
          Stretch(
            store: model.makeStore(capacity: context), start: 0, tokens: Array(text.tokens.dropLast()), wanted: wanted))
      }
      results += try runner.run(group).map { $0.reduce(0) { $0 - $1[0] } }
      report(results.count)
    }
    return results
  }

  /// The windows in which the tokens of a text are measured: at most `context` each, beginning `stride` further on
  /// each time, so that every token but the first counts once and has, where the text goes back so far, at least
  /// `context - stride` tokens before it. With `beginning` every window begins with that token.
  public static func windows(
    _ tokens: [Int32], beginning: Int32?, context: Int, stride: Int
  ) -> [ScoredTokens] {
    let head = beginning.map { [$0] } ?? []
    let room = context - head.count
    // Without a beginning, a token must be left to tell the first that counts from.
    let step = min(max(stride, 1), room - (beginning == nil ? 1 : 0))
    var windows: [ScoredTokens] = []
    var counted = beginning == nil ? 1 : 0
    var start = 0
    while counted < tokens.count {
      let end = min(start + room, tokens.count)
      windows.append(ScoredTokens(tokens: head + tokens[start..<end], start: head.count + counted - start))
      counted = end
      start += step
      // The last window reaches back as far as it can.
      if start + room > tokens.count { start = max(0, min(start, tokens.count - room)) }
    }
    return windows
  }
}
