// The session file's format, read and written:
// {"format": "hypnos-session", "version": 1, "model": {"name", "fingerprint"}, "settings": {name: text},
//  "adapters": [{"path", "scale"}]?, "dropped": exchanges no longer given to the model,
//  "messages": [{"role", "content", "finish"?}]}
import Text

extension SessionFile {
  /// The file's text.
  var text: String {
    let settingValues = JSONValue.object(OrderedFields(settings.map { ($0.key, .string($0.value)) }))
    let model: JSONValue = ["name": .string(modelName), "fingerprint": .string(fingerprint)]
    return """
      {"format":"hypnos-session","version":1,
      "model":\(model.encoded),
      "settings":\(settingValues.encoded),
      \(adapterField)"dropped":\(conversation.dropped),
      "messages":[
      \(messageValues.map(\.encoded).joined(separator: ",\n"))
      ]}

      """
  }

  private var adapterField: String {
    guard let adapters else { return "" }
    let values = adapters.map { JSONValue.object(["path": .string($0.path), "scale": .number(Double($0.scale))]) }
    return "\"adapters\":\(JSONValue.array(values).encoded),\n"
  }

  private var messageValues: [JSONValue] {
    var values: [JSONValue] = []
    if let systemPrompt = conversation.systemPrompt {
      values.append(["role": "system", "content": .string(systemPrompt)])
    }
    for exchange in conversation.exchanges {
      values.append(["role": "user", "content": .string(exchange.question)])
      values.append([
        "role": "assistant", "content": .string(exchange.answer), "finish": .string(exchange.finish.rawValue),
      ])
    }
    return values
  }

  /// Takes the content from `document`; `path` names the file in errors.
  init(_ document: JSONValue, path: String) throws(SessionError) {
    let reader = SessionReader(path: path)
    guard document["format"]?.string == "hypnos-session" else {
      throw reader.malformed("format", "\"hypnos-session\"")
    }
    guard let version = document["version"]?.integer, version >= 1 else {
      throw reader.malformed("version", "1")
    }
    guard version == 1 else { throw .laterVersion(path: path, version: version) }
    guard let model = document["model"], model.object != nil else {
      throw reader.malformed("model", "an object")
    }
    modelName = try reader.string(model["name"], "model.name")
    fingerprint = try reader.string(model["fingerprint"], "model.fingerprint")
    settings = try reader.settings(document["settings"])
    adapters = try reader.adapters(document["adapters"])
    conversation = try reader.conversation(document["messages"])
    let dropped = document["dropped"] ?? 0
    guard let count = dropped.integer, (0...conversation.exchanges.count).contains(count) else {
      throw reader.malformed("dropped", "a number of exchanges, at most \(conversation.exchanges.count)")
    }
    conversation.dropped = count
  }
}

/// Checks the parts of a session file.
private struct SessionReader {
  let path: String

  func malformed(_ place: String, _ expected: String) -> SessionError {
    .malformed(path: path, place: place, expected: expected)
  }

  func string(_ value: JSONValue?, _ place: String) throws(SessionError) -> String {
    guard let text = value?.string else { throw malformed(place, "a string") }
    return text
  }

  func settings(_ value: JSONValue?) throws(SessionError) -> OrderedFields<String> {
    guard let value else { return [:] }
    guard let fields = value.object else { throw malformed("settings", "an object") }
    var settings: OrderedFields<String> = [:]
    for field in fields {
      settings.set(field.key, to: try string(field.value, "settings.\(terminalSafe(field.key))"))
    }
    return settings
  }

  func adapters(_ value: JSONValue?) throws(SessionError) -> [SessionFile.KeptAdapter]? {
    guard let value else { return nil }
    guard let values = value.array else { throw malformed("adapters", "an array") }
    var adapters: [SessionFile.KeptAdapter] = []
    for (position, value) in values.enumerated() {
      let place = "adapters[\(position)]"
      guard let scale = value["scale"]?.number, (-100...100).contains(scale) else {
        throw malformed("\(place).scale", "a number from -100 to 100")
      }
      adapters.append(.init(path: try string(value["path"], "\(place).path"), scale: Float(scale)))
    }
    return adapters
  }

  /// An optional system message, then questions and answers in turn.
  func conversation(_ value: JSONValue?) throws(SessionError) -> Conversation {
    guard let values = value?.array else { throw malformed("messages", "an array") }
    var conversation = Conversation()
    var question: String?
    for (position, value) in values.enumerated() {
      let place = "messages[\(position)]"
      let content = try string(value["content"], "\(place).content")
      switch (try string(value["role"], "\(place).role"), question) {
      case ("system", nil) where position == 0:
        conversation.systemPrompt = content
      case ("user", nil):
        question = content
      case ("assistant", let asked?):
        let finish = try finishReason(value["finish"], "\(place).finish")
        conversation.exchanges.append(Exchange(question: asked, answer: content, finish: finish))
        question = nil
      default:
        let expected = question == nil ? "\"user\"" : "\"assistant\""
        throw malformed("\(place).role", position == 0 ? "\"system\" or \"user\"" : expected)
      }
    }
    guard question == nil else { throw malformed("messages", "complete: the last question has no answer") }
    return conversation
  }

  private func finishReason(_ value: JSONValue?, _ place: String) throws(SessionError) -> FinishReason {
    guard let value else { return .endOfText }
    guard let text = value.string, let finish = FinishReason(rawValue: text) else {
      throw malformed(place, "the reason why the answer ended, such as \"endOfText\"")
    }
    return finish
  }
}
