import Compute
import Foundation
import GGUF
import Model
import Testing

/// The adapter's two formats: round trips to the bit, and files of other programs.
@Suite struct AdapterFileTests {
  private static let families = [
    ("Adapters", "llama"), ("Architectures", "qwen2"), ("Architectures", "qwen3"), ("Adapters", "gemma3"),
  ]

  private func contents(_ path: String) throws -> Data { try Data(contentsOf: URL(filePath: path)) }

  @Test(arguments: families) func ggufToPEFTAndBackIsIdentical(folder: String, name: String) throws {
    let scratch = try ScratchFolder()
    let checkpoint = try openCheckpoint(try fixturePath(folder, name + ".checkpoint"))
    for stabilized in [false, true] {
      let adapter = makeAdapter(for: checkpoint, alpha: 6.3, isRankStabilized: stabilized, layers: [0])
      try adapter.write(gguf: scratch("first.gguf"))
      #expect(try Adapter(path: scratch("first.gguf")) == adapter)
      try Adapter(path: scratch("first.gguf")).write(peft: scratch("peft"))
      #expect(try Adapter(path: scratch("peft")) == adapter)
      try Adapter(path: scratch("peft")).write(gguf: scratch("second.gguf"))
      #expect(try contents(scratch("first.gguf")) == contents(scratch("second.gguf")))
      let written = ["first.gguf", "peft/adapter_config.json", "peft/adapter_model.safetensors"]
      for file in written {
        let attributes = try FileManager.default.attributesOfItem(atPath: scratch(file))
        #expect(attributes[.posixPermissions] as? Int == 0o600)
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: scratch("peft")).count == 2)
    }
  }

  @Test func theGGUFIsAsLlamaLoadsIt() throws {
    let scratch = try ScratchFolder()
    let checkpoint = try openCheckpoint(try fixturePath("Adapters", "llama.checkpoint"))
    try makeAdapter(for: checkpoint, rank: 4, alpha: 8, isRankStabilized: true).write(gguf: scratch("a.gguf"))
    let file = try GGUFFile(path: scratch("a.gguf"))
    #expect(try file.metadata.string("general.type") == "adapter")
    #expect(try file.metadata.string("general.architecture") == "llama")
    #expect(try file.metadata.string("adapter.type") == "lora")
    // llama.cpp divides alpha by the rank: 8 / sqrt(4) is 16 / 4.
    #expect(try file.metadata.float("adapter.lora.alpha") == 16)
    #expect(try file.metadata.string("hypnos.adapter.base.fingerprint") == checkpoint.fingerprint)
    #expect(file.tensor(named: "blk.1.ffn_down.weight.lora_a")?.shape == [48, 4])
    #expect(file.tensor(named: "blk.1.ffn_down.weight.lora_b")?.shape == [4, 32])
  }

  @Test func peftsOwnFileKeepsItsBitsThroughGGUF() throws {
    let scratch = try ScratchFolder()
    let source = try fixturePath("Adapters", "llama-peft")
    let checkpoint = try openCheckpoint(try fixturePath("Adapters", "llama.checkpoint"))
    let adapter = try Adapter(path: source, base: Adapter.Base(checkpoint))
    #expect(adapter.rank == 3)
    #expect(adapter.scale(of: adapter.parts[0]) == 2)
    #expect(adapter.parts.count == 14)
    #expect(adapter.base.name == "tiny-llama")
    // Nobody says which file it was made for, so it is not tied to this one.
    #expect(adapter.base.fingerprint == nil)
    try adapter.write(gguf: scratch("a.gguf"))
    try Adapter(path: scratch("a.gguf")).write(peft: scratch("peft"))
    let theirs = try Safetensors(contents(source + "/adapter_model.safetensors"))
    let ours = try Safetensors(contents(scratch("peft/adapter_model.safetensors")))
    #expect(theirs.tensors == ours.tensors)
    #expect(theirs.tensors.count == 28)
  }

  @Test func rowsOfLlamasQueriesAreReordered() throws {
    let checkpoint = try openCheckpoint(try fixturePath("Adapters", "llama.checkpoint"))
    let path = try fixturePath("Adapters", "llama-peft")
    let tensors = try Safetensors(contents(path + "/adapter_model.safetensors")).tensors
    let adapter = try Adapter(path: path, base: Adapter.Base(checkpoint))
    for (projection, module, isReordered) in [
      (Projection.query, "self_attn.q_proj", true), (.key, "self_attn.k_proj", true),
      (.value, "self_attn.v_proj", false), (.up, "mlp.up_proj", false),
    ] {
      let bytes = try #require(tensors["base_model.model.model.layers.1.\(module).lora_B.weight"]).bytes
      let theirs = bytes.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
      let ours = try #require(adapter.part(AdapterTarget(layer: 1, projection: projection))).matrix.b
      // Heads of eight: rows 0, 1, 2, 3 of GGUF are 0, 4, 1, 5 of transformers.
      let order = isReordered ? [0, 4, 1, 5, 2, 6, 3, 7] : Array(0..<8)
      for row in 0..<ours.count / 3 {
        let source = row / 8 * 8 + order[row % 8]
        #expect(Array(ours[row * 3..<row * 3 + 3]) == Array(theirs[source * 3..<source * 3 + 3]))
      }
    }
  }

  @Test func otherFormatsAndNamesAreRead() throws {
    let scratch = try ScratchFolder()
    for format in [BlockFormat.f16, .bf16, .q8_0] {
      var writer = GGUFWriter()
      writer.set("general.type", .string("adapter"))
      writer.set("general.architecture", .string("qwen3"))
      writer.set("adapter.type", .string("lora"))
      writer.set("adapter.lora.alpha", .float32(4))
      // Values that every format holds exactly.
      let a = (0..<32).map { Float($0 % 2 == 0 ? 127 : -64) }
      let b = (0..<32 * 32).map { Float($0 % 2 == 0 ? 127 : -64) }
      writer.add(
        tensor: "blk.7.attn_q.weight.lora_a", shape: [32, 32], format: format,
        bytes: try #require(format.encode(Array(repeating: a, count: 32).flatMap { $0 })))
      writer.add(
        tensor: "blk.7.attn_q.weight.lora_b", shape: [32, 32], format: format,
        bytes: try #require(format.encode(b)))
      try writer.write(to: scratch("a.gguf"))
      let part = try Adapter(path: scratch("a.gguf")).parts[0]
      #expect(part.target == AdapterTarget(layer: 7, projection: .query))
      #expect(part.matrix.rank == 32)
      #expect(part.matrix.a.prefix(32) == a[...] && part.matrix.b == b)
    }
  }

  @Test func irregularTargetsAndRanksSurvivePEFT() throws {
    let scratch = try ScratchFolder()
    let checkpoint = try openCheckpoint(try fixturePath("Adapters", "llama.checkpoint"))
    let small = makeAdapter(for: checkpoint, rank: 2, layers: [0]).parts.prefix(3)
    let large = makeAdapter(for: checkpoint, rank: 4, layers: [1]).parts.suffix(2)
    let adapter = Adapter(base: Adapter.Base(checkpoint), alpha: 3, parts: Array(small + large))
    try adapter.write(peft: scratch("peft"))
    #expect(try Adapter(path: scratch("peft")) == adapter)
    let text = try String(contentsOf: URL(filePath: scratch("peft/adapter_config.json")), encoding: .utf8)
    let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    #expect((object["target_modules"] as? [String])?.first == "model.layers.0.self_attn.q_proj")
    #expect((object["rank_pattern"] as? [String: Int])?.count == 3)
    #expect(object["r"] as? Int == 4)
  }

  @Test func peftIsToldTheLayers() throws {
    let scratch = try ScratchFolder()
    let checkpoint = try openCheckpoint(try fixturePath("Adapters", "llama.checkpoint"))
    try makeAdapter(for: checkpoint, layers: [0]).write(peft: scratch("peft"))
    let text = try Data(contentsOf: URL(filePath: scratch("peft/adapter_config.json")))
    let object = try #require(try JSONSerialization.jsonObject(with: text) as? [String: Any])
    #expect(object["layers_to_transform"] as? [Int] == [0])
    #expect((object["target_modules"] as? [String])?.count == 7)
  }

  @Test func normsAreThoseOfTheProduct() throws {
    let checkpoint = try openCheckpoint(try fixturePath("Adapters", "llama.checkpoint"))
    let adapter = makeAdapter(for: checkpoint, layers: [0])
    for part in adapter.parts {
      let m = part.matrix
      var sum = 0.0
      for row in 0..<m.outputWidth {
        for column in 0..<m.inputWidth {
          let value = (0..<m.rank).reduce(0.0) {
            $0 + Double(m.b[row * m.rank + $1]) * Double(m.a[$1 * m.inputWidth + column])
          }
          sum += 4 * value * value
        }
      }
      #expect(abs(adapter.norm(of: part) - sum.squareRoot()) < 1e-6 * sum.squareRoot())
    }
    // (1 + 2 i) at every place of B and 1 + p of A, with a rank above either side: B A is 2,500 (1 + p).
    let wide = LowRankMatrix(
      rank: 50, inputWidth: 3, outputWidth: 2, a: (0..<150).map { Float(1 + $0 % 3) },
      b: (0..<100).map { Float(1 + 2 * ($0 % 50)) })
    #expect(wide.squaredNorm(KernelSet.available[0]) == 2 * 2500 * 2500 * 14)
    // Squares that float32 does not hold: 2^100 and 2^-100 times themselves, each twice.
    for exponent in [100, -100] {
      let value = Float(sign: .plus, exponent: exponent, significand: 1)
      let part = LowRankMatrix(rank: 1, inputWidth: 2, outputWidth: 2, a: [value, value], b: [value, 0])
      let expected = Double(sign: .plus, exponent: 4 * exponent + 1, significand: 1)
      #expect(part.squaredNorm(KernelSet.available[0]) == expected)
    }
  }
}

/// A safetensors file as Foundation reads it, without the program's own reader.
struct Safetensors {
  struct Tensor: Equatable {
    let type: String
    let shape: [Int]
    let bytes: Data
  }
  var tensors: [String: Tensor] = [:]

  init(_ data: Data) throws {
    let length = data.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
    let header = try #require(
      try JSONSerialization.jsonObject(with: data[8..<8 + length]) as? [String: [String: Any]])
    for (name, entry) in header where name != "__metadata__" {
      let offsets = try #require(entry["data_offsets"] as? [Int])
      tensors[name] = Tensor(
        type: try #require(entry["dtype"] as? String), shape: try #require(entry["shape"] as? [Int]),
        bytes: Data(data[(8 + length + offsets[0])..<(8 + length + offsets[1])]))
    }
  }
}
