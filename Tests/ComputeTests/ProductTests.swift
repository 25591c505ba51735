import CKernels
import Compute
import Foundation
import Testing

/// Products of quantized rows: every table gives the bits of `scalar`, and `scalar` what arithmetic in Double does.
@Suite struct ProductTests {
  static func product(
    _ format: BlockFormat, _ rows: UnsafePointer<UInt8>, count: Int, width: Int, columns: [Float],
    table: hypnos_kernels
  ) -> [Float] {
    let quantized = quantized(columns, width: width, by: table)
    let scratch = Aligned(hypnos_scratch_bytes(width))
    defer { keep(quantized, scratch) }
    var out = [Float](repeating: .nan, count: count * (columns.count / width))
    table.multiply(
      Int32(format.rawValue), rows, format.rowBytes(width: width)!, count, width, quantized.pointer,
      columns.count / width, &out, count, scratch.pointer, rows)
    return out
  }

  @Test(arguments: BlockFormat.quantized) func tablesAgree(format: BlockFormat) {
    var random = Random(state: UInt64(format.rawValue))
    let widths = [32, 96, 256, 512, 576, 1536].filter { $0 % format.blockWidth == 0 }
    for width in widths {
      for rows in [1, 3, 4, 17, 37, 64] {
        // The bytes end at a guard page, at an address that is a multiple of nothing.
        let bytes = GuardedBytes(format.randomRows(rows, width: width, &random))
        defer { keep(bytes) }
        for columnCount in [1, 2, 3, 4, 5, 7, 13] {
          let columns = (0..<columnCount * width).map { _ in random.float(-3...3) }
          let expected = Self.product(
            format, bytes.pointer, count: rows, width: width, columns: columns, table: scalar)
          for (name, table) in tables where name != "scalar" {
            let found = Self.product(format, bytes.pointer, count: rows, width: width, columns: columns, table: table)
            #expect(found == expected, "\(format.name) on \(name), \(rows) x \(width), \(columnCount) columns")
          }
        }
      }
    }
  }

  @Test(arguments: BlockFormat.quantized) func packedRowsGiveTheSame(format: BlockFormat) {
    var random = Random(state: UInt64(format.rawValue))
    for width in [32, 96, 256, 576, 768] where width % format.blockWidth == 0 {
      for rows in [1, 17, 37, 64] {
        let bytes = GuardedBytes(format.randomRows(rows, width: width, &random))
        defer { keep(bytes) }
        for columnCount in [1, 5, 6, 13] {
          let columns = (0..<columnCount * width).map { _ in random.float(-3...3) }
          let expected = Self.product(
            format, bytes.pointer, count: rows, width: width, columns: columns, table: scalar)
          for (name, table) in tables where table.pack != nil {
            let found = Self.packedProduct(
              format, bytes.pointer, count: rows, width: width, columns: columns, table: table)
            #expect(found == expected, "\(format.name) on \(name), \(rows) x \(width), \(columnCount) columns")
          }
        }
      }
    }
  }

  /// The product by way of packed rows, which end at a guard page: the first 32 and the others each on their own.
  private static func packedProduct(
    _ format: BlockFormat, _ rows: UnsafePointer<UInt8>, count: Int, width: Int, columns: [Float],
    table: hypnos_kernels
  ) -> [Float] {
    let (number, columnCount) = (Int32(format.rawValue), columns.count / width)
    let quantized = quantized(columns, width: width, by: table, forPanels: true)
    let scratch = Aligned(hypnos_scratch_bytes(width))
    let packed = GuardedBytes([UInt8](repeating: 0, count: table.packed_bytes(number, count, width)))
    defer { keep(quantized, scratch, packed) }
    table.pack(number, rows, format.rowBytes(width: width)!, count, width, scratch.pointer, packed.pointer)
    var out = [Float](repeating: .nan, count: count * columnCount)
    for first in stride(from: 0, to: count, by: 32) {
      let height = first == 0 ? min(32, count) : count - first
      out.withUnsafeMutableBufferPointer {
        table.multiply_packed(
          number, packed.pointer + table.packed_bytes(number, first, width), height, width, quantized.pointer,
          columnCount, $0.baseAddress! + first, count, nil)
      }
    }
    return out
  }

  @Test(arguments: BlockFormat.quantized) func scalarMatchesDouble(format: BlockFormat) {
    var random = Random(state: 99)
    let (rows, width) = (5, 768)
    let bytes = format.randomRows(rows, width: width, &random)
    // Columns whose values are whole numbers up to 127 with a 127 in each block are quantized without error.
    let columns = (0..<2 * width).map { $0 % 32 == 0 ? Float(127) : Float(Int.random(in: -127...127, using: &random)) }
    let found = Self.product(format, bytes, count: rows, width: width, columns: columns, table: scalar)
    for row in 0..<rows {
      var weights = [Float](repeating: 0, count: width)
      bytes.withUnsafeBufferPointer {
        let start = $0.baseAddress! + row * format.rowBytes(width: width)!
        scalar.decode(Int32(format.rawValue), start, width, &weights)
      }
      for column in 0..<2 {
        var exact = 0.0
        var size = 0.0
        for index in 0..<width {
          let term = Double(weights[index]) * Double(columns[column * width + index])
          exact += term
          size += abs(term)
        }
        #expect(abs(Double(found[column * rows + row]) - exact) <= 1e-6 * size)
      }
    }
  }

  /// Sums that vector sets keep in 16 bits must hold the largest there are: every code at an end of its range, every
  /// value of the columns, too.
  @Test(arguments: BlockFormat.quantized) func largestSumsFit(format: BlockFormat) {
    let (rows, width) = (5, 512)
    var random = Random(state: 4)
    for code: UInt8 in [0x00, 0x7f, 0x80, 0xff] {
      let scales = format.randomRows(rows, width: width, &random)
      let bytes = scales.indices.map { index in
        format.halfOffsets.contains { (0...1).contains(index % format.blockBytes - $0) } ? scales[index] : code
      }
      let columns = [Float](repeating: 1, count: width) + [Float](repeating: -1, count: 5 * width)
      let expected = Self.product(format, bytes, count: rows, width: width, columns: columns, table: scalar)
      for (name, table) in tables where name != "scalar" {
        let found = Self.product(format, bytes, count: rows, width: width, columns: columns, table: table)
        #expect(found == expected, "\(format.name) on \(name), codes of \(code)")
        let one = Self.product(
          format, bytes, count: rows, width: width, columns: Array(columns[..<width]), table: table)
        #expect(one == Array(expected[..<rows]), "\(format.name) on \(name), codes of \(code), one column")
      }
    }
  }

  @Test func aColumnAloneAndInCompanyIsTheSame() {
    var random = Random(state: 3)
    let width = 576
    let bytes = BlockFormat.q4_1.randomRows(40, width: width, &random)
    let columns = (0..<9 * width).map { _ in random.float(-1...1) }
    for (name, table) in tables {
      let together = Self.product(.q4_1, bytes, count: 40, width: width, columns: columns, table: table)
      for column in 0..<9 {
        let alone = Self.product(
          .q4_1, bytes, count: 40, width: width, columns: Array(columns[column * width..<(column + 1) * width]),
          table: table)
        #expect(alone == Array(together[column * 40..<(column + 1) * 40]), "\(name)")
      }
    }
  }

  @Test(arguments: [BlockFormat.f32, .f16, .bf16]) func floatRowsAgreeAndMatchDouble(format: BlockFormat) {
    var random = Random(state: 5)
    for (rows, width, columnCount) in [(1, 1, 1), (5, 33, 3), (9, 100, 6), (4, 64, 4)] {
      let values = (0..<rows * width).map { _ in random.float(-1...1) }
      let bytes = GuardedBytes(values.flatMap { format.encode($0) })
      defer { keep(bytes) }
      let columns = (0..<columnCount * width).map { _ in random.float(-1...1) }
      var expected: [Float] = []
      for (name, table) in [("scalar", scalar)] + tables {
        var found = [Float](repeating: .nan, count: rows * columnCount)
        table.multiply_floats(
          Int32(format.rawValue), bytes.pointer, width * format.blockBytes, rows, width, columns, width, columnCount,
          &found, rows)
        if expected.isEmpty { expected = found }
        #expect(found == expected, "\(name)")
      }
      for row in 0..<rows {
        for column in 0..<columnCount {
          let exact = (0..<width).reduce(0.0) {
            $0 + Double(format.round(values[row * width + $1])) * Double(columns[column * width + $1])
          }
          #expect(abs(Double(expected[column * rows + row]) - exact) < 1e-5)
        }
      }
    }
  }

  @Test func brokenInputMakesTheProductBroken() {
    var random = Random(state: 8)
    let bytes = BlockFormat.q4_0.randomRows(4, width: 64, &random)
    for bad in [Float.nan, .infinity, -.infinity] {
      var column = [Float](repeating: 1, count: 64)
      column[40] = bad
      for (name, table) in tables {
        let out = Self.product(.q4_0, bytes, count: 4, width: 64, columns: column, table: table)
        #expect(out.allSatisfy { !$0.isFinite }, "\(name) hides \(bad)")
      }
    }
  }
}

extension BlockFormat {
  /// One float in a plain format.
  fileprivate func encode(_ value: Float) -> [UInt8] {
    switch self {
    case .f16: withUnsafeBytes(of: Float16(value).bitPattern) { Array($0) }
    case .bf16: withUnsafeBytes(of: UInt16(value.bitPattern >> 16)) { Array($0) }
    default: withUnsafeBytes(of: value.bitPattern) { Array($0) }
    }
  }

  fileprivate func round(_ value: Float) -> Float {
    switch self {
    case .f16: Float(Float16(value))
    case .bf16: Float(bitPattern: value.bitPattern & 0xffff_0000)
    default: value
    }
  }
}
