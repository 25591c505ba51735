import Testing

@testable import Compute

/// What the system says of its memory.
@Suite struct SystemMemoryTests {
  @Test func aContainersLimitCounts() {
    #expect(SystemMemory.total(physical: 1000, limits: [nil, nil]) == 1000)
    // Version 2 of control groups says "max" where there is none, version 1 a number near 2^63.
    #expect(SystemMemory.total(physical: 1000, limits: ["max", "9223372036854771712"]) == 1000)
    #expect(SystemMemory.total(physical: 1000, limits: ["400", nil]) == 400)
    #expect(SystemMemory.total(physical: 1000, limits: ["0", "-1"]) == 1000)
    #expect(SystemMemory.total > 0)
  }

  @Test func whatIsAvailableIsRead() {
    let status = ["MemTotal:       24684096 kB", "MemFree:        22897052 kB", "MemAvailable:   24164416 kB"]
    #expect(SystemMemory.available(of: .max, status: status) == 24_164_416 * 1024)
    #expect(SystemMemory.available(of: 1000, status: status) == 1000)
    for broken in [[], ["MemAvailable:"], ["MemAvailable: much kB"], ["MemAvailable: 9223372036854775807 kB"]] {
      #expect(SystemMemory.available(of: 1000, status: broken) == 1000)
    }
    #expect(SystemMemory.available > 0 && SystemMemory.available <= SystemMemory.total)
    #expect(SystemFile.lines("/no such file").isEmpty && SystemFile.firstLine("/proc/meminfo") != nil)
  }
}
