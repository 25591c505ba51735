import Compute
import Foundation
import Model
import Testing

@testable import Training

/// Losses and gradients of the default checkpoint, against PyTorch's in float32 (transformers and PEFT on the
/// dequantized weights): a batch of dialogues, rank 4 on all seven projections, of which the first and the last layer are
/// kept here. While every B is zero no term changes what another sees, so that two layers can stand for all.
@Suite struct GradientReferenceTests {
  private struct Batch: Decodable {
    struct Row: Decodable {
      let ids: [Int32]
      let lossFrom: Int
    }
    let loss: Double
    let batch: [Row]

    var examples: [TrainingExample] {
      batch.map { row in
        TrainingExample(
          tokens: row.ids, lossMask: row.ids.indices.map { $0 >= row.lossFrom }, source: .init(file: 0, line: 1))
      }
    }
  }

  private static let path: String = {
    let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    return tests.deletingLastPathComponent().path + "/Models/SmolLM2-135M-Instruct.Q4_1.gguf"
  }()
  private static let isThere = FileManager.default.fileExists(atPath: path)

  private func fixture(_ name: String) throws -> URL {
    try #require(Bundle.module.url(forResource: "Fixtures/" + name, withExtension: nil))
  }

  @Test(.enabled(if: isThere)) func lossAndGradientsAreTheReferences() throws {
    let checkpoint = try Checkpoint(path: Self.path, kernels: KernelSet.available[0])
    let base = Adapter.Base(checkpoint)
    let adapter = try Adapter(peft: try fixture("reference-adapter").path, base: base)
    let expected = AdapterParameters(try Adapter(peft: try fixture("reference-gradients").path, base: base))
    let batch = try JSONDecoder().decode(Batch.self, from: Data(contentsOf: fixture("reference-batch.json")))
    let engine = try GradientEngine(checkpoint: checkpoint, adapter: adapter, sequenceLength: 64, threads: 2)
    let targets = batch.examples.reduce(0) { $0 + $1.targetCount }

    var gradients = AdapterParameters(zerosLike: engine.parameters)
    var loss = 0.0
    for example in batch.examples {
      let sequence = PackedSequence(segments: [example])
      loss += try engine.accumulate(sequence, weight: 1 / Float(targets), dropoutSeed: 0, into: &gradients).loss
    }
    #expect(abs(loss / Double(targets) / batch.loss - 1) < 0.0005)
    #expect(gradients.matrices == expected.matrices)
    for (index, matrix) in gradients.matrices.enumerated() {
      let (found, wanted) = (gradients.values[index], expected.values[index])
      guard matrix.half == .b else {
        // Nothing reaches A through a B of zeros.
        #expect(found.allSatisfy { $0 == 0 } && wanted.allSatisfy { $0 == 0 })
        continue
      }
      let norm = dot(wanted, wanted).squareRoot()
      #expect(norm > 0)
      #expect(dot(found, wanted) / norm / dot(found, found).squareRoot() > 0.9999, "\(matrix.name)")
      #expect(abs(dot(found, found).squareRoot() / norm - 1) < 0.002, "\(matrix.name)")
    }
  }

  private func dot(_ left: [Float], _ right: [Float]) -> Double {
    zip(left, right).reduce(0) { $0 + Double($1.0) * Double($1.1) }
  }
}
