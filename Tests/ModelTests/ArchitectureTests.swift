// Every architecture and rotary scaling against logits of an independent float64 implementation, on tiny
// checkpoints of random weights; and the same bits however the prompt is cut, shared out and computed.
import Compute
import Foundation
import Model
import Testing

@Suite struct ArchitectureTests {
  /// Fixtures/Architectures/NAME.checkpoint and the logits that go with it, NAME.json.
  static let fixtures = [
    // Grouped queries, an output matrix of its own.
    "llama-separate-output",
    // Three ways of stretching the rotary embedding; with linear scaling also biases, no grouped queries.
    "llama-frequency-factors", "llama-linear-scaling", "llama-yarn",
    // Sizes that are no multiple of sixteen, five query heads to one; f16 weights.
    "llama-odd-sizes",
    // Ten of twenty values of each head rotated.
    "llama-partial-rotation",
    // More positions than a chunk of the KV cache, more query heads than attention takes at once.
    "llama-long",
    "qwen2",
    // Heads wider than the width divided by their number; then YaRN with all of its settings.
    "qwen3", "qwen3-yarn",
    // Seven layers, the sixth global and linearly scaled, windows of 6 in a prompt of 24; f16 weights.
    "gemma3",
    // Windows of 40 across a chunk of the KV cache, every third layer global, a local rotary base in the
    // metadata; f16 weights.
    "gemma3-long",
  ]

  /// How far logits may lie from the expected ones.
  ///
  /// The expected logits round keys and values to f16, as the KV cache does, and nothing else, so what is
  /// left is float32 against float64: some 1e-6. But where that tips a key or value over to the neighbouring
  /// f16, which is 2^-11 to 2^-10 of it away, the logits, all within ±5, move too: by up to 6e-4 when the
  /// float64 implementation is given float32's noise in front of the rounding. The mistakes that are easily
  /// made, such as a window one off, a missing bias, another gelu or epsilon, move them by 1.3e-3 at the least.
  static let tolerance: Float = 1e-3

  @Test(arguments: fixtures) func logitsAreThoseOfTheDefinition(fixture: String) throws {
    let expected = try Expected(fixture)
    #expect(expected.positions.count >= 6)
    let found = try run(fixture, expected.tokens, kernels: KernelSet.available[0], threads: 1, pieces: [])
    for position in expected.positions {
      let logits = found[position.position]
      try #require(logits.count == position.logits.count)
      let deviation = zip(logits, position.logits).map { abs($0 - $1) }.max() ?? .infinity
      #expect(deviation <= Self.tolerance, "position \(position.position)")
    }
  }

  @Test(arguments: fixtures) func bitsAreTheSameHoweverComputed(fixture: String) throws {
    let tokens = try Expected(fixture).tokens
    let oneByOne = Array(1..<tokens.count)
    let inTwo = [tokens.count / 3 + 1]
    let reference = try run(fixture, tokens, kernels: KernelSet.available[0], threads: 1, pieces: [])
    for kernels in KernelSet.available {
      for threads in [1, 3] {
        for pieces in [[], inTwo, oneByOne] {
          let found = try run(fixture, tokens, kernels: kernels, threads: threads, pieces: pieces)
          #expect(
            found == reference, "\(kernels.name), \(threads) threads, \(pieces.count + 1) batches")
        }
      }
    }
  }

  @Test(arguments: [(26, 16.0), (62, 24.0)]) func attentionScaleOfGemma(layers: Int, divisor: Double) throws {
    // Its largest model is told by its 62 layers: there it is the width over the heads that counts, 48 / 2.
    var tiny = TinyCheckpoint()
    tiny.architecture = "gemma3"
    let shapes: [String: [Int]] = [
      "attn_norm": [48], "attn_q": [48, 32], "attn_k": [48, 16], "attn_v": [48, 16], "attn_output": [32, 48],
      "attn_q_norm": [16], "attn_k_norm": [16], "post_attention_norm": [48], "ffn_norm": [48],
      "ffn_gate": [48, 8], "ffn_up": [48, 8], "ffn_down": [8, 48], "post_ffw_norm": [48],
    ]
    tiny.shapes = ["token_embd.weight": [48, 262], "output_norm.weight": [48]]
    for layer in 0..<layers {
      for (name, shape) in shapes { tiny.shapes["blk.\(layer).\(name).weight"] = shape }
    }
    tiny.values["block_count"] = .int32(Int32(layers))
    tiny.values["embedding_length"] = .int32(48)
    tiny.values["feed_forward_length"] = .int32(8)
    tiny.values["attention.key_length"] = .int32(16)
    tiny.values["attention.sliding_window"] = .int32(8)
    let path = NSTemporaryDirectory() + "hypnos-\(UUID().uuidString).gguf"
    defer { unlink(path) }
    try tiny.writer.write(to: path)
    let checkpoint = try Checkpoint(path: path, kernels: KernelSet.available[0])
    #expect(checkpoint.parameters.attentionScale == Float(1 / divisor.squareRoot()))
  }

  /// The logits of every position, with the prompt cut before each index in `pieces`.
  private func run(
    _ fixture: String, _ tokens: [Int32], kernels: KernelSet, threads: Int, pieces: [Int]
  ) throws -> [[Float]] {
    let checkpoint = try Checkpoint(path: url(fixture, "checkpoint").path, kernels: kernels)
    let model = Transformer(checkpoint, threads: threads)
    let store = model.makeStore(capacity: tokens.count)
    var logits: [[Float]] = []
    for (start, end) in zip([0] + pieces, pieces + [tokens.count]) {
      let batch = (start..<end).map { BatchRow(token: tokens[$0], store: store, position: $0) }
      let found = try model.forward(batch, logitRows: Array(batch.indices))
      logits += batch.indices.map { found[row: $0] }
    }
    return logits
  }
}

/// A prompt and the logits [vocabulary] at some of its positions.
private struct Expected: Decodable {
  struct Position: Decodable {
    let position: Int
    let logits: [Float]
  }
  let tokens: [Int32]
  let positions: [Position]

  init(_ fixture: String) throws {
    self = try JSONDecoder().decode(Expected.self, from: Data(contentsOf: url(fixture, "json")))
  }
}

private func url(_ fixture: String, _ fileExtension: String) throws -> URL {
  try #require(
    Bundle.module.url(forResource: "Fixtures/Architectures/" + fixture, withExtension: fileExtension))
}
