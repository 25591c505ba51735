import Compute
import Foundation
import GGUF
import Model
import Testing

/// Adapters that are damaged, foreign or of another base: each is refused with the error that says why.
@Suite struct BadAdapterTests {
  private let scratch: ScratchFolder
  private let checkpoint: Checkpoint

  init() throws {
    scratch = try ScratchFolder()
    checkpoint = try openCheckpoint(try fixturePath("Adapters", "llama.checkpoint"))
  }

  private func failure(_ path: String) -> AdapterError? {
    do {
      _ = try Adapter(path: path)
      return nil
    } catch { return error }
  }

  /// A folder with these two files.
  private func folder(_ configuration: String, _ tensors: Data) throws -> String {
    let path = scratch("peft-\(UUID().uuidString)")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try Data(configuration.utf8).write(to: URL(filePath: path + "/adapter_config.json"))
    try tensors.write(to: URL(filePath: path + "/adapter_model.safetensors"))
    return path
  }

  private static let configuration = #"{"peft_type": "LORA", "r": 1, "lora_alpha": 2}"#

  /// A safetensors file with this header and so many bytes of data.
  private func safetensors(_ header: String, data: Int) -> Data {
    let bytes = Array(header.utf8)
    return Data((0..<8).map { UInt8(truncatingIfNeeded: bytes.count >> (8 * $0)) }) + Data(bytes) + Data(count: data)
  }

  private func entry(_ half: String, shape: String, from: Int, to: Int, type: String = "F32") -> String {
    #""base_model.model.model.layers.0.mlp.up_proj.lora_\#(half).weight": "#
      + #"{"dtype": "\#(type)", "shape": \#(shape), "data_offsets": [\#(from), \#(to)]}"#
  }

  /// A header that is well-formed: A [1, 2], B [3, 1].
  private var header: String {
    #"{"__metadata__": {"hypnos.adapter.base.architecture": "qwen3"}, "#
      + entry("A", shape: "[1, 2]", from: 0, to: 8) + ", " + entry("B", shape: "[3, 1]", from: 8, to: 20) + "}"
  }

  @Test func theWellFormedOneIsRead() throws {
    let adapter = try Adapter(path: try folder(Self.configuration, safetensors(header, data: 20)))
    #expect(adapter.parts[0].matrix.outputWidth == 3)
  }

  @Test func aWidthOfNoModelIsRefusedBeforeItIsDecoded() throws {
    let width = 1 << 18
    let header =
      #"{"__metadata__": {"hypnos.adapter.base.architecture": "qwen3"}, "#
      + entry("A", shape: "[1, \(width)]", from: 0, to: 4 * width) + ", "
      + entry("B", shape: "[3, 1]", from: 4 * width, to: 4 * width + 12) + "}"
    let path = try folder(Self.configuration, safetensors(header, data: 4 * width + 12))
    guard case .tensor(_, _, _, let reason) = failure(path) else {
      Issue.record("a width of \(width) is accepted")
      return
    }
    #expect(reason.contains("larger than any model's"))
  }

  @Test func aSafetensorsFileCutAnywhereIsRefused() throws {
    let whole = safetensors(header, data: 20)
    for length in 0..<whole.count {
      let error = failure(try folder(Self.configuration, whole.prefix(length)))
      guard case .safetensors = error else {
        Issue.record("cut at \(length): \(String(describing: error))")
        continue
      }
    }
    guard case .safetensors(.trailingBytes(_, 1)) = failure(try folder(Self.configuration, whole + [0])) else {
      Issue.record("a byte too many is accepted")
      return
    }
  }

  @Test func aGGUFAdapterCutAnywhereIsRefused() throws {
    let adapter = makeAdapter(for: checkpoint, rank: 1, layers: [0])
    try adapter.write(gguf: scratch("whole.gguf"))
    let whole = try Data(contentsOf: URL(filePath: scratch("whole.gguf")))
    let file = try GGUFFile(path: scratch("whole.gguf"))
    let cuts = Array(0..<file.headerLength) + [file.headerLength, whole.count / 2, whole.count - 1]
    for length in cuts {
      try whole.prefix(length).write(to: URL(filePath: scratch("cut.gguf")))
      guard case .file = failure(scratch("cut.gguf")) else {
        Issue.record("cut at \(length)")
        continue
      }
    }
  }

  @Test func mutatedFilesNeverTrap() throws {
    var state: UInt64 = 17
    func number(_ limit: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % limit
    }
    let whole = safetensors(header, data: 20)
    for _ in 0..<400 {
      var bytes = whole
      for _ in 0...number(3) { bytes[number(bytes.count - 20)] = UInt8(number(256)) }
      _ = failure(try folder(Self.configuration, bytes))
    }
  }

  @Test func headerEntriesThatCannotBe() throws {
    func refusal(_ entries: String, data: Int = 20) throws -> SafetensorsError? {
      guard case .safetensors(let error) = failure(try folder(Self.configuration, safetensors(entries, data: data)))
      else { return nil }
      return error
    }
    let b = entry("B", shape: "[3, 1]", from: 8, to: 20)
    for a in [
      entry("A", shape: "[1, 2]", from: 0, to: 8, type: "I64"), entry("A", shape: "[1, 3]", from: 0, to: 8),
      entry("A", shape: "[0, 2]", from: 0, to: 0), entry("A", shape: "[-1, -2]", from: 0, to: 8),
      entry("A", shape: "[4294967296, 4294967296]", from: 0, to: 8), entry("A", shape: "[]", from: 0, to: 4),
      entry("A", shape: "[1, 2]", from: 8, to: 0), entry("A", shape: "[1, 2]", from: -8, to: 0),
      #""x": 3"#, #""x": {}"#, #""__metadata__": {"format": 3}"#,
    ] {
      guard case .entry = try refusal("{\(a), \(b)}") else {
        Issue.record("accepted: \(a)")
        continue
      }
    }
    for a in [
      entry("A", shape: "[1, 2]", from: 4, to: 12), entry("A", shape: "[1, 2]", from: 20, to: 28),
      entry("A", shape: "[1, 2]", from: 9_223_372_036_854_775_799, to: 9_223_372_036_854_775_807),
    ] {
      guard case .place = try refusal("{\(a), \(b)}") else {
        Issue.record("accepted: \(a)")
        continue
      }
    }
    guard case .header = try refusal("{\"x\": ") else {
      Issue.record("broken JSON is accepted")
      return
    }
    var endless = safetensors(header, data: 20)
    endless.replaceSubrange(0..<8, with: repeatElement(0xff, count: 8))
    guard case .safetensors(.headerLength) = failure(try folder(Self.configuration, endless)) else {
      Issue.record("an endless header is accepted")
      return
    }
  }

  @Test(arguments: [
    (#"{"peft_type": "LOHA", "r": 1, "lora_alpha": 2}"#, "LOHA"),
    (#"{"peft_type": "LORA", "r": 1, "lora_alpha": 2, "use_dora": true}"#, "use_dora"),
    (#"{"peft_type": "LORA", "r": 1, "lora_alpha": 2, "bias": "all"}"#, "bias"),
    (#"{"peft_type": "LORA", "r": 1, "lora_alpha": 2, "init_lora_weights": "pissa_niter_4"}"#, "pissa"),
    (#"{"peft_type": "LORA", "r": 1, "lora_alpha": 2, "modules_to_save": ["lm_head"]}"#, "modules_to_save"),
    (#"{"peft_type": "LORA", "r": 1, "lora_alpha": 2, "alpha_pattern": {"q_proj": 3}}"#, "alpha_pattern"),
    (#"{"peft_type": "LORA", "r": 0, "lora_alpha": 2}"#, " r: "),
    (#"{"peft_type": "LORA", "r": 2, "lora_alpha": 2}"#, "a rank of 1, but adapter_config.json says 2"),
    (#"{"peft_type": "LORA", "r": 1, "lora_alpha": -2}"#, "lora_alpha"),
    (#"{"peft_type": "LORA", "r": 1, "lora_alpha": 1e300}"#, "lora_alpha"),
    (#"{"peft_type": "LORA", "r": 1, "lora_alpha": 2, "use_rslora": 3}"#, "use_rslora"),
    (#"{"r": 1}"#, "peft_type"), ("[]", "not a JSON object"), ("{", "JSON"),
  ])
  func configurationsThatCannotBe(configuration: String, expected: String) throws {
    let path = try folder(configuration, safetensors(header, data: 20))
    let message = failure(path).map { "\($0)" } ?? "accepted"
    #expect(message.hasPrefix(path + "/adapter_"))
    #expect(message.contains(expected), "\(message)")
  }

  @Test func filesThatAreMissingAreNamed() throws {
    let message = failure(scratch.path).map { "\($0)" } ?? ""
    #expect(message.contains("/adapter_config.json: cannot be opened: No such file"))
    let path = try folder(Self.configuration, Data())
    try FileManager.default.removeItem(atPath: path + "/adapter_model.safetensors")
    try Data().write(to: URL(filePath: path + "/adapter_model.bin"))
    guard case .notAnAdapter(path, let reason) = failure(path) else {
      Issue.record("another form of the tensors is told of")
      return
    }
    #expect(reason.hasPrefix("it holds adapter_model.bin, but only one adapter_model.safetensors is read"))
    guard case .file(let error) = failure(scratch("none.gguf")), error.kind == .missing else {
      Issue.record("a missing file is found")
      return
    }
  }

  /// What a GGUF adapter is refused with after `change`.
  private func refusal(_ change: (inout GGUFWriter) -> Void) throws -> String {
    var writer = GGUFWriter()
    writer.set("general.type", .string("adapter"))
    writer.set("general.architecture", .string("llama"))
    writer.set("adapter.type", .string("lora"))
    writer.set("adapter.lora.alpha", .float32(4))
    writer.add(tensor: "blk.0.attn_q.weight.lora_a", shape: [32, 2], floats: Array(repeating: 1, count: 64))
    writer.add(tensor: "blk.0.attn_q.weight.lora_b", shape: [2, 32], floats: Array(repeating: 1, count: 64))
    change(&writer)
    try writer.write(to: scratch("bad.gguf"))
    return failure(scratch("bad.gguf")).map { "\($0)" } ?? "accepted"
  }

  @Test func ggufAdaptersThatCannotBe() throws {
    #expect(try refusal { _ in } == "accepted")
    #expect(try refusal { $0.set("general.type", .string("model")) }.contains("is not an adapter"))
    #expect(try refusal { $0.set("general.architecture", .string("mamba")) }.contains("mamba"))
    #expect(try refusal { $0.set("adapter.type", .string("control")) }.contains("control"))
    #expect(try refusal { $0.set("adapter.lora.alpha", .float32(.nan)) }.contains("adapter.lora.alpha"))
    #expect(try refusal { $0.set("adapter.lora.alpha", .string("4")) }.contains("adapter.lora.alpha"))
    #expect(try refusal { $0.set("hypnos.adapter.rslora.alpha", .float32(4)) }.contains("does not go with"))
    #expect(try refusal { $0.set("hypnos.adapter.base.head_size", .int32(-2)) }.contains("head_size"))
    #expect(try refusal { $0.set("adapter.alora.invocation_tokens", .integers([1])) }.contains("aLoRA"))
    func adding(_ name: String, _ shape: [Int], _ value: Float = 1) throws -> String {
      try refusal {
        $0.add(tensor: name, shape: shape, floats: Array(repeating: value, count: shape.reduce(1, *)))
      }
    }
    #expect(try adding("token_embd.weight", [4, 4]).contains("neither a .lora_a nor a .lora_b"))
    #expect(try adding("blk.0.attn_k.weight.lora_a", [4, 4]).contains("has no .lora_b"))
    #expect(try adding("blk.0.attn_k.weight.lora_b", [4, 4]).contains("has no .lora_a"))
    let pair = try refusal {
      $0.add(tensor: "blk.0.attn_k.weight.lora_a", shape: [32, 2], floats: Array(repeating: 1, count: 64))
      $0.add(tensor: "blk.0.attn_k.weight.lora_b", shape: [3, 16], floats: Array(repeating: 1, count: 48))
    }
    #expect(pair.contains("does not go with"))
    let broken = try refusal {
      $0.add(tensor: "blk.0.attn_k.weight.lora_a", shape: [32, 1], floats: [.nan] + Array(repeating: 1, count: 31))
      $0.add(tensor: "blk.0.attn_k.weight.lora_b", shape: [1, 16], floats: Array(repeating: 1, count: 16))
    }
    #expect(broken.contains("not a finite number"))
    let embedding = try refusal {
      $0.add(tensor: "output.weight.lora_a", shape: [32, 1], floats: Array(repeating: 1, count: 32))
      $0.add(tensor: "output.weight.lora_b", shape: [1, 16], floats: Array(repeating: 1, count: 16))
    }
    #expect(embedding.contains("changing tensor \"output.weight\" is not supported"))
  }

  @Test func anotherBaseIsRefusedAndBothAreNamed() throws {
    var adapter = makeAdapter(for: checkpoint)
    try adapter.check(fits: checkpoint, path: "a")
    adapter.base.fingerprint = "0123"
    adapter.base.name = "ward model"
    do {
      try adapter.check(fits: checkpoint, path: "a.gguf")
      Issue.record("another base is accepted")
    } catch {
      for part in ["a.gguf", "ward model", "0123", checkpoint.path, checkpoint.fingerprint, "--adapter-any-base"] {
        #expect("\(error)".contains(part))
      }
    }
    try adapter.check(fits: checkpoint, path: "a.gguf", anyBase: true)
    adapter.base.fingerprint = nil
    try adapter.check(fits: checkpoint, path: "a.gguf")
  }

  @Test func whatDoesNotFitIsRefusedEvenIfForced() throws {
    func check(_ adapter: Adapter) -> AdapterError? {
      do {
        try adapter.check(fits: checkpoint, path: "a", anyBase: true)
        return nil
      } catch { return error }
    }
    var other = makeAdapter(for: checkpoint)
    other.base.architecture = .qwen2
    guard case .otherArchitecture(_, "qwen2", _, "llama") = check(other) else {
      Issue.record("another family is accepted")
      return
    }
    guard case .noSuchTensor(_, "blk.2.attn_q.weight", _) = check(makeAdapter(for: checkpoint, layers: [0, 2])) else {
      Issue.record("a third layer of two is accepted")
      return
    }
    let wide = Adapter.Part(
      target: AdapterTarget(layer: 0, projection: .value),
      matrix: LowRankMatrix(
        rank: 1, inputWidth: 32, outputWidth: 32, a: Array(repeating: 0, count: 32),
        b: Array(repeating: 0, count: 32)))
    guard
      case .shape(_, "blk.0.attn_v.weight", [32, 32], _, [16, 32]) = check(
        Adapter(base: Adapter.Base(checkpoint), alpha: 1, parts: [wide]))
    else {
      Issue.record("another shape is accepted")
      return
    }
  }

  @Test func argumentsAreTakenApart() throws {
    #expect(try AdapterArgument("a.gguf").scale == nil)
    #expect(try AdapterArgument("a.gguf=0.5") == AdapterArgument("a.gguf=.5"))
    #expect(try AdapterArgument("a=b.gguf=-2").path == "a=b.gguf")
    try Data().write(to: URL(filePath: scratch("x=3")))
    #expect(try AdapterArgument(scratch("x=3")).scale == nil)
    for text in ["a=", "a=x", "a=nan", "a=inf", "a=101"] {
      #expect(throws: AdapterArgument.BadScale.self) { try AdapterArgument(text) }
    }
  }
}
