// Adapters from the command line: --adapter on what answers, and `adapter show`, `convert` and `merge`.
import Foundation
import Testing

@Suite struct AdapterTests {
  private let folder: TemporaryFolder
  /// A folder as PEFT writes it, for the default checkpoint: the first layer's values, rank 2.
  private let peft: String

  init() throws {
    folder = try TemporaryFolder()
    peft = try Self.makePEFT(in: folder.path + "/ward")
  }

  /// Writes PEFT's two files by hand; `metadata` are the texts of the safetensors header.
  private static func makePEFT(in path: String, metadata: [String: String] = [:]) throws -> String {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    let configuration: [String: Any] = [
      "peft_type": "LORA", "r": 2, "lora_alpha": 4, "base_model_name_or_path": "SmolLM2-135M-Instruct",
      "target_modules": ["v_proj", "o_proj"],
    ]
    try JSONSerialization.data(withJSONObject: configuration).write(to: URL(filePath: path + "/adapter_config.json"))
    var header: [String: Any] = ["__metadata__": metadata]
    var data = Data()
    for (module, outputs) in [("v_proj", 192), ("o_proj", 576)] {
      for (half, shape) in [("A", [2, 576]), ("B", [outputs, 2])] {
        let values = (0..<shape[0] * shape[1]).map { Float(($0 * 7919) % 23 - 11) * 0.02 }
        let start = data.count
        values.withUnsafeBytes { data.append(contentsOf: $0) }
        header["base_model.model.model.layers.0.self_attn.\(module).lora_\(half).weight"] = [
          "dtype": "F32", "shape": shape, "data_offsets": [start, data.count],
        ]
      }
    }
    let text = try JSONSerialization.data(withJSONObject: header)
    let length = Data((0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) })
    try (length + text + data).write(to: URL(filePath: path + "/adapter_model.safetensors"))
    return path
  }

  private func contents(_ path: String) throws -> Data { try Data(contentsOf: URL(filePath: path)) }

  @Test func anAdapterChangesTheAnswerAndIsListed() throws {
    let question = ["ask", "--json", "--max-tokens", "12", "What is propofol?"]
    func ask(_ more: String...) throws -> [String: Any] {
      let program = try PipedProgram(question + more)
      program.closeInput()
      return try jsonObject(try program.finish().output)
    }
    let plain = try ask()
    #expect((plain["adapters"] as? [Any])?.isEmpty == true)
    let adapted = try ask("--adapter", peft + "=-8")
    let listed = try #require(adapted["adapters"] as? [[String: Any]])
    #expect(listed.map { $0["name"] as? String } == ["ward"])
    #expect(listed.map { $0["scale"] as? Double } == [-8])
    #expect(adapted["answer"] as? String != plain["answer"] as? String)
    // Two that cancel leave the base's answer.
    let none = try ask("--adapter", peft + "=0")
    #expect(none["answer"] as? String == plain["answer"] as? String)
  }

  @Test func convertsThereAndBack() throws {
    let gguf = folder.path + "/ward.gguf"
    let unsure = try Hypnos.run("adapter", "convert", peft, gguf)
    #expect(unsure.status == 1)
    #expect(
      unsure.errors == "hypnos: \(peft)/adapter_model.safetensors: does not say which base it is for, and its layout "
        + "depends on that; name the base with -m\n")
    #expect(try Hypnos.run("adapter", "convert", peft, gguf, "-m", Hypnos.checkpoint).status == 0)
    let first = try contents(gguf)
    let again = try Hypnos.run("adapter", "convert", peft, gguf, "-m", Hypnos.checkpoint)
    #expect(again.status == 1)
    #expect(again.errors == "hypnos: \(gguf): exists; give another name, or replace it with --force\n")
    #expect(try Hypnos.run("adapter", "convert", gguf, folder.path + "/back").status == 0)
    #expect(try Hypnos.run("adapter", "convert", folder.path + "/back", gguf, "--force").status == 0)
    #expect(try contents(gguf) == first)
  }

  @Test func showsWhatItIs() throws {
    let shown = try Hypnos.run("adapter", "show", peft)
    #expect(shown.status == 0)
    for line in [
      "base: SmolLM2-135M-Instruct", "architecture: not recorded", "base fingerprint: not recorded", "rank: 2",
      "alpha: 4.0", "scale: 2.0", "layers: 0", "tensors changed: 2", "values: 3840", "training: not recorded",
    ] {
      #expect(shown.lines.contains(line), "\(line)")
    }
    let object = try jsonObject(try Hypnos.run("adapter", "show", "--json", peft).output)
    #expect(object["rank"] as? Int == 2)
    #expect(Set((object["targets"] as? [String: Any] ?? [:]).keys) == ["v_proj", "o_proj"])
  }

  @Test func mergesAndSaysWhatIsLost() throws {
    let out = folder.path + "/merged.gguf"
    let merged = try Hypnos.run("adapter", "merge", peft, "--out", out, "--type", "q4_1", "--json")
    #expect(merged.errors.isEmpty)
    let report = try jsonObject(merged.output)
    #expect(report["type"] as? String == "Q4_1")
    #expect(Set((report["projections"] as? [String: Any] ?? [:]).keys) == ["v_proj", "o_proj"])
    let kept = (report["all"] as? [String: Any])?["kept"] as? Double
    #expect(kept.map { (0.0...1.2).contains($0) } == true)
    let inspected = try Hypnos.run("inspect", out)
    #expect(inspected.status == 0)
    #expect(inspected.lines.contains { $0.hasPrefix("  blk.0.attn_v.weight: Q4_1 [576 x 192]") })
    let refused = try Hypnos.run("adapter", "merge", peft, "--out", out)
    #expect(refused.errors == "hypnos: \(out): exists; give another name, or replace it with --force\n")
    let wide = try Hypnos.run("adapter", "merge", peft + "=0.5", "--out", out, "--type", "f32", "--force")
    #expect(wide.lines.contains("  in all: 100.0 % kept, rounding 0.0 %"))
    #expect(wide.lines.last == "What the adapters learnt is in the checkpoint.")
    #expect(try Hypnos.run("adapter", "merge", peft, "--out", out, "--type", "q3_k").status == 2)
    let place = try Hypnos.run("adapter", "merge", peft, "--out", folder.path, "--force")
    #expect(place.errors == "hypnos: \(folder.path): is a folder; give a file another name\n")
    let none = try Hypnos.run("adapter", "merge", peft + "=0", "--out", out, "--type", "f32", "--force")
    #expect(none.lines.contains("  in all: no change"))
    #expect(
      none.lines.last
        == "The adapters change nothing, by their values or their scale: the checkpoint is the base in F32.")
  }

  @Test func anotherBaseIsRefused() throws {
    let other = try Self.makePEFT(
      in: folder.path + "/other",
      metadata: [
        "hypnos.adapter.base.architecture": "llama", "hypnos.adapter.base.head_size": "64",
        "hypnos.adapter.base.fingerprint": "abcd",
      ])
    let refused = try Hypnos.run("score", "--adapter", other, input: "Propofol")
    #expect(refused.status == 1)
    #expect(refused.output.isEmpty)
    #expect(refused.errors.contains("was made for the base \"SmolLM2-135M-Instruct\" (\"abcd\")"))
    #expect(try Hypnos.run("score", "--adapter", other, "--adapter-any-base", input: "Propofol").status == 0)
    let wrong = try Hypnos.run("score", "--adapter", other + "=x", input: "Propofol")
    #expect(wrong.status == 2)
    #expect(wrong.errors == "hypnos: \"x\" is no scale for an adapter: FILE=SCALE takes -100 to 100\n")
  }

  @Test func theConversationTakesThemUpAndPutsThemAway() throws {
    let terminal = try TerminalProgram("--adapter", peft, "--max-tokens", "4")
    #expect(try terminal.waitForPrompt().contains("Adapter ward, scale 1"))
    terminal.type("/adapter \(peft)=0.5\r")
    try terminal.wait(for: "Adapter ward at scale 0.5, from the next answer on.")
    // Another spelling of the same folder is the same adapter.
    terminal.type("/adapter \(peft)/../ward=0.5\r")
    try terminal.wait(for: "Adapter ward at scale 0.5, from the next answer on.")
    terminal.type("/set threads 1\r")
    try terminal.wait(for: "threads = 1")
    terminal.type("/adapter\r")
    try terminal.wait(for: "ward  scale 0.5  ")
    terminal.type("/adapter off ward\r")
    try terminal.wait(for: "1 adapter put away.")
    terminal.type("/adapter nothing.gguf\r")
    try terminal.wait(for: "nothing.gguf: no such file")
    terminal.type("/quit\r")
    #expect(try terminal.finish() == 0)
  }
}
