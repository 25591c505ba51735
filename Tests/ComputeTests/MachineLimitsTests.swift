// The limits that speeds are held against: what the kernels read and count, and the arithmetic on the limits.
import CKernels
import Compute
import Foundation
import Testing

@Suite struct MachineLimitsTests {
  @Test func everyByteIsRead() {
    var random = Random(state: 5)
    // Whole numbers of 256 bytes, at an address that is a multiple of nothing, in front of a guard page.
    for count in [0, 256, 1024, 8192 + 256] {
      let values = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
      var expected: UInt64 = 0
      for start in stride(from: 0, to: count, by: 8) {
        expected &+= (0..<8).reduce(0) { $0 | UInt64(values[start + $1]) << (8 * UInt64($1)) }
      }
      let bytes = GuardedBytes(values)
      defer { keep(bytes) }
      for (name, table) in tables {
        #expect(table.read_bytes(bytes.pointer, count) == expected, "\(name), \(count) bytes")
      }
    }
  }

  @Test func multiplyAccumulatesAreCounted() {
    for (name, table) in tables {
      #expect(table.integer_peak(0) == 0)
      #expect(table.integer_peak(1) >= 64, "\(name)")
      #expect(table.integer_peak(7) == 7 * table.integer_peak(1), "\(name)")
    }
  }

  @Test func limitsAreMeasuredOnEveryKernelSet() throws {
    let path = NSTemporaryDirectory() + "hypnos-\(UUID().uuidString)"
    try Data(repeating: 7, count: 3 << 20).write(to: URL(filePath: path))
    defer { unlink(path) }
    let file = try MappedFile(path: path)
    let region = try #require(file.region(at: 100, length: file.count - 100))
    for kernels in KernelSet.available {
      for threads in [1, 3] {
        let engine = ComputeEngine(kernels: kernels, threads: threads)
        let limits = MachineLimits(measuredOn: engine, reading: [region], passes: 1)
        #expect(limits.bytesPerSecond > 0 && limits.bytesPerSecond.isFinite)
        #expect(limits.multiplyAccumulatesPerSecond > 0 && limits.multiplyAccumulatesPerSecond.isFinite)
      }
    }
  }

  @Test func theLongerOfReadingAndArithmeticCounts() {
    let limits = MachineLimits(bytesPerSecond: 100, multiplyAccumulatesPerSecond: 1000)
    #expect(limits.leastSeconds(bytes: 50, multiplyAccumulates: 100) == 0.5)
    #expect(limits.leastSeconds(bytes: 50, multiplyAccumulates: 2000) == 2)
  }

  /// A moment may have been good for reading and bad for arithmetic.
  @Test func theBestOfTwoMomentsIsTakenOfEach() {
    let one = MachineLimits(bytesPerSecond: 100, multiplyAccumulatesPerSecond: 1000)
    let other = MachineLimits(bytesPerSecond: 90, multiplyAccumulatesPerSecond: 2000)
    #expect(one.best(other) == MachineLimits(bytesPerSecond: 100, multiplyAccumulatesPerSecond: 2000))
    #expect(other.best(one) == one.best(other))
  }
}
