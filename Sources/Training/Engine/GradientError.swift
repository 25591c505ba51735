// Why gradients could not be computed.
import Model

/// Why an adapter cannot be trained on a base, or on a sequence.
public enum GradientError: Error, CustomStringConvertible, Sendable {
  /// A setting that does not fit the base; the text says which and why.
  case settings(String)
  /// The adapter does not fit the base.
  case adapter(AdapterError)
  /// Even with every activation recomputed it takes more than is allowed; sizes in bytes.
  case memory(needed: Int, limit: Int, sequenceLength: Int)
  /// A sequence with more rows to compute than the engine has room for.
  case tooLong(rows: Int, limit: Int)
  /// A token that is not in the vocabulary.
  case token(Int32, vocabulary: Int)
  /// Someone asked to stop while it was under way.
  case stopped

  /// What happened and what to do.
  public var description: String {
    switch self {
    case .settings(let text): return text
    case .adapter(let error): return error.description
    case .memory(let needed, let limit, let sequenceLength):
      return
        "training on sequences of \(sequenceLength) tokens takes at least \(mebibytes(needed)) of memory beside the "
        + "checkpoint, and \(mebibytes(limit)) are allowed; use shorter sequences, a smaller rank or more memory"
    case .tooLong(let rows, let limit):
      return "a sequence has \(rows) tokens to compute, but there is room for \(limit); train with longer sequences"
    case .token(let token, let vocabulary):
      return "token \(token) is not in the vocabulary of \(vocabulary); the data were made for another model"
    case .stopped: return "stopped"
    }
  }

  private func mebibytes(_ bytes: Int) -> String { "\((bytes + (1 << 20) - 1) >> 20) MiB" }
}
