@testable import Compute
import Glibc
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

  @Test func aThreadBeginsWithItsOwnPart() {
    let pool = WorkerPool(threads: 2)
    var beginnings = 0
    for _ in 0..<50 {
      let first = Mutex<Int?>(nil)
      let hasBegun = Atomic<Bool>(false)
      pool.runAhead(6, inParts: true) { item, _, thread in
        if thread == 1 { first.withLock { $0 = $0 ?? item } }
        if item == 3 { hasBegun.store(true, ordering: .releasing) }
        // The other thread may miss a run; it is not waited for without end.
        var patience = item == 0 ? 1_000_000 : 0
        while patience > 0, !hasBegun.load(ordering: .acquiring) {
          patience -= 1
          sched_yield()
        }
      }
      if first.withLock({ $0 }) == 3 { beginnings += 1 }
    }
    // In the items' order it would begin with 2, as it may here when it comes late.
    #expect(beginnings > 0)
  }

  @Test(arguments: [2, 7]) func anItemMayWaitForThoseBeforeIt(threads: Int) {
    let pool = WorkerPool(threads: threads)
    for takesAhead in [false, true] {
      let finished = Atomic<Int>(0)
      func wait(for item: Int) {
        while finished.load(ordering: .acquiring) < item { sched_yield() }
        finished.wrappingAdd(1, ordering: .releasing)
      }
      if takesAhead {
        pool.runAhead(200) { item, _, _ in wait(for: item) }
      } else {
        pool.run(200) { item, _ in wait(for: item) }
      }
      #expect(finished.load(ordering: .relaxed) == 200)
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
