// Files of a test, and a tiny checkpoint of random weights whose tokens are bytes.
import Compute
import Foundation
import GGUF
import Model

/// A folder of its own that goes away with the test.
final class TemporaryFolder {
  let path: String

  init() throws {
    let url = FileManager.default.temporaryDirectory.appending(path: "hypnos-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The path of a new file with `text` in the folder.
  func write(_ name: String, _ text: String) throws -> String {
    let file = path + "/" + name
    try Data(text.utf8).write(to: URL(filePath: file))
    return file
  }
}

enum TinyModel {
  static let context = 512
  private static let (layers, width, feedForward, vocabulary) = (2, 32, 48, 262)

  static func open() throws -> Transformer {
    let path = NSTemporaryDirectory() + "hypnos-\(UUID().uuidString).gguf"
    defer { unlink(path) }
    try writer().write(to: path)
    return Transformer(try Checkpoint(path: path, kernels: KernelSet.available[0]), threads: 1)
  }

  private static func writer() -> GGUFWriter {
    var writer = GGUFWriter()
    writer.set("general.architecture", .string("llama"))
    let sizes = [
      ("block_count", layers), ("context_length", context), ("embedding_length", width),
      ("feed_forward_length", feedForward), ("attention.head_count", 2), ("attention.head_count_kv", 1),
    ]
    for (key, value) in sizes { writer.set("llama." + key, .int32(Int32(value))) }
    writer.set("llama.attention.layer_norm_rms_epsilon", .float32(1e-5))
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
    var state: UInt64 = 3
    func add(_ name: String, _ shape: [Int]) {
      let floats = (0..<shape.reduce(1, *)).map { _ -> Float in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return shape.count == 1 ? 1 : Float(state >> 40) * 0x1p-24 - 0.5
      }
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
}
