@testable import Compute
import Synchronization
import Testing

@Suite struct WorkerPoolTests {
  @Test(arguments: [1, 2, 7]) func runsEveryItemOnce(threads: Int) {
    let pool = WorkerPool(threads: threads)
    for count in [0, 1, 2, 5, 1000] {
      let sums = Mutex([Int](repeating: 0, count: count))
      for _ in 0..<20 { pool.run(count) { item, _ in sums.withLock { $0[item] += 1 } } }
      #expect(sums.withLock { $0 } == [Int](repeating: 20, count: count))
    }
  }

  @Test(arguments: [1, 2, 7]) func partsHoldEveryItemOnce(threads: Int) {
    let pool = WorkerPool(threads: threads)
    for count in [0, 1, 2, 5, 1000] {
      let sums = Mutex([Int](repeating: 0, count: count))
      for _ in 0..<20 {
        pool.runInParts(count) { item in sums.withLock { $0[item] += 1 } }
        pool.runAhead(count, inParts: true) { item, _, _ in sums.withLock { $0[item] += 1 } }
        // What was left of one kind of run is not taken in the other.
        pool.runAhead(count) { item, _, _ in sums.withLock { $0[item] += 1 } }
      }
      #expect(sums.withLock { $0 } == [Int](repeating: 60, count: count))
    }
  }

  @Test func everyThreadBeginsWithItsOwnPart() {
    let pool = WorkerPool(threads: 3)
    for _ in 0..<200 {
      let firsts = Mutex<[Int: Int]>([:])
      pool.runAhead(9, inParts: true) { item, _, thread in
        firsts.withLock { if $0[thread] == nil { $0[thread] = item } }
      }
      let found = firsts.withLock { $0 }
      #expect(found[0] == 0)
      // A thread that comes late may find its part begun, and helps others only when it is done.
      for (thread, first) in found where thread > 0 { #expect(first >= 3) }
    }
  }

  @Test func itemsTakenAheadAreRunNext() {
    let pool = WorkerPool(threads: 2)
    for inParts in [false, true] {
      let runs = Mutex<[Int: [(item: Int, next: Int?)]]>([:])
      pool.runAhead(50, inParts: inParts) { item, next, thread in
        runs.withLock { $0[thread, default: []].append((item, next)) }
      }
      for run in runs.withLock({ $0 }).values {
        #expect(run.dropFirst().map(\.item) == run.dropLast().map(\.next))
        #expect(run.last?.next == nil)
      }
    }
  }

  @Test func kernelSetsAreFoundByName() throws {
    #expect(KernelSet.available.last?.name == "scalar")
    #expect(try KernelSet.named("scalar").name == "scalar")
    #expect(try KernelSet.named(nil).name == KernelSet.available[0].name)
    #expect(throws: UnknownKernelSet.self) { try KernelSet.named("sse9") }
  }
}
