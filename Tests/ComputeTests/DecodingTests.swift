import CKernels
import Compute
import Foundation
import Testing

/// Decoding, held against the values that the `gguf` package's own dequantization gives for the same bytes.
@Suite struct DecodingTests {
  struct Sample: Decodable {
    let format: String
    let width: Int
    let bytes: Data
    let values: Data
  }

  @Test func everyFormatDecodesAsItsDefinition() throws {
    let url = try #require(Bundle.module.url(forResource: "Fixtures/dequantized", withExtension: "json"))
    let samples = try JSONDecoder().decode([Sample].self, from: Data(contentsOf: url))
    #expect(Set(samples.map(\.format)).count == BlockFormat.allCases.count - 1)
    for sample in samples {
      let format = try #require(BlockFormat.allCases.first { $0.name == sample.format })
      let expected = sample.values.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
      #expect(format.rowBytes(width: sample.width) == sample.bytes.count)
      for (name, table) in tables {
        var found = [Float](repeating: .nan, count: sample.width)
        let bytes = GuardedBytes(Array(sample.bytes))
        defer { keep(bytes) }
        table.decode(Int32(format.rawValue), bytes.pointer, sample.width, &found)
        for (a, b) in zip(found, expected) {
          #expect(abs(a - b) <= 2e-7 * max(abs(b), 0.05), "\(sample.format) on \(name)")
        }
      }
    }
  }

  @Test func formatsKnowTheirRows() {
    #expect(BlockFormat.q4_1.rowBytes(width: 576) == 360)
    #expect(BlockFormat.q6_k.rowBytes(width: 100) == nil)
    #expect(BlockFormat.f32.rowBytes(width: 0) == nil)
    #expect(BlockFormat.f32.rowBytes(width: Int.max) == nil)
  }
}
