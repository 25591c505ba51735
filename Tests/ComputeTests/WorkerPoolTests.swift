import Compute
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

  @Test func kernelSetsAreFoundByName() throws {
    #expect(KernelSet.available.last?.name == "scalar")
    #expect(try KernelSet.named("scalar").name == "scalar")
    #expect(try KernelSet.named(nil).name == KernelSet.available[0].name)
    #expect(throws: UnknownKernelSet.self) { try KernelSet.named("sse9") }
  }
}
