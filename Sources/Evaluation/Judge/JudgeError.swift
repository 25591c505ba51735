// Why a judge cannot judge at all, and why it cannot judge one pair.
import Generation

/// Why a model cannot be a judge.
public enum JudgeError: Error, Equatable, CustomStringConvertible {
  /// It was to be asked through its template and has none; `model` is its file and its name.
  case noTemplate(model: String)
  /// Its tokenizer does not tell the scores apart.
  case noScores(model: String)

  /// What happened and what to do.
  public var description: String {
    switch self {
    case .noTemplate(let model):
      return "\(model) is a base model without a chat template, so it cannot be asked as a chat model; let it judge "
        + "by examples (--prompt examples, or auto), or choose a template with --template NAME"
    case .noScores(let model):
      return "\(model): its tokenizer does not tell the scores from 0 to 10 apart, so it cannot judge"
    }
  }
}

/// Why one pair was not judged.
public enum JudgeRefusal: Error, Equatable, Sendable, CustomStringConvertible {
  /// It does not fit the judge's context with the instructions around it.
  case tooLong(tokens: Int, context: Int)
  /// The template or the tokenizer refuses it.
  case refused(String)

  /// The reason in a phrase.
  public var description: String {
    switch self {
    case .tooLong(let tokens, let context):
      return "takes \(tokens) tokens of the judge's context of \(context); shorten it, or ask for a larger context "
        + "with -c"
    case .refused(let reason): return reason
    }
  }
}
