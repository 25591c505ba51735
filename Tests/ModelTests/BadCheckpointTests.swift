import Compute
import Foundation
import GGUF
import Model
import Testing

/// Checkpoints that are well-formed files but cannot be run: each is refused with the error that says why.
@Suite struct BadCheckpointTests {
  /// A tiny llama checkpoint: one layer, width 32, heads of 16.
  static func tiny(_ change: (inout TinyCheckpoint) -> Void = { _ in }) -> TinyCheckpoint {
    var checkpoint = TinyCheckpoint()
    change(&checkpoint)
    return checkpoint
  }

  private func open(_ checkpoint: TinyCheckpoint) throws -> Checkpoint {
    let path = NSTemporaryDirectory() + "hypnos-\(UUID().uuidString).gguf"
    defer { unlink(path) }
    try checkpoint.writer.write(to: path)
    return try Checkpoint(path: path, kernels: KernelSet.available[0])
  }

  private func failure(_ change: (inout TinyCheckpoint) -> Void) -> ModelError? {
    do {
      _ = try open(Self.tiny(change))
      return nil
    } catch { return error as? ModelError }
  }

  @Test func theUnchangedOneOpens() throws {
    let checkpoint = try open(Self.tiny())
    #expect(checkpoint.vocabularySize == 262)
    #expect(checkpoint.parameters.headSize == 16)
  }

  @Test(arguments: [
    ("block_count", 0), ("block_count", -1), ("embedding_length", 0), ("attention.head_count", 0),
    ("attention.head_count", 3), ("attention.head_count_kv", 0), ("attention.head_count_kv", 5),
    ("feed_forward_length", 0), ("context_length", 0), ("context_length", 1), ("context_length", 1 << 25),
    ("rope.dimension_count", 3), ("rope.dimension_count", 64), ("embedding_length", Int(Int32.max)),
    ("feed_forward_length", 1 << 18),
    ("attention.head_count", 1 << 14),
  ])
  func impossibleSizes(key: String, value: Int) {
    guard case .value(_, let found, let offset, _) = failure({ $0.values[key] = .int32(Int32(value)) }) else {
      Issue.record("\(key) = \(value) is accepted or refused for another reason")
      return
    }
    #expect(found == "llama." + key)
    #expect(offset != nil)
  }

  @Test func architectureAndKind() {
    guard case .unsupportedArchitecture(_, "mamba") = failure({ $0.architecture = "mamba" }) else {
      Issue.record("an unknown architecture is accepted")
      return
    }
    guard case .notAModel(_, "adapter") = failure({ $0.kind = "adapter" }) else {
      Issue.record("an adapter is accepted as a model")
      return
    }
  }

  @Test func missingAndMisshapenTensors() {
    guard case .missingTensor(_, "blk.0.ffn_up.weight") = failure({ $0.shapes["blk.0.ffn_up.weight"] = [] }) else {
      Issue.record("a missing tensor is accepted")
      return
    }
    guard
      case .shape(_, "blk.0.attn_k.weight", _, [32, 8], [32, 16]) = failure({
        $0.shapes["blk.0.attn_k.weight"] = [32, 8]
      })
    else {
      Issue.record("a tensor of the wrong shape is accepted")
      return
    }
  }

  @Test(arguments: ["blk.0.ffn_down.bias", "blk.1.attn_q.weight", "output.bias"])
  func partsThatWouldBeLeftOut(name: String) {
    guard case .unsupported(_, let feature) = failure({ $0.shapes[name] = [32] }) else {
      Issue.record("\(name) is left out")
      return
    }
    #expect(feature.contains(name))
  }

  @Test func vocabularyAndEmbeddingDisagree() {
    guard case .value(_, "tokenizer.ggml.tokens", _, _) = failure({ $0.shapes["token_embd.weight"] = [32, 100] })
    else {
      Issue.record("a vocabulary of another size is accepted")
      return
    }
  }

  @Test func everyTensorIsVerified() throws {
    let checkpoint = try open(
      Self.tiny {
        $0.shapes["more.weight"] = [32, 2, 2]
        $0.broken = "more.weight"
      })
    #expect(throws: ModelError.self) { try checkpoint.verifyWeights() }
  }

  @Test func weightsThatAreNotNumbersAreNamed() throws {
    // A norm is decoded on opening; a matrix when a computation gives what is no number.
    guard case .brokenWeight(_, "output_norm.weight", _) = failure({ $0.broken = "output_norm.weight" }) else {
      Issue.record("a norm that is not a number is accepted")
      return
    }
    let path = NSTemporaryDirectory() + "hypnos-\(UUID().uuidString).gguf"
    defer { unlink(path) }
    try Self.tiny { $0.broken = "blk.0.ffn_down.weight" }.writer.write(to: path)
    let checkpoint = try Checkpoint(path: path, kernels: KernelSet.available[0])
    let model = Transformer(checkpoint, threads: 1)
    let store = model.makeStore(capacity: 16)
    do {
      _ = try model.forward([BatchRow(token: 65, store: store, position: 0)], logitRows: [0])
      Issue.record("a broken weight goes unnoticed")
    } catch {
      guard case .brokenWeight(path, "blk.0.ffn_down.weight", _) = error else {
        Issue.record("another error: \(error)")
        return
      }
    }
  }
}

/// The parts of a tiny checkpoint, each of which a test can spoil.
struct TinyCheckpoint {
  var architecture = "llama"
  var kind = "model"
  /// A tensor that gets a NaN.
  var broken: String?
  var values: [String: MetadataValue] = [
    "block_count": .int32(1), "context_length": .int32(64), "embedding_length": .int32(32),
    "feed_forward_length": .int32(48), "attention.head_count": .int32(2), "attention.head_count_kv": .int32(1),
    "attention.layer_norm_rms_epsilon": .float32(1e-5),
  ]
  var shapes: [String: [Int]] = [
    "token_embd.weight": [32, 262], "output_norm.weight": [32], "blk.0.attn_norm.weight": [32],
    "blk.0.attn_q.weight": [32, 32], "blk.0.attn_k.weight": [32, 16], "blk.0.attn_v.weight": [32, 16],
    "blk.0.attn_output.weight": [32, 32], "blk.0.ffn_norm.weight": [32], "blk.0.ffn_gate.weight": [32, 48],
    "blk.0.ffn_up.weight": [32, 48], "blk.0.ffn_down.weight": [48, 32],
  ]

  var writer: GGUFWriter {
    var writer = GGUFWriter()
    writer.set("general.architecture", .string(architecture))
    writer.set("general.type", .string(kind))
    for (key, value) in values.sorted(by: { $0.key < $1.key }) { writer.set(architecture + "." + key, value) }
    let bytes = (0..<256).map { value in
      let digits = String(value, radix: 16, uppercase: true)
      return "<0x" + (digits.count == 1 ? "0" : "") + digits + ">"
    }
    let tokens = ["<unk>", "<s>", "</s>"] + bytes + ["a", "b", "\u{2581}"]
    writer.set("tokenizer.ggml.model", .string("llama"))
    writer.set("tokenizer.ggml.tokens", .strings(tokens))
    writer.set("tokenizer.ggml.scores", .floats(tokens.indices.map { -Float($0) }))
    writer.set("tokenizer.ggml.token_type", .integers([2, 3, 3] + Array(repeating: 6, count: 256) + [1, 1, 1]))
    for (name, id) in [("unknown", 0), ("bos", 1), ("eos", 2)] {
      writer.set("tokenizer.ggml.\(name)_token_id", .int32(Int32(id)))
    }
    for (name, shape) in shapes.sorted(by: { $0.key < $1.key }) where !shape.isEmpty {
      var floats = (0..<shape.reduce(1, *)).map { Float(($0 * 7919) % 13) * 0.01 - 0.06 }
      if name == broken { floats[5] = .nan }
      writer.add(tensor: name, shape: shape, floats: floats)
    }
    return writer
  }
}
