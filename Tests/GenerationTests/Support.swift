// The default checkpoint, which `make test` fetches, and a tiny one with a broken token.
import Compute
import Foundation
import GGUF
import Model
import Testing
import Text

@testable import Generation

/// A matrix of one row.
func row(_ values: [Float]) -> FloatMatrix {
  let matrix = FloatMatrix(rows: 1, width: values.count)
  matrix[row: 0] = values
  return matrix
}

/// The default checkpoint, ready to run and to be asked.
struct DefaultModel {
  let transformer: Transformer
  let prompts: PromptBuilder

  init() throws {
    let path = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../Models/SmolLM2-135M-Instruct.Q4_1.gguf").standardizedFileURL.path
    transformer = Transformer(try Checkpoint(path: path, kernels: KernelSet.available[0]), threads: 2)
    prompts = try PromptBuilder(transformer.checkpoint)
  }

  /// The prompt of one question, behind a system prompt or the template's own.
  func prompt(_ question: String, system: String? = nil) throws -> [Int32] {
    let system = system.map { [ChatMessage(role: "system", content: $0)] } ?? []
    return try prompts.tokens(system + [ChatMessage(role: "user", content: question)])
  }

  /// A note of more than a chunk of the KV cache.
  static let note = (1...24).map { "At minute \($0 * 5) the mean arterial pressure was \(60 + $0 * 7 % 31) mmHg." }
    .joined(separator: " ")
}

extension Transformer {
  /// The answer to `prompt` alone.
  func answer(_ prompt: [Int32], _ options: GenerationOptions, context: Int = 1024) throws -> Answer {
    var text = ""
    let answer = try Generator(session: Session(model: self, context: context), options: options)
      .answer(prompt) { text += $0 }
    #expect(answer.text == text)
    return answer
  }
}

extension BatchGenerator {
  /// Computes until nothing is left to do; the outcomes by ticket.
  func finish() -> [Int: Result<Answer, any Error>] {
    var results: [Int: Result<Answer, any Error>] = [:]
    while !isIdle {
      for result in step() {
        #expect(results[result.ticket] == nil)
        results[result.ticket] = result.answer
      }
    }
    return results
  }
}

/// What of an answer must not depend on how it was computed.
struct Essence: Equatable {
  let text: String
  let tokens: [Int32]
  let finish: Finish
  let logProbabilities: [Double]

  init(_ answer: Answer) {
    (text, tokens, finish) = (answer.text, answer.tokens, answer.finish)
    logProbabilities = answer.logProbabilities
  }
}

/// A llama of one layer and 262 tokens, one of which has an embedding that is not a number.
struct BrokenToken {
  static let token: Int32 = 200
  let transformer: Transformer

  init() throws {
    var writer = GGUFWriter()
    writer.set("general.architecture", .string("llama"))
    let sizes: [(String, Int32)] = [
      ("block_count", 1), ("context_length", 64), ("embedding_length", 32), ("feed_forward_length", 48),
      ("attention.head_count", 2), ("attention.head_count_kv", 1),
    ]
    for (key, value) in sizes { writer.set("llama." + key, .int32(value)) }
    writer.set("llama.attention.layer_norm_rms_epsilon", .float32(1e-5))
    let bytes = (0..<256).map { "<0x" + ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) + ">" }
    let tokens = ["<unk>", "<s>", "</s>"] + bytes + ["a", "b", "\u{2581}"]
    writer.set("tokenizer.ggml.model", .string("llama"))
    writer.set("tokenizer.ggml.tokens", .strings(tokens))
    writer.set("tokenizer.ggml.scores", .floats(tokens.indices.map { -Float($0) }))
    writer.set("tokenizer.ggml.token_type", .integers([2, 3, 3] + Array(repeating: 6, count: 256) + [1, 1, 1]))
    for (name, id) in [("unknown", 0), ("bos", 1), ("eos", 2)] {
      writer.set("tokenizer.ggml.\(name)_token_id", .int32(Int32(id)))
    }
    let shapes: [(String, [Int])] = [
      ("token_embd", [32, 262]), ("output_norm", [32]), ("output", [32, 262]), ("blk.0.attn_norm", [32]),
      ("blk.0.attn_q", [32, 32]), ("blk.0.attn_k", [32, 16]), ("blk.0.attn_v", [32, 16]),
      ("blk.0.attn_output", [32, 32]), ("blk.0.ffn_norm", [32]), ("blk.0.ffn_gate", [32, 48]),
      ("blk.0.ffn_up", [32, 48]), ("blk.0.ffn_down", [48, 32]),
    ]
    for (name, shape) in shapes {
      var values = (0..<shape.reduce(1, *)).map { Float(($0 * 7919) % 101) * 0.01 - 0.5 }
      if name == "token_embd" { values[Int(BrokenToken.token) * 32 + 5] = .nan }
      writer.add(tensor: name + ".weight", shape: shape, floats: values)
    }
    let path = NSTemporaryDirectory() + "hypnos-\(UUID().uuidString).gguf"
    defer { unlink(path) }
    try writer.write(to: path)
    transformer = Transformer(try Checkpoint(path: path, kernels: KernelSet.available[0]), threads: 1)
  }
}
