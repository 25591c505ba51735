// Transposes of quantized weights in 8 bits, made when a backward pass first meets a weight: with them gradients go
// back through the same integer products as activations go forward, several times faster than through decoded floats.
// Their memory is bounded; weights beyond it are decoded.
import CKernels
import Glibc

/// The transposes of weights met so far.
final class TransposedWeights {
  private struct Key: Hashable {
    let name: String
    let offset: Int
    let rows: Int
  }

  /// Bytes that transposes may still take.
  private var budget: Int
  private var transposes: [Key: WeightMatrix] = [:]

  /// Transposes of up to `budget` bytes in all.
  init(budget: Int) { self.budget = budget }

  /// The transpose of `weight`, [width, rows] in Q8_0, or nil where it has none: weights of floats are exact, and
  /// stay so, and a block takes 32 rows.
  func transpose(of weight: WeightMatrix, engine: ComputeEngine) -> WeightMatrix? {
    let key = Key(name: weight.name, offset: weight.region.offset, rows: weight.rows)
    if let known = transposes[key] { return known }
    guard weight.isQuantized, weight.rows % 32 == 0, let rowBytes = BlockFormat.q8_0.rowBytes(width: weight.rows),
      rowBytes * weight.width <= budget,
      let made = TransposedWeights.make(weight, rowBytes: rowBytes, engine: engine)
    else { return nil }
    budget -= rowBytes * weight.width
    transposes[key] = made
    return made
  }

  private static func make(_ weight: WeightMatrix, rowBytes: Int, engine: ComputeEngine) -> WeightMatrix? {
    let scratch = engine.scratch(rows: engine.pool.threads, width: 32 * weight.width)
    let memory = MappedFile(name: weight.name, count: rowBytes * weight.width) { bytes in
      let target = bytes.baseAddress!
      engine.pool.run(weight.rows / 32) { block, thread in
        let values = scratch.row(thread)
        engine.kernels.table.pointee.decode_rows(
          Int32(weight.format.rawValue), weight.row(block * 32), weight.rowBytes, 32, 0, weight.width, values,
          weight.width)
        for column in 0..<weight.width {
          store(values + column, stride: weight.width, at: target + column * rowBytes + block * 34)
        }
      }
    }
    guard let memory, let region = memory.region(at: 0, length: memory.count) else { return nil }
    return WeightMatrix(
      name: weight.name, format: .q8_0, rows: weight.width, width: weight.rows, region: region)
  }

  /// One block of Q8_0: an f16 scale and 32 codes.
  private static func store(_ values: UnsafePointer<Float>, stride: Int, at block: UnsafeMutableRawPointer) {
    var peak: Float = 0
    for index in 0..<32 { peak = max(peak, abs(values[index * stride])) }
    let scale = Float16(peak / 127)
    let inverse = scale > 0 ? 1 / Float(scale) : 0
    block.storeBytes(of: scale.bitPattern, as: UInt16.self)
    for index in 0..<32 {
      let code = (values[index * stride] * inverse).rounded(.toNearestOrEven)
      block.storeBytes(of: Int8(max(-127, min(127, code))), toByteOffset: 2 + index, as: Int8.self)
    }
  }
}
