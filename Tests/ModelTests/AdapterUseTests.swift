import Compute
import Foundation
import GGUF
import Model
import Testing

/// What adapters do: the logits of PEFT, the same as merging, the same bits however computed.
@Suite struct AdapterUseTests {
  /// Some tokens of the checkpoint's vocabulary.
  private func tokens(_ checkpoint: Checkpoint) -> [Int32] {
    (0..<11).map { Int32(($0 * 7919 + 1) % checkpoint.vocabularySize) }
  }

  /// Tokens and the logits at the last two positions, by transformers and PEFT in float32, without the adapter and
  /// with it.
  private struct Expected: Decodable {
    let tokens: [Int32]
    let base: [[Float]]
    let adapted: [[Float]]
  }

  @Test(arguments: ["llama", "gemma3"]) func logitsArePEFTs(name: String) throws {
    let json = URL(filePath: try fixturePath("Adapters", name + ".json"))
    let expected = try JSONDecoder().decode(Expected.self, from: Data(contentsOf: json))
    let checkpoint = try openCheckpoint(try fixturePath("Adapters", name + ".checkpoint"))
    let model = Transformer(checkpoint, threads: 2)
    // The KV cache rounds keys and values to f16, transformers does not.
    let tolerance: Float = 2e-3
    #expect(deviation(try logits(model, expected.tokens).suffix(2), expected.base) < tolerance)
    let peft = try LoadedAdapter(
      path: try fixturePath("Adapters", name + "-peft"), for: checkpoint, scale: 1, anyBase: false)
    try model.setAdapters([peft])
    #expect(deviation(try logits(model, expected.tokens).suffix(2), expected.adapted) < tolerance)
    #expect(deviation(expected.base, expected.adapted) > 0.5)
  }

  /// Float32 checkpoints of every family.
  private static let families = [
    ("Architectures", "llama-separate-output"), ("Architectures", "qwen2"), ("Architectures", "qwen3"),
    ("Adapters", "gemma3"),
  ]

  @Test(arguments: families) func besideIsTheSameAsMerged(folder: String, name: String) throws {
    let scratch = try ScratchFolder()
    let checkpoint = try openCheckpoint(try fixturePath(folder, name + ".checkpoint"))
    let adapters = [
      LoadedAdapter(makeAdapter(for: checkpoint), path: "one", scale: 0.7),
      LoadedAdapter(
        makeAdapter(for: checkpoint, rank: 5, isRankStabilized: true, seed: 2, layers: [0]), path: "two", scale: -0.3),
    ]
    let losses = try CheckpointMerge(checkpoint, adapters: adapters, format: .f32)
      .write(to: scratch("merged.gguf"), threads: 2)
    #expect(losses.count == 7)
    #expect(losses.values.allSatisfy { abs(($0.kept ?? 0) - 1) < 1e-4 && $0.relativeError ?? 1 < 1e-4 })
    let merged = Transformer(try openCheckpoint(scratch("merged.gguf")), threads: 1)
    let beside = Transformer(checkpoint, threads: 1)
    let base = try logits(beside, tokens(checkpoint))
    try beside.setAdapters(adapters)
    let found = try logits(beside, tokens(checkpoint))
    #expect(deviation(found, try logits(merged, tokens(checkpoint))) < 1e-4)
    #expect(deviation(found, base) > 0.01)
  }

  @Test(arguments: ["llama-odd-sizes", "qwen3", "gemma3"]) func bitsAreTheSameHoweverComputed(name: String) throws {
    let path = try fixturePath("Architectures", name + ".checkpoint")
    var reference: [[Float]]?
    for kernels in KernelSet.available {
      let checkpoint = try Checkpoint(path: path, kernels: kernels)
      let adapters = [LoadedAdapter(makeAdapter(for: checkpoint, rank: 4), path: "one")]
      for threads in [1, 3] {
        let model = Transformer(checkpoint, threads: threads)
        try model.setAdapters(adapters)
        for pieces in [[], [4], Array(1..<11)] {
          let found = try logits(model, tokens(checkpoint), pieces: pieces)
          #expect(found == reference ?? found, "\(kernels.name), \(threads) threads, \(pieces.count + 1) batches")
          reference = found
        }
      }
    }
  }

  @Test func adaptersComeAndGo() throws {
    let checkpoint = try openCheckpoint(try fixturePath("Adapters", "llama.checkpoint"))
    let model = Transformer(checkpoint, threads: 1)
    let base = try logits(model, tokens(checkpoint))
    let loaded = LoadedAdapter(makeAdapter(for: checkpoint), path: "one")
    let before = model.adapterGeneration
    try model.setAdapters([loaded])
    #expect(model.adapterGeneration > before)
    #expect(try logits(model, tokens(checkpoint)) != base)
    var doubled = loaded
    doubled.scale = 2
    try model.setAdapters([doubled])
    let twice = try logits(model, tokens(checkpoint))
    try model.setAdapters([loaded, loaded])
    #expect(deviation(try logits(model, tokens(checkpoint)), twice) < 1e-4)
    try model.setAdapters([])
    #expect(try logits(model, tokens(checkpoint)) == base)
  }

  @Test func anAdapterThatOverflowsIsNamed() throws {
    let checkpoint = try openCheckpoint(try fixturePath("Adapters", "llama.checkpoint"))
    let model = Transformer(checkpoint, threads: 1)
    try model.setAdapters([LoadedAdapter(makeAdapter(for: checkpoint, size: 1e30), path: "huge.gguf")])
    do {
      _ = try logits(model, tokens(checkpoint))
      Issue.record("numbers without bounds")
    } catch ModelError.notFinite(let path, let adapters) {
      #expect(path == checkpoint.path && adapters == ["huge.gguf"])
    }
  }

  @Test func aRefusedAdapterChangesNothing() throws {
    let checkpoint = try openCheckpoint(try fixturePath("Adapters", "llama.checkpoint"))
    let other = try openCheckpoint(try fixturePath("Architectures", "llama-separate-output.checkpoint"))
    let model = Transformer(checkpoint, threads: 1)
    let loaded = LoadedAdapter(makeAdapter(for: checkpoint), path: "one")
    try model.setAdapters([loaded])
    let generation = model.adapterGeneration
    #expect(throws: AdapterError.self) {
      try model.setAdapters([LoadedAdapter(makeAdapter(for: other), path: "two")])
    }
    #expect(model.adapterGeneration == generation)
    #expect(model.adapters.map(\.path) == ["one"])
  }
}

/// Merging into a checkpoint.
@Suite struct CheckpointMergeTests {
  @Test func everythingElseIsCopiedAsItIs() throws {
    let scratch = try ScratchFolder()
    let checkpoint = try openCheckpoint(try fixturePath("Adapters", "llama.checkpoint"))
    let adapter = LoadedAdapter(makeAdapter(for: checkpoint, layers: [1]).withoutDown, path: "one")
    let losses = try CheckpointMerge(checkpoint, adapters: [adapter], format: .q8_0)
      .write(to: scratch("merged.gguf"), threads: 3)
    let file = try GGUFFile(path: scratch("merged.gguf"))
    #expect(file.metadata.keys == checkpoint.file.metadata.keys)
    for tensor in checkpoint.file.tensors {
      let merged = try #require(file.tensor(named: tensor.name))
      #expect(merged.shape == tensor.shape)
      if let target = AdapterTarget(tensorName: tensor.name), target.layer == 1, target.projection != .down {
        #expect(merged.format == .q8_0)
      } else {
        #expect(merged.format == tensor.format)
        let (theirs, ours) = (file.region(of: merged), checkpoint.file.region(of: tensor))
        #expect(
          theirs.file.bytes(at: theirs.offset, length: theirs.count)
            == ours.file.bytes(at: ours.offset, length: ours.count), "\(tensor.name)")
      }
    }
    // Steps of Q8_0 are some hundredth of the change's size here, those of Q4_0 some tenth.
    let all = losses.values.reduce(MergeLoss(), +)
    #expect(abs(try #require(all.kept) - 1) < 0.05)
    let coarse = try CheckpointMerge(checkpoint, adapters: [adapter], format: .q4_0)
      .write(to: scratch("merged.gguf"), threads: 1).values.reduce(MergeLoss(), +)
    #expect(abs(coarse.change - all.change) < 1e-9 * all.change)
    let (wide, narrow) = (try #require(coarse.relativeError), try #require(all.relativeError))
    #expect(wide > 5 * narrow)
    let status = try FileManager.default.attributesOfItem(atPath: scratch("merged.gguf"))
    #expect(status[.posixPermissions] as? Int == 0o600)
  }

  @Test func blocksThatDoNotFitAreNamed() throws {
    let checkpoint = try openCheckpoint(try fixturePath("Adapters", "llama.checkpoint"))
    let adapter = LoadedAdapter(makeAdapter(for: checkpoint), path: "one")
    // The feed-forward network is 48 wide.
    #expect {
      _ = try CheckpointMerge(checkpoint, adapters: [adapter], format: .q4_0)
    } throws: { error in
      guard case .tensor(_, "blk.0.ffn_down.weight", _, _) = error as? AdapterError else { return false }
      return true
    }
  }
}
