// A chat template: the Jinja program, carried by a checkpoint, that writes a conversation the way the
// model was trained to read it. It runs as transformers runs it: trim_blocks and lstrip_blocks on, the
// loopcontrols extension, no changes to lists and dictionaries, `tojson` without HTML escapes,
// `raise_exception` and `strftime_now` defined, `tools` and `documents` None unless given.

/// A parsed chat template, ready to render conversations.
public struct ChatTemplate: Sendable {
  /// Bytes of source beyond which a template is refused.
  public static let sourceLimit = 4 << 20

  /// The name that errors bear: a file, a checkpoint, or a built-in template.
  public let name: String
  /// The template as given.
  public let source: String

  /// The source as it was parsed, for the places of errors.
  private let bytes: [UInt8]
  private let statements: [TemplateStatement]

  /// Parses `source`. Throws a `TemplateError` with the place of the first thing that is not Jinja or
  /// that this interpreter does not have. Filters and tests it does not have are errors only when a
  /// render comes upon them.
  public init(source: String, name: String) throws(TemplateError) {
    self.name = name
    self.source = source
    guard source.utf8.count <= Self.sourceLimit else {
      let reason = TemplateError.Reason.limit("a template may have \(Self.sourceLimit) bytes at most")
      throw TemplateError(reason: reason, template: name, line: 1, column: 1)
    }
    bytes = TemplateLexer.normalize(source)
    var lexer = TemplateLexer(source: bytes)
    let tokens: [TemplateToken]
    do throws(TemplateFault) {
      tokens = try lexer.tokenize()
    } catch {
      throw TemplateError(error, at: lexer.position, in: bytes, of: name)
    }
    var parser = TemplateParser(tokens: tokens)
    do throws(TemplateFault) {
      statements = try parser.parseTemplate()
    } catch {
      throw TemplateError(error, at: parser.offset, in: bytes, of: name)
    }
  }

  /// The prompt for `messages`, a JSON array of objects with at least `role` and `content`.
  ///
  /// - `addGenerationPrompt`: whether to end with what opens the assistant's answer.
  /// - `variables`: what else the template may read: `bos_token`, `eos_token`, `tools`, …
  /// - `now`: the moment for `strftime_now`.
  ///
  /// Throws a `TemplateError` with the place in the template when it refuses the conversation, does
  /// something its values do not allow, or exceeds the bounds of a render.
  public func render(
    messages: JSONValue, addGenerationPrompt: Bool, variables: [String: TemplateValue] = [:],
    now: LocalTime = .current()
  ) throws(TemplateError) -> String {
    var variables = variables
    variables["messages"] = TemplateValue(messages)
    variables["add_generation_prompt"] = .boolean(addGenerationPrompt)
    for name in ["tools", "documents"] where variables[name] == nil { variables[name] = TemplateValue.none }
    return try render(variables: variables, now: now)
  }

  /// The prompt for `messages`; see the other `render`.
  public func render(
    messages: [ChatMessage], addGenerationPrompt: Bool, variables: [String: TemplateValue] = [:],
    now: LocalTime = .current()
  ) throws(TemplateError) -> String {
    let values = messages.map { message -> JSONValue in
      ["role": .string(message.role), "content": .string(message.content)]
    }
    return try render(
      messages: .array(values), addGenerationPrompt: addGenerationPrompt, variables: variables, now: now)
  }

  /// What the template prints when it sees just `variables`.
  func render(
    variables: [String: TemplateValue], now: LocalTime, limits: TemplateLimits = TemplateLimits()
  ) throws(TemplateError) -> String {
    let inputBytes = variables.values.reduce(bytes.count) { $0 + $1.byteCount }
    let budget = TemplateBudget(limits: limits, inputBytes: inputBytes)
    var position = 0
    do throws(TemplateFault) {
      var values: [String: RuntimeValue] = [:]
      for (name, value) in variables { values[name] = try RuntimeValue(value, budget: budget) }
      let renderer = TemplateRenderer(variables: values, now: now, budget: budget)
      defer { position = renderer.position }
      return try renderer.render(statements)
    } catch {
      throw TemplateError(error, at: position, in: bytes, of: name)
    }
  }
}

extension TemplateError {
  /// `reason` at the byte `offset` of `source`.
  fileprivate init(_ reason: Reason, at offset: Int, in source: [UInt8], of template: String) {
    let place = TextPosition(offset: offset, in: source)
    self.init(reason: reason, template: template, line: place.line, column: place.column)
  }
}

extension TemplateValue {
  /// About the bytes this value takes; the budget of a render grows with it.
  fileprivate var byteCount: Int {
    switch self {
    case .string(let text): 16 + text.utf8.count
    case .array(let elements): elements.reduce(16) { $0 + $1.byteCount }
    case .object(let fields): fields.reduce(16) { $0 + 16 + $1.key.utf8.count + $1.value.byteCount }
    default: 16
    }
  }
}
