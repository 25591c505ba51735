// A tiny llama checkpoint written for the tests of several modules, and prompts for it.
import Compute
import Foundation
import GGUF
import Model

package enum TinyModel {
  package static let (layers, width, feedForward, context, vocabulary) = (2, 32, 48, 1024, 262)

  /// A model of random weights; another seed gives other weights under the same header. Texts begin with a space
  /// unless `addsSpacePrefix` is false.
  package static func open(seed: UInt64 = 1, addsSpacePrefix: Bool = true) throws -> Transformer {
    let path = NSTemporaryDirectory() + "hypnos-\(UUID().uuidString).gguf"
    defer { unlink(path) }
    try write(to: path, seed: seed, addsSpacePrefix: addsSpacePrefix)
    return try open(path)
  }

  /// The model in the file at `path`.
  package static func open(_ path: String) throws -> Transformer {
    Transformer(try Checkpoint(path: path, kernels: KernelSet.available[0]), threads: 1)
  }

  /// Writes such a model to `path`.
  package static func write(to path: String, seed: UInt64 = 1, addsSpacePrefix: Bool = true) throws {
    try writer(seed: seed, addsSpacePrefix: addsSpacePrefix).write(to: path)
  }

  /// `count` tokens that look random.
  package static func prompt(_ count: Int, seed: UInt64 = 7) -> [Int32] {
    var state = seed
    return (0..<count).map { _ in Int32(3 + Int(next(&state) * 250)) }
  }

  private static func next(_ state: inout UInt64) -> Float {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Float(state >> 40) * 0x1p-24
  }

  private static func writer(seed: UInt64, addsSpacePrefix: Bool) -> GGUFWriter {
    var writer = GGUFWriter()
    writer.set("general.architecture", .string("llama"))
    let sizes = [
      ("block_count", layers), ("context_length", context), ("embedding_length", width),
      ("feed_forward_length", feedForward), ("attention.head_count", 2), ("attention.head_count_kv", 1),
    ]
    for (key, value) in sizes { writer.set("llama." + key, .int32(Int32(value))) }
    writer.set("llama.attention.layer_norm_rms_epsilon", .float32(1e-5))
    setTokenizer(&writer)
    writer.set("tokenizer.ggml.add_space_prefix", .bool(addsSpacePrefix))
    var state = seed
    func add(_ name: String, _ shape: [Int]) {
      let isNorm = shape.count == 1
      let floats = (0..<shape.reduce(1, *)).map { _ in isNorm ? 1 : next(&state) - 0.5 }
      writer.add(tensor: name, shape: shape, floats: floats)
    }
    add("token_embd.weight", [width, vocabulary])
    add("output_norm.weight", [width])
    for layer in 0..<layers {
      let shapes = [
        ("attn_norm", [width]), ("attn_q", [width, 32]), ("attn_k", [width, 16]), ("attn_v", [width, 16]),
        ("attn_output", [32, width]), ("ffn_norm", [width]), ("ffn_gate", [width, feedForward]),
        ("ffn_up", [width, feedForward]), ("ffn_down", [feedForward, width]),
      ]
      for (name, shape) in shapes { add("blk.\(layer).\(name).weight", shape) }
    }
    return writer
  }

  private static func setTokenizer(_ writer: inout GGUFWriter) {
    let bytes = (0..<256).map { String(format: "<0x%02X>", $0) }
    let tokens = ["<unk>", "<s>", "</s>"] + bytes + ["a", "b", "\u{2581}"]
    writer.set("tokenizer.ggml.model", .string("llama"))
    writer.set("tokenizer.ggml.tokens", .strings(tokens))
    writer.set("tokenizer.ggml.scores", .floats(tokens.indices.map { -Float($0) }))
    writer.set("tokenizer.ggml.token_type", .integers([2, 3, 3] + Array(repeating: 6, count: 256) + [1, 1, 1]))
    for (name, id) in [("unknown", 0), ("bos", 1), ("eos", 2)] {
      writer.set("tokenizer.ggml.\(name)_token_id", .int32(Int32(id)))
    }
  }
}
