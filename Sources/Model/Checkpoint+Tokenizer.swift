// From the metadata's vocabulary to a tokenizer.
import GGUF
import Text

extension Checkpoint {
  /// The tokenizer that the metadata of `file` describe.
  static func makeTokenizer(_ file: GGUFFile) throws(ModelError) -> Tokenizer {
    let description = try ParameterReader.read { () throws(GGUFError) in try describeTokenizer(file.metadata) }
    guard let description else {
      throw .value(path: file.metadata.path, key: "tokenizer.ggml.tokens", offset: nil, reason: "is missing")
    }
    do {
      return try Tokenizer(description)
    } catch {
      throw .tokenizer(path: file.metadata.path, error)
    }
  }

  private static func describeTokenizer(_ metadata: Metadata) throws(GGUFError) -> TokenizerDescription? {
    func key(_ name: String) -> String { "tokenizer.ggml." + name }
    guard let tokens = try metadata.strings(key("tokens")) else { return nil }
    var others: [Int] = []
    for name in ["eom_token_id", "eog_token_id"] {
      if let id = try metadata.integer(key(name)) { others.append(id) }
    }
    return TokenizerDescription(
      model: try metadata.string(key("model")) ?? "",
      preTokenizer: try metadata.string(key("pre")),
      tokens: PackedStrings(bytes: tokens.bytes, ends: tokens.ends),
      scores: try metadata.floats(key("scores")),
      kinds: try metadata.integers(key("token_type")),
      merges: try metadata.strings(key("merges")).map { PackedStrings(bytes: $0.bytes, ends: $0.ends) },
      beginningOfText: try metadata.integer(key("bos_token_id")),
      endOfText: try metadata.integer(key("eos_token_id")),
      endOfTurn: try metadata.integer(key("eot_token_id")),
      unknown: try metadata.integer(key("unknown_token_id")),
      separator: try metadata.integer(key("seperator_token_id")),
      padding: try metadata.integer(key("padding_token_id")),
      otherEndTokens: others,
      addBeginning: try metadata.bool(key("add_bos_token")),
      addEnd: try metadata.bool(key("add_eos_token")),
      addSpacePrefix: try metadata.bool(key("add_space_prefix")))
  }
}
