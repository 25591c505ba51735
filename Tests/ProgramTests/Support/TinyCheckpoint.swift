// A llama checkpoint of some kilobytes with a template, which trains in an instant.
import Foundation
import GGUF

enum TinyCheckpoint {
  private static let (layers, width, feedForward) = (2, 32, 48)

  /// Writes one of random weights to `path`; another seed gives other weights. A weight that is `broken` is no number.
  static func write(to path: String, seed: UInt64 = 1, isBroken: Bool = false) throws {
    var writer = GGUFWriter()
    writer.set("general.architecture", .string("llama"))
    writer.set("general.name", .string("Tiny"))
    let sizes = [
      ("block_count", layers), ("context_length", 256), ("embedding_length", width),
      ("feed_forward_length", feedForward), ("attention.head_count", 2), ("attention.head_count_kv", 1),
    ]
    for (key, value) in sizes { writer.set("llama." + key, .int32(Int32(value))) }
    writer.set("llama.attention.layer_norm_rms_epsilon", .float32(1e-5))
    setTokenizer(&writer)
    addWeights(&writer, seed: seed, isBroken: isBroken)
    try writer.write(to: path)
  }

  private static func addWeights(_ writer: inout GGUFWriter, seed: UInt64, isBroken: Bool) {
    var state = seed
    func number() -> Float {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Float(state >> 40) * 0x1p-24 - 0.5
    }
    func add(_ name: String, _ shape: [Int]) {
      var floats = (0..<shape.reduce(1, *)).map { _ in shape.count == 1 ? 1 : number() }
      if isBroken, name == "blk.1.ffn_up.weight" { floats[7] = .nan }
      writer.add(tensor: name, shape: shape, floats: floats)
    }
    add("token_embd.weight", [width, 262])
    add("output_norm.weight", [width])
    for layer in 0..<layers {
      let shapes = [
        ("attn_norm", [width]), ("attn_q", [width, 32]), ("attn_k", [width, 16]), ("attn_v", [width, 16]),
        ("attn_output", [32, width]), ("ffn_norm", [width]), ("ffn_gate", [width, feedForward]),
        ("ffn_up", [width, feedForward]), ("ffn_down", [feedForward, width]),
      ]
      for (name, shape) in shapes { add("blk.\(layer).\(name).weight", shape) }
    }
  }

  /// Bytes are tokens, and a template that writes Q: and A:, the answer ended by the end-of-text token.
  private static func setTokenizer(_ writer: inout GGUFWriter) {
    let bytes = (0..<256).map { String(format: "<0x%02X>", $0) }
    let tokens = ["<unk>", "<s>", "</s>"] + bytes + ["a", "b", "\u{2581}"]
    writer.set("tokenizer.ggml.model", .string("llama"))
    writer.set("tokenizer.ggml.tokens", .strings(tokens))
    writer.set("tokenizer.ggml.scores", .floats(tokens.indices.map { -Float($0) }))
    writer.set("tokenizer.ggml.token_type", .integers([2, 3, 3] + Array(repeating: 6, count: 256) + [1, 1, 1]))
    writer.set("tokenizer.ggml.add_space_prefix", .bool(false))
    for (name, id) in [("unknown", 0), ("bos", 1), ("eos", 2)] {
      writer.set("tokenizer.ggml.\(name)_token_id", .int32(Int32(id)))
    }
    writer.set(
      "tokenizer.chat_template",
      .string(
        "{% for m in messages %}{% if m.role == 'assistant' %}A:{{ m.content }}{{ eos_token }}{% else %}"
          + "Q:{{ m.content }}\n{% endif %}{% endfor %}{% if add_generation_prompt %}A:{% endif %}"))
  }
}
