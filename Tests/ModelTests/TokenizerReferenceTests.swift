import Compute
import Foundation
import Model
import Testing

/// The checkpoints' own tokenizers against llama.cpp's ids, special tokens read as text and recognized.
@Suite struct TokenizerReferenceTests {
  struct Golden: Decodable {
    struct Case: Decodable {
      let text: String
      let plain: [Int32]
      let special: [Int32]
    }
    let cases: [Case]
  }

  static let fixtures = ["SmolLM2-135M-Instruct.Q4_1.gguf": "smollm2-135m", "gemma-3-270m.Q4_K_M.gguf": "gemma3-270m"]

  @Test(arguments: ReferenceTests.present) func idsAreLlamaCpps(reference: ReferenceTests.Reference) throws {
    let name = try #require(Self.fixtures[reference.checkpoint])
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let data = try Data(contentsOf: folder.appendingPathComponent("TextTests/Fixtures/Tokenizer/\(name).json"))
    let golden = try JSONDecoder().decode(Golden.self, from: data)
    let tokenizer = try Checkpoint(path: reference.path, kernels: KernelSet.available[0]).tokenizer
    #expect(golden.cases.count > 10)
    for entry in golden.cases {
      let text = Array(entry.text.utf8)
      #expect(tokenizer.encode(text, parseSpecial: false, addBeginning: false) == entry.plain)
      #expect(tokenizer.encode(text, parseSpecial: true) == entry.special)
    }
  }
}
