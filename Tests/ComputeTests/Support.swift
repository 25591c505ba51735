// What the kernel tests share: every table, random rows of every format, and memory that ends at a guard page.
import CKernels
import Compute
import Foundation
import Testing

/// The tables this machine runs, by name; `scalar` is always among them.
nonisolated(unsafe) let tables: [(name: String, table: hypnos_kernels)] = {
  var found: [(String, hypnos_kernels)] = []
  while let table = hypnos_available_kernels(found.count) {
    found.append((String(cString: table.pointee.name), table.pointee))
  }
  return found
}()

nonisolated(unsafe) let scalar = tables.first { $0.name == "scalar" }!.table

/// Deterministic random numbers.
struct Random: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state ^ (state >> 31)
  }
  mutating func float(_ range: ClosedRange<Float>) -> Float { Float.random(in: range, using: &self) }
}

extension BlockFormat {
  static var quantized: [BlockFormat] { allCases.filter { ![.f32, .f16, .bf16].contains($0) } }

  /// Where in a block its float16 scales and minima lie.
  var halfOffsets: [Int] {
    switch self {
    case .q4_0, .q5_0, .q8_0, .iq4_nl, .iq4_xs: [0]
    case .q4_1, .q5_1, .q4_k, .q5_k: [0, 2]
    case .q2_k: [80, 82]
    case .q3_k: [108]
    case .q6_k: [208]
    case .f32, .f16, .bf16: []
    }
  }

  /// Rows of random codes under small scales.
  func randomRows(_ rows: Int, width: Int, _ random: inout Random) -> [UInt8] {
    var bytes = (0..<rows * rowBytes(width: width)!).map { _ in UInt8.random(in: 0...255, using: &random) }
    for block in stride(from: 0, to: bytes.count, by: blockBytes) {
      for offset in halfOffsets {
        let half = Float16(random.float(0.001...0.02)).bitPattern
        bytes[block + offset] = UInt8(truncatingIfNeeded: half)
        bytes[block + offset + 1] = UInt8(half >> 8)
      }
    }
    return bytes
  }
}

/// A copy of bytes whose last one is followed by memory that must not be touched.
final class GuardedBytes {
  let pointer: UnsafeMutablePointer<UInt8>
  private let base: UnsafeMutableRawPointer
  private let size: Int

  init(_ bytes: [UInt8]) {
    let page = 4096
    let body = (bytes.count + page - 1) / page * page
    size = body + page
    base = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
    mprotect(base + body, page, PROT_NONE)
    pointer = (base + body - bytes.count).assumingMemoryBound(to: UInt8.self)
    pointer.update(from: bytes, count: bytes.count)
  }

  deinit { munmap(base, size) }
}

/// Keeps `objects` until the end of a scope in which it is deferred: pointers into their memory do not.
func keep(_ objects: AnyObject...) { withExtendedLifetime(objects) {} }

/// Memory that begins a cache line, zeroed.
final class Aligned {
  let pointer: UnsafeMutableRawPointer
  private let count: Int

  init(_ count: Int) {
    self.count = count
    pointer = .allocate(byteCount: max(count, 64), alignment: 64)
    memset(pointer, 0, max(count, 64))
  }

  deinit { pointer.deallocate() }

  var floats: UnsafeMutablePointer<Float> { pointer.assumingMemoryBound(to: Float.self) }
  var bytes: [UInt8] { Array(UnsafeRawBufferPointer(start: pointer, count: count)) }
  func array(_ count: Int) -> [Float] { Array(UnsafeBufferPointer(start: floats, count: count)) }
}

/// Columns quantized by `table`, for panels or as its `multiply` takes so many.
func quantized(
  _ columns: [Float], width: Int, by table: hypnos_kernels, forPanels: Bool? = nil
) -> Aligned {
  let bytes = hypnos_column_bytes(width)
  let count = columns.count / width
  let memory = Aligned(count * bytes)
  let layout: Int32 = forPanels ?? (count > Int(HYPNOS_STREAMED_COLUMNS)) ? 1 : 0
  for column in 0..<count {
    columns.withUnsafeBufferPointer {
      table.quantize($0.baseAddress! + column * width, width, layout, memory.pointer + column * bytes)
    }
  }
  return memory
}

/// `bytes`, rows of `width` values in `format`, as a weight in a mapped file.
func mappedWeight(_ bytes: [UInt8], _ format: BlockFormat, rows: Int, width: Int) throws -> WeightMatrix {
  let path = NSTemporaryDirectory() + "hypnos-\(UUID().uuidString)"
  defer { unlink(path) }
  try Data(bytes).write(to: URL(filePath: path))
  let file = try MappedFile(path: path)
  let region = try #require(file.region(at: 0, length: file.count))
  return try #require(WeightMatrix(name: "w", format: format, rows: rows, width: width, region: region))
}

/// One head's keys and values, [positions][size] each, as `table` stores them in up to a chunk of tiles.
struct CacheTiles {
  let keys, values: Aligned

  init(_ cache: Int32, size: Int, keys: [Float], values: [Float], table: hypnos_kernels) {
    self.keys = Aligned(16 * hypnos_key_tile_bytes(cache, size))
    self.values = Aligned(16 * hypnos_value_tile_bytes(cache, size))
    for position in 0..<keys.count / size {
      let range = position * size..<(position + 1) * size
      table.store_key(cache, Array(keys[range]), size, position, self.keys.pointer)
      table.store_value(cache, Array(values[range]), size, position, self.values.pointer)
    }
  }
}
