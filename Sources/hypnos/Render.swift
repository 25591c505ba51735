// `hypnos render`: the prompt text a chat template makes of messages.
import ArgumentParser
import Generation
import Text

/// The prompt text of a conversation.
struct Render: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the prompt that a chat template makes of the JSON array of messages on standard input.")

  @OptionGroup var checkpoint: CheckpointOptions

  @Option(help: "A built-in template's name or a Jinja file; without, the checkpoint's own.")
  var template: String?

  @Option(help: "A variable for the template, NAME=VALUE; can be given several times.")
  var set: [String] = []

  @Flag(help: "End with the last message, without the beginning of an answer.")
  var noGenerationPrompt = false

  mutating func run() throws {
    var variables: [String: TemplateValue] = [:]
    let chosen: ChatTemplate
    if let template {
      chosen = try TemplateArgument.load(template)
      if checkpoint.model != nil { variables = PromptBuilder.variables(try checkpoint.openCheckpoint().tokenizer) }
    } else {
      let opened = try checkpoint.openCheckpoint()
      guard let own = try PromptBuilder(opened).template else {
        throw PromptError.noTemplate(model: opened.name)
      }
      chosen = own
      variables = PromptBuilder.variables(opened.tokenizer)
    }
    for assignment in set {
      guard let equals = assignment.firstIndex(of: "="), equals != assignment.startIndex else {
        throw Failure("--set \(assignment): it is written NAME=VALUE", code: 2)
      }
      variables[String(assignment[..<equals])] = .string(String(assignment[assignment.index(after: equals)...]))
    }
    let messages: JSONValue
    do { messages = try JSONValue(parsing: try StandardInput.readAll()) } catch let error as JSONError {
      throw Failure("standard input: \(error)")
    }
    guard messages.array != nil else { throw Failure("standard input: is not a JSON array of messages") }
    try Output.write(
      try chosen.render(messages: messages, addGenerationPrompt: !noGenerationPrompt, variables: variables))
  }
}
