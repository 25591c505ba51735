// What the REPL needs of a conversation engine: its own small boundary, so that the terminal side can
// be tested with an engine that has no model, and knows nothing of sessions, caches and samplers.
import Common

/// Answers conversations with one loaded model.
///
/// Errors thrown over this boundary describe themselves in a sentence (`CustomStringConvertible`);
/// the REPL prints that sentence.
public protocol ConversationEngine: AnyObject {
  /// The model that is loaded now.
  var modelDescription: ModelDescription { get }
  /// What can be set, in the order in which it is shown.
  var settings: [Setting] { get }
  /// Whether answers are sampled, so that another seed gives another answer; false when greedy.
  var isSampling: Bool { get }
  /// Gives the setting called `name` the value written as `value`.
  func set(_ name: String, to value: String) throws
  /// The number of tokens of the prompt made from `messages` with the model's template.
  func tokenCount(of messages: [Message]) throws -> Int
  /// The exact text the model is given for `messages`, special tokens as the template writes them.
  func promptText(of messages: [Message]) throws -> String
  /// Answers the last of `messages`. `receive` gets whole characters only; `isCancelled` is asked
  /// between tokens and between pieces of the prompt, and true ends the answer with `.cancelled`.
  /// Throws `ContextOverflow` when the prompt leaves no room for an answer.
  func answer(
    _ messages: [Message], progress: (PromptProgress) -> Void, receive: (String) -> Void,
    isCancelled: () -> Bool
  ) throws -> AnswerSummary
  /// Does what can wait until an answer stands whole on the terminal, and may say something there.
  func finishAnswer()
  /// Loads another model, without adapters. When it throws, the model before stays loaded and usable.
  func load(modelAt path: String) throws
  /// The adapters in use, in the order in which they were taken up.
  var adapters: [AdapterDescription] { get }
  /// Uses the adapter in the file or folder at `path` at `scale`; one in use already is given that scale. One that
  /// was made for another base is refused unless `anyBase`. When it throws, nothing has changed.
  func useAdapter(at path: String, scale: Float, anyBase: Bool) throws
  /// Puts the adapters with this name or path away, or all; how many those were.
  func removeAdapters(named name: String?) throws -> Int
}

/// An adapter in use.
public struct AdapterDescription: Equatable, Sendable {
  /// Its name, by which it can be put away.
  public var name: String
  /// The file or folder it was read from.
  public var path: String
  /// What its contribution is multiplied with.
  public var scale: Float

  /// A description with every member given.
  public init(name: String, path: String, scale: Float) {
    self.name = name
    self.path = path
    self.scale = scale
  }
}

/// One message of a conversation.
public struct Message: Equatable, Sendable {
  /// Who speaks.
  public enum Role: String, Sendable {
    /// What the model is told about its part; at most one, at the front.
    case system
    /// The person at the terminal.
    case user
    /// The model.
    case assistant
  }
  /// Who speaks.
  public var role: Role
  /// What is said.
  public var content: String

  /// A message of `role` that says `content`.
  public init(role: Role, content: String) {
    self.role = role
    self.content = content
  }
}

/// A loaded model, as the opening lines and `/model` show it.
public struct ModelDescription: Equatable, Sendable {
  /// The checkpoint's own name.
  public var name: String
  /// The file it was loaded from.
  public var path: String
  /// The number of its parameters.
  public var parameters: Int
  /// The size of its files in bytes.
  public var fileSize: Int
  /// The type of its weights, such as "Q4_K_M".
  public var format: String
  /// The context in use, in tokens.
  public var contextLength: Int
  /// The longest context the model was trained with, in tokens.
  public var trainedContextLength: Int
  /// The kernels in use, such as "avx512vnni".
  public var kernels: String
  /// The number of threads that compute.
  public var threads: Int
  /// The chat template in use, nil for a base model without one.
  public var templateName: String?
  /// What tells this model from any other, in hexadecimal digits; session files carry it.
  public var fingerprint: String

  /// A description with every member given.
  public init(
    name: String, path: String, parameters: Int, fileSize: Int, format: String, contextLength: Int,
    trainedContextLength: Int, kernels: String, threads: Int, templateName: String?, fingerprint: String
  ) {
    self.name = name
    self.path = path
    self.parameters = parameters
    self.fileSize = fileSize
    self.format = format
    self.contextLength = contextLength
    self.trainedContextLength = trainedContextLength
    self.kernels = kernels
    self.threads = threads
    self.templateName = templateName
    self.fingerprint = fingerprint
  }
}

/// One thing that `/set` can change.
public struct Setting: Equatable, Sendable {
  /// Its name, such as "temperature".
  public var name: String
  /// Its value now, written as `/set` would take it.
  public var value: String
  /// What it does, in one line.
  public var help: String
  /// Whether a session file carries it: sampling yes, what belongs to the machine (threads) no.
  public var isKeptInSessions: Bool

  /// A setting with every member given.
  public init(name: String, value: String, help: String, isKeptInSessions: Bool) {
    self.name = name
    self.value = value
    self.help = help
    self.isKeptInSessions = isKeptInSessions
  }
}

/// How far the prompt has been read.
public struct PromptProgress: Equatable, Sendable {
  /// Tokens processed so far, those reused from an earlier answer not among them.
  public var processed: Int
  /// Tokens to process in all.
  public var total: Int

  /// `processed` of `total` tokens.
  public init(processed: Int, total: Int) {
    self.processed = processed
    self.total = total
  }
}

/// Why an answer ended.
public enum FinishReason: String, Sendable {
  /// The model said it was done.
  case endOfText
  /// One of the stop strings came up.
  case stopString
  /// `max-tokens` was reached.
  case tokenLimit
  /// No room was left in the context.
  case contextFull
  /// The model fell into repeating itself.
  case repetition
  /// It was interrupted.
  case cancelled
}

/// What is known of an answer when it has ended.
public struct AnswerSummary: Equatable, Sendable {
  /// Why it ended.
  public var finish: FinishReason
  /// Tokens of the prompt, the reused ones among them.
  public var promptTokens: Int
  /// Tokens of the prompt that were still in the cache from an earlier answer.
  public var reusedTokens: Int
  /// Tokens of the prompt that were computed: the others, unless it was interrupted meanwhile.
  public var readTokens: Int
  /// Tokens of the answer.
  public var answerTokens: Int
  /// Seconds spent on reading the prompt.
  public var promptSeconds: Double
  /// Seconds spent on generating the answer.
  public var answerSeconds: Double
  /// The seed that was used, the same whether given or chosen.
  public var seed: UInt64
  /// Tokens that were drafted for the answer.
  public var draftedTokens: Int
  /// Drafted tokens that turned out to be the answer's.
  public var acceptedTokens: Int

  /// A summary with every member given, or without drafts.
  public init(
    finish: FinishReason, promptTokens: Int, reusedTokens: Int, readTokens: Int, answerTokens: Int,
    promptSeconds: Double, answerSeconds: Double, seed: UInt64, draftedTokens: Int = 0, acceptedTokens: Int = 0
  ) {
    self.finish = finish
    self.promptTokens = promptTokens
    self.reusedTokens = reusedTokens
    self.readTokens = readTokens
    self.answerTokens = answerTokens
    self.promptSeconds = promptSeconds
    self.answerSeconds = answerSeconds
    self.seed = seed
    self.draftedTokens = draftedTokens
    self.acceptedTokens = acceptedTokens
  }
}

/// A prompt that does not fit: the engine throws it, and the REPL offers what can be done.
public struct ContextOverflow: Error, Equatable, CustomStringConvertible {
  /// The tokens of the prompt.
  public var needed: Int
  /// The tokens there is room for.
  public var available: Int

  /// A prompt of `needed` tokens where `available` fit.
  public init(needed: Int, available: Int) {
    self.needed = needed
    self.available = available
  }

  /// The counts in a sentence.
  public var description: String {
    "the prompt takes \(grouped(needed)) tokens, and the context has room for \(grouped(available))"
  }
}
