// `hypnos tokenize`: text to token ids.
import ArgumentParser
import Text

/// The token ids of a text.
struct Tokenize: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Turn the text on standard input into token ids.")

  @OptionGroup var checkpoint: CheckpointOptions

  @Flag(help: "Recognize special tokens in the text.")
  var special = false

  @Flag(help: "A JSON array of objects with id and text instead of ids alone.")
  var json = false

  @Flag(help: "Leave out the token that begins a text.")
  var noBeginning = false

  mutating func run() throws {
    let bytes = try StandardInput.readAll()
    let tokenizer = try checkpoint.openCheckpoint().tokenizer
    let ids = tokenizer.encode(bytes, parseSpecial: special, addBeginning: noBeginning ? false : nil)
    guard json else { return try Output.write(ids.map(String.init).joined(separator: " ") + "\n") }
    let rows = ids.map { id in
      JSONValue.object(
        OrderedFields([
          ("id", .integer(Int(id))),
          ("text", .string(String(decoding: tokenizer.bytes(of: Int(id), special: true), as: UTF8.self))),
        ]))
    }
    try Output.write(JSONValue.array(rows).encoded + "\n")
  }
}
