// What the machine gives at best, measured with the threads and kernels in use: a speed is judged by its share of it.
import CKernels

/// The two limits of a forward pass on some threads: how fast weights come from memory, and how fast 8-bit values
/// can be multiplied and added.
public struct MachineLimits: Sendable, Equatable {
  /// Bytes a second that all threads together read from the mapping.
  public let bytesPerSecond: Double
  /// 8-bit multiply-accumulates a second that all threads together do on registers.
  public let multiplyAccumulatesPerSecond: Double

  /// Limits with given values.
  public init(bytesPerSecond: Double, multiplyAccumulatesPerSecond: Double) {
    self.bytesPerSecond = bytesPerSecond
    self.multiplyAccumulatesPerSecond = multiplyAccumulatesPerSecond
  }

  /// Measures both on the threads of `engine`: the best of `passes` readings of all of `regions`, and of as many
  /// runs of the arithmetic of some milliseconds each.
  public init(measuredOn engine: ComputeEngine, reading regions: [MappedRegion], passes: Int = 8) {
    bytesPerSecond = engine.readSpeed(regions, passes: passes)
    multiplyAccumulatesPerSecond = engine.integerSpeed(passes: passes)
  }

  /// The higher of these limits and `others`, each by itself.
  public func best(_ others: MachineLimits) -> MachineLimits {
    MachineLimits(
      bytesPerSecond: max(bytesPerSecond, others.bytesPerSecond),
      multiplyAccumulatesPerSecond: max(multiplyAccumulatesPerSecond, others.multiplyAccumulatesPerSecond))
  }

  /// The least seconds in which `bytes` can be read and `multiplyAccumulates` done, both at the same time:
  /// max(bytes / bytes a second, multiply-accumulates / multiply-accumulates a second).
  public func leastSeconds(bytes: Double, multiplyAccumulates: Double) -> Double {
    max(bytes / bytesPerSecond, multiplyAccumulates / multiplyAccumulatesPerSecond)
  }
}

extension ComputeEngine {
  /// The bytes that one item of the reading takes: enough that sharing out costs nothing beside it.
  private static let readPiece = 1 << 20

  fileprivate func readSpeed(_ regions: [MappedRegion], passes: Int) -> Double {
    var pieces: [(region: Int, offset: Int)] = []
    for (index, region) in regions.enumerated() {
      for offset in stride(from: 0, to: region.count, by: Self.readPiece) { pieces.append((index, offset)) }
    }
    let bytes = regions.reduce(0) { $0 + $1.count }
    return best(passes) {
      pool.run(pieces.count) { item, _ in
        let region = regions[pieces[item].region]
        let offset = pieces[item].offset
        let start = (region.pointer + offset).assumingMemoryBound(to: UInt8.self)
        _ = kernels.table.pointee.read_bytes(start, min(Self.readPiece, region.count - offset))
      }
      return bytes
    }
  }

  fileprivate func integerSpeed(passes: Int) -> Double {
    // A few items for each thread, so that one that starts late does not set the pace.
    let items = 8 * pool.threads
    let rounds = roundsOfAMillisecond()
    let operations = items * kernels.table.pointee.integer_peak(1) * rounds
    return best(passes) {
      pool.run(items) { _, _ in _ = kernels.table.pointee.integer_peak(rounds) }
      return operations
    }
  }

  private func roundsOfAMillisecond() -> Int {
    var rounds = 256
    while rounds < 1 << 24, seconds({ _ = kernels.table.pointee.integer_peak(rounds) }) < 1e-3 { rounds *= 2 }
    return rounds
  }

  /// The most that `body` got done in a second, of `passes` times.
  private func best(_ passes: Int, _ body: () -> Int) -> Double {
    (0..<max(passes, 1)).reduce(0) { best, _ in
      var done = 0
      let elapsed = seconds { done = body() }
      return max(best, Double(done) / elapsed)
    }
  }

  /// The seconds that `body` takes, never zero.
  private func seconds(_ body: () -> Void) -> Double {
    max(ContinuousClock().measure(body) / .nanoseconds(1), 1) * 1e-9
  }
}
