// What happens in signal handlers, each in a process of its own.
import CSystem
import Compute
import Foundation
import Testing

@Suite struct FaultTests {
  /// A mapped file of three pages that is cut to one.
  private static func shrunkFile() throws -> MappedFile {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("shrinks-\(getpid())").path
    try Data(count: 3 * 4096).write(to: URL(fileURLWithPath: path))
    let file = try MappedFile(path: path)
    try #require(truncate(path, 4096) == 0)
    unlink(path)
    return file
  }

  @Test func aFileThatShrinksIsNamed() async throws {
    let result = await #expect(processExitsWith: .exitCode(1), observing: [\.standardErrorContent]) {
      let file = try FaultTests.shrunkFile()
      hypnos_install_fault_handler()
      let range = file.addressRange
      #expect(hypnos_watch_mapping(range.lowerBound, UInt(range.count), "model.gguf"))
      _ = file.bytes(at: 8192, length: 1)
      exit(0)
    }
    let message = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
    #expect(
      message.contains(
        "hypnos: model.gguf: the file shrank or became unreadable while in use (byte 8192). "
          + "Restore it and start again.\n"))
  }

  @Test func threadsThatMeetItTogetherNameItOnce() async throws {
    let result = await #expect(processExitsWith: .exitCode(1), observing: [\.standardErrorContent]) {
      let file = try FaultTests.shrunkFile()
      hypnos_install_fault_handler()
      let range = file.addressRange
      #expect(hypnos_watch_mapping(range.lowerBound, UInt(range.count), "model.gguf"))
      DispatchQueue.concurrentPerform(iterations: 16) { _ in _ = file.bytes(at: 8192, length: 1) }
      exit(0)
    }
    let message = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
    #expect(message.components(separatedBy: "hypnos:").count == 2)
    #expect(message.contains("(byte 8192). Restore it and start again.\n"))
  }

  @Test func otherFaultsKeepTheirAction() async {
    await #expect(processExitsWith: .signal(SIGBUS)) {
      let file = try FaultTests.shrunkFile()
      hypnos_install_fault_handler()
      let start = file.addressRange.lowerBound
      #expect(hypnos_watch_mapping(start, 4096, "another.gguf"))
      hypnos_unwatch_mapping(start)
      _ = file.bytes(at: 8192, length: 1)
      exit(0)
    }
  }

  @Test func placesRunOutAndComeBack() async {
    await #expect(processExitsWith: .success) {
      let places = UInt(HYPNOS_WATCHED_MAPPINGS)
      for place in 1...places { #expect(hypnos_watch_mapping(place << 20, 4096, "f")) }
      #expect(!hypnos_watch_mapping(1, 4096, "f"))
      hypnos_unwatch_mapping(7 << 20)
      #expect(hypnos_watch_mapping(1, 4096, "f"))
      exit(0)
    }
  }

  @Test func anInterruptIsAFlagHoweverOften() async {
    await #expect(processExitsWith: .success) {
      hypnos_install_interrupt_handler()
      // A test's own thread takes no signals. One it sends to itself has arrived when `raise` returns.
      var interrupts = sigset_t()
      sigemptyset(&interrupts)
      sigaddset(&interrupts, SIGINT)
      try #require(pthread_sigmask(SIG_UNBLOCK, &interrupts, nil) == 0)
      for _ in 0..<3 {
        #expect(raise(SIGINT) == 0)
        #expect(hypnos_interrupted())
        var wake = pollfd(fd: hypnos_interrupt_descriptor(), events: Int16(POLLIN), revents: 0)
        #expect(poll(&wake, 1, 0) == 1)
      }
      hypnos_clear_interrupt()
      #expect(!hypnos_interrupted())
      var wake = pollfd(fd: hypnos_interrupt_descriptor(), events: Int16(POLLIN), revents: 0)
      #expect(poll(&wake, 1, 0) == 0)
      exit(0)
    }
  }

  @Test func aClosedPipeIsAnError() async {
    await #expect(processExitsWith: .success) {
      hypnos_ignore_write_signals()
      var ends: [Int32] = [0, 0]
      try #require(pipe(&ends) == 0)
      close(ends[0])
      #expect(write(ends[1], "x", 1) == -1)
      #expect(errno == EPIPE)
      exit(0)
    }
  }
}
