// Which processors count: those that this process may run on, not all of the machine's.
import Testing

@testable import Compute

@Suite struct ProcessorsTests {
  @Test(arguments: [
    ("0", [0]), ("\t0-1", [0, 1]), ("1,3-5,8", [1, 3, 4, 5, 8]), ("", []), ("3-1", []), ("0-", []), ("0-1-2", []),
    ("x", []), ("0-99999999", []),
  ]) func readsTheSystemsLists(list: String, numbers: [Int]) {
    #expect(Processors.numbers(inList: list) == numbers)
  }

  @Test func thereIsAtLeastOne() {
    #expect(Processors.physicalCores >= 1)
    #expect(Processors.logical >= Processors.physicalCores)
  }
}
