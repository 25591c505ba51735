import Compute
import Foundation
import Generation
import Model
import Testing

/// A session whose adapters change: nothing computed under the old ones is used again.
@Suite struct AdapterSessionTests {
  private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../ModelTests/Fixtures/Adapters").standardizedFileURL.path

  @Test func aChangedAdapterForgetsTheCache() throws {
    let kernels = KernelSet.available[0]
    let checkpoint = try Checkpoint(path: Self.fixtures + "/llama.checkpoint", kernels: kernels)
    let adapter = try LoadedAdapter(
      path: Self.fixtures + "/llama-peft", for: checkpoint, scale: 1, anyBase: false)
    let prefix: [Int32] = [1, 90, 100, 110]
    let longer = prefix + [104]
    let model = Transformer(checkpoint, threads: 1)
    let session = Session(model: model, context: 16)
    let base = try session.advance(to: prefix)[row: 0]
    #expect(session.tokens == prefix)
    #expect(session.reusable(of: longer) == 4)

    try model.setAdapters([adapter])
    #expect(session.tokens.isEmpty)
    #expect(session.reusable(of: longer) == 0)
    let adapted = try session.advance(to: longer)[row: 0]
    let fresh = try Session(model: model, context: 16).advance(to: longer)[row: 0]
    #expect(adapted == fresh)
    #expect(session.reusable(of: longer + [35]) == 5)

    var weaker = adapter
    weaker.scale = 0.5
    try model.setAdapters([weaker])
    #expect(try session.advance(to: longer)[row: 0] != adapted)
    try model.setAdapters([])
    #expect(try session.advance(to: prefix)[row: 0] == base)
  }
}
