// A KV cache that begins with another's: the same bits as one of its own, and the other stays what it was.
import Compute
import Foundation
import Model
import Testing

@Suite struct SharedCacheTests {
  private let model: Transformer
  private let tokens: [Int32]

  init() throws {
    let url = try #require(
      Bundle.module.url(forResource: "Fixtures/Architectures/llama-long", withExtension: "checkpoint"))
    let checkpoint = try Checkpoint(path: url.path, kernels: KernelSet.available[0])
    model = Transformer(checkpoint, threads: 2)
    tokens = (0..<700).map { Int32(($0 * 7919 + 13) % checkpoint.vocabularySize) }
  }

  /// Runs `tokens` from `start` on and returns the last one's logits.
  private func run(_ tokens: [Int32], from start: Int, in store: KeyValueStore) throws -> [Float] {
    var logits: [Float] = []
    for first in stride(from: start, to: tokens.count, by: 128) {
      let batch = (first..<min(first + 128, tokens.count)).map {
        BatchRow(token: tokens[$0], store: store, position: $0)
      }
      logits = try model.forward(batch, logitRows: [batch.count - 1])[row: 0]
    }
    return logits
  }

  @Test(arguments: [1, 15, 16, 17, 255, 256, 257, 511, 512, 600]) func theBitsAreThoseOfItsOwn(count: Int) throws {
    let donor = model.makeStore(capacity: 700)
    _ = try run(Array(tokens[..<650]), from: 0, in: donor)
    let other = Array(tokens[..<count]) + tokens.reversed()[..<40]
    let store = try #require(KeyValueStore(beginningWith: count, of: donor, capacity: 700))
    let found = try run(other, from: count, in: store)
    #expect(found == (try run(other, from: 0, in: model.makeStore(capacity: 700))))
    let continued = try run(tokens, from: 650, in: donor)
    #expect(continued == (try run(tokens, from: 0, in: model.makeStore(capacity: 700))))
  }

  @Test func writingToASharedChunkLeavesTheOtherAlone() throws {
    let donor = model.makeStore(capacity: 700)
    _ = try run(Array(tokens[..<520]), from: 0, in: donor)
    let store = try #require(KeyValueStore(beginningWith: 512, of: donor, capacity: 700))
    let other = Array(tokens[..<300]) + tokens.reversed()[..<300]
    let found = try run(other, from: 300, in: store)
    #expect(found == (try run(other, from: 0, in: model.makeStore(capacity: 700))))
    let continued = try run(tokens, from: 520, in: donor)
    #expect(continued == (try run(tokens, from: 0, in: model.makeStore(capacity: 700))))
  }
}
