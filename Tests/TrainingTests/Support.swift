// A vocabulary whose ids can be written down by hand, templates over it, and folders that go away again.
import Foundation
import Testing
import Text

@testable import Training

/// Bytes are tokens: the byte b has id b. The tokens behind them are special; 260 is "\n\n", the only merge.
enum Toy {
  static let begin: Int32 = 256
  static let end: Int32 = 257
  static let turn: Int32 = 258
  static let turnEnd: Int32 = 259
  static let blankLine: Int32 = 260

  /// A byte-level tokenizer with `<s>`, `</s>`, `<|im_start|>` and `<|im_end|>`, the latter two and `</s>` control
  /// tokens. `<s>` is put first if `addsBeginning`.
  static func tokenizer(addsBeginning: Bool = false, hasEnd: Bool = true) throws -> Tokenizer {
    let tokens = byteCharacters + ["<s>", "</s>", "<|im_start|>", "<|im_end|>", "ĊĊ"]
    let kinds = [Int](repeating: 1, count: 256) + [3, 3, 3, 3, 1]
    return try Tokenizer(
      TokenizerDescription(
        model: "gpt2", preTokenizer: "qwen2", tokens: PackedStrings(tokens.map(\.utf8)), kinds: kinds,
        merges: PackedStrings(["Ċ Ċ".utf8]), beginningOfText: 256, endOfText: hasEnd ? 257 : nil,
        addBeginning: addsBeginning))
  }

  /// The ids of plain text.
  static func ids(_ text: String) -> [Int32] { text.utf8.map { Int32($0) } }

  /// How byte-level vocabularies spell bytes: printable ones of Latin-1 as they are, the others from U+0100 on.
  private static let byteCharacters: [String] = {
    var next: UInt32 = 0x100
    return (UInt32(0)..<256).map { byte in
      if (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || (0xAE...0xFF).contains(byte) {
        return String(Unicode.Scalar(byte).map(Character.init) ?? " ")
      }
      defer { next += 1 }
      return String(Unicode.Scalar(next).map(Character.init) ?? " ")
    }
  }()
}

/// A chat template over the toy vocabulary, tokenized the simple way.
struct ToyEncoder: ConversationEncoder {
  let tokenizer: Tokenizer
  let template: ChatTemplate
  var templateName: String { template.name }

  /// The template called `name`, or `source` under that name.
  init(_ name: String, source: String? = nil, tokenizer: Tokenizer) throws {
    self.tokenizer = tokenizer
    template = try source.map { try ChatTemplate(source: $0, name: name) } ?? #require(ChatTemplate.builtIn(name))
  }

  func tokens(
    of messages: [ChatMessage], addGenerationPrompt: Bool
  ) throws(ConversationRefused) -> [Int32] {
    do throws(TemplateError) {
      let variables: [String: TemplateValue] = ["bos_token": "<s>", "eos_token": "</s>"]
      let text = try template.render(
        messages: messages, addGenerationPrompt: addGenerationPrompt, variables: variables)
      return tokenizer.encode(text, parseSpecial: true)
    } catch {
      throw ConversationRefused("\(error)")
    }
  }
}

/// An example maker over the toy vocabulary with the template `name`.
func toyMaker(
  _ name: String = "chatml", source: String? = nil, sequenceLength: Int = 1024, tokenizer: Tokenizer? = nil
) throws -> ExampleMaker {
  let tokenizer = try tokenizer ?? Toy.tokenizer()
  let encoder = try ToyEncoder(name, source: source, tokenizer: tokenizer)
  return try ExampleMaker(tokenizer: tokenizer, conversations: encoder, sequenceLength: sequenceLength)
}

extension ExampleMaker {
  /// The examples of the row that `line` holds.
  func examples(line: String) throws -> Outcome {
    try examples(of: DataRow(line: Array(line.utf8)), source: .init(file: 0, line: 1))
  }
}

extension TrainingExample {
  /// The tokens that are targets.
  var targets: [Int32] { zip(tokens, lossMask).filter(\.1).map(\.0) }
}

/// A folder that goes away with its owner.
final class TemporaryFolder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "training-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes `bytes` to the file `name`, with the folders it needs, and returns its path.
  @discardableResult func write(_ name: String, _ bytes: some Sequence<UInt8>) throws -> String {
    let file = path + "/" + name
    let folder = (file as NSString).deletingLastPathComponent
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Data(bytes).write(to: URL(fileURLWithPath: file))
    return file
  }

  /// Writes `text` to the file `name`.
  @discardableResult func write(_ name: String, _ text: String) throws -> String {
    try write(name, text.utf8)
  }
}
