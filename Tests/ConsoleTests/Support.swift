// What the tests of the REPL share: an engine without a model, lines from a script, a terminal that
// remembers, and folders that vanish.
import Foundation
import Synchronization

@testable import Console

/// Counts a token for each character and four for each message, and answers with the question.
final class StubEngine: ConversationEngine {
  struct Refusal: Error, CustomStringConvertible {
    var description: String
  }

  var modelDescription = ModelDescription(
    name: "Stub-1", path: "/models/stub.gguf", parameters: 135_000_000, fileSize: 99_000_000, format: "Q4_1",
    contextLength: 400, trainedContextLength: 2048, kernels: "avx2", threads: 2, templateName: "chatml",
    fingerprint: "0123abcd")
  var settings = [
    Setting(name: "temperature", value: "0", help: "0 is greedy", isKeptInSessions: true),
    Setting(name: "seed", value: "7", help: "where sampling starts", isKeptInSessions: true),
    Setting(name: "threads", value: "2", help: "threads that compute", isKeptInSessions: false),
  ]
  /// The conversations it was asked to answer.
  private(set) var asked: [[Message]] = []
  var questions: [String] { asked.compactMap(\.last?.content) }
  var isSampling: Bool { settings[0].value != "0" }

  func set(_ name: String, to value: String) throws {
    guard let place = settings.firstIndex(where: { $0.name == name }), Double(value) != nil else {
      throw Refusal(description: "\(name): \(value) is no number")
    }
    settings[place].value = value
  }

  func tokenCount(of messages: [Message]) throws -> Int {
    messages.reduce(0) { $0 + $1.content.count + 4 }
  }

  func finishAnswer() {}

  func promptText(of messages: [Message]) throws -> String {
    messages.map { "<\($0.role.rawValue)>\($0.content)" }.joined()
  }

  func answer(
    _ messages: [Message], progress: (PromptProgress) -> Void, receive: (String) -> Void,
    isCancelled: () -> Bool
  ) throws -> AnswerSummary {
    let tokens = try tokenCount(of: messages)
    guard tokens <= modelDescription.contextLength else {
      throw ContextOverflow(needed: tokens, available: modelDescription.contextLength)
    }
    asked.append(messages)
    let question = messages.last?.content ?? ""
    if question == "fail" { throw Refusal(description: "the stub failed") }
    if question.hasSuffix("nothing") { return summary(.cancelled, tokens) }
    receive("<\(question)>")
    if question == "endless" {
      while !isCancelled() { sched_yield() }
      return summary(.cancelled, tokens)
    }
    return summary(question == "partly" ? .cancelled : .endOfText, tokens)
  }

  var adapters: [AdapterDescription] = []

  func useAdapter(at path: String, scale: Float, anyBase: Bool) throws {
    guard !path.hasPrefix("foreign") || anyBase else { throw Refusal(description: "\(path): made for another base") }
    guard !path.hasPrefix("/") || access(path, F_OK) == 0 else { throw Refusal(description: "\(path): no such file.") }
    adapters.removeAll { $0.path == path }
    let name = String(path.split(separator: "/").last?.prefix { $0 != "." } ?? "")
    adapters.append(AdapterDescription(name: name, path: path, scale: scale))
  }

  func removeAdapters(named name: String?) throws -> Int {
    let kept = name.map { name in adapters.filter { $0.name != name } } ?? []
    defer { adapters = kept }
    return adapters.count - kept.count
  }

  func load(modelAt path: String) throws {
    guard path == "other.gguf" else { throw Refusal(description: "\(path): no such model") }
    adapters = []
    modelDescription.name = "Stub-2"
    modelDescription.fingerprint = "4567cdef"
  }

  private func summary(_ finish: FinishReason, _ tokens: Int) -> AnswerSummary {
    AnswerSummary(
      finish: finish, promptTokens: tokens, reusedTokens: 4, readTokens: tokens - 4, answerTokens: 10,
      promptSeconds: 0.5, answerSeconds: 2, seed: UInt64(settings[1].value) ?? 0)
  }
}

/// Gives the lines of a script, then the end of input.
final class ScriptedLines: LineSource {
  private var events: [LineEvent]
  private(set) var remembered: [String] = []
  private(set) var prompts: [String] = []

  init(_ events: [LineEvent]) {
    self.events = events
  }

  func next(prompt: String) -> LineEvent {
    prompts.append(prompt)
    return events.isEmpty ? .endOfInput : events.removeFirst()
  }

  func remember(_ line: String) {
    remembered.append(line)
  }
}

/// A conversation that was held from a script.
struct Conversed {
  let engine: StubEngine
  let repl: Repl
  let lines: ScriptedLines
  let output: String
}

/// Holds a conversation of `lines` with a stub.
func converse(
  _ lines: [String], options: ReplOptions = ReplOptions(), engine: StubEngine = StubEngine()
) throws -> Conversed {
  try converse(events: lines.map { .line($0) }, options: options, engine: engine)
}

/// Holds a conversation of `events` with a stub.
func converse(
  events: [LineEvent], options: ReplOptions = ReplOptions(), engine: StubEngine = StubEngine()
) throws -> Conversed {
  let script = ScriptedLines(events)
  let output = Mutex("")
  let terminal = Terminal(hasColour: false) { text in
    output.withLock { $0 += text }
    return true
  }
  let repl = Repl(engine: engine, options: options, lines: script, language: .english, terminal: terminal)
  try repl.run()
  return Conversed(engine: engine, repl: repl, lines: script, output: output.withLock { $0 })
}

/// Runs `body` with the path of a new folder, which is removed afterwards.
func withFolder<Value>(_ body: (String) throws -> Value) throws -> Value {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("console-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder.path)
}

/// The permission bits of the file at `path`.
func permissions(_ path: String) throws -> Int? {
  try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
}
