// The REPL at a real pseudo-terminal, with Readline: each test runs in a process of its own, whose
// standard input and output become the terminal and where a second thread types.
import CSystem
import Common
import Foundation
import Synchronization
import Testing

@testable import Console

// The system's calls for a new pseudo-terminal, which the Glibc module leaves out.
@_silgen_name("posix_openpt") private func posixOpenpt(_ flags: Int32) -> Int32
@_silgen_name("grantpt") private func grantpt(_ master: Int32) -> Int32
@_silgen_name("unlockpt") private func unlockpt(_ master: Int32) -> Int32
@_silgen_name("ptsname") private func ptsname(_ master: Int32) -> UnsafePointer<CChar>?

/// The keyboard's end of a pseudo-terminal. Waiting ends with the process when nothing comes: `alarm`.
final class Keyboard: Sendable {
  private let master: Int32
  private let seen = Mutex("")

  /// Makes a new terminal this process's own, its standard input and its standard output.
  init() {
    setenv("TERM", "xterm", 1)
    setenv("INPUTRC", "/dev/null", 1)
    unsetenv("NO_COLOR")
    master = posixOpenpt(O_RDWR | O_NOCTTY)
    setsid()
    guard grantpt(master) == 0, unlockpt(master) == 0, let name = ptsname(master) else { exit(90) }
    let terminal = open(name, O_RDWR)
    dup2(terminal, STDIN_FILENO)
    dup2(terminal, STDOUT_FILENO)
    dup2(terminal, STDERR_FILENO)
    alarm(300)
  }

  func type(_ keys: String) {
    _ = writeAll(keys, to: master)
  }

  /// Reads what the program shows up to and with `text`; returns it.
  @discardableResult
  func wait(for text: String) -> String {
    var bytes: [UInt8] = []
    var byte: [UInt8] = [0]
    while !String(decoding: bytes, as: UTF8.self).hasSuffix(text) {
      guard read(master, &byte, 1) == 1 else { exit(91) }
      bytes.append(byte[0])
    }
    let shown = String(decoding: bytes, as: UTF8.self)
    seen.withLock { $0 += shown }
    return shown
  }
}

@Suite struct TerminalSessionTests {
  @Test func editsPastesAndInterrupts() async {
    await #expect(processExitsWith: .success) {
      setenv("LC_ALL", "C", 1)
      let keyboard = Keyboard()
      let engine = StubEngine()
      let repl = Repl(engine: engine)
      Thread.detachNewThread {
        keyboard.wait(for: "> ")
        keyboard.type("你好世界\u{1B}[D\u{1B}[D\u{7F}大\r")
        keyboard.wait(for: "<你大世界>")
        keyboard.wait(for: "> ")
        keyboard.type("abandoned")
        keyboard.wait(for: "abandoned")
        keyboard.type("\u{3}")
        keyboard.wait(for: "> ")
        keyboard.type("\u{1B}[200~first\rsecond\r\r/quit\u{1B}[201~\r")
        keyboard.wait(for: "/quit>")
        keyboard.wait(for: "> ")
        keyboard.type("endless\r")
        keyboard.wait(for: "<endless>")
        keyboard.type("\u{3}")
        keyboard.wait(for: "[stopped;")
        keyboard.wait(for: "> ")
        keyboard.type("/undo\r")
        keyboard.wait(for: "Taken back: endless")
        keyboard.wait(for: "> ")
        keyboard.type("\u{4}")
        while true { keyboard.wait(for: "\n") }
      }
      try repl.run()
      let questions = ["你大世界", "first\nsecond\n\n/quit", "endless"]
      let kept = repl.conversation.exchanges.map(\.question)
      exit(engine.questions == questions && kept == Array(questions.dropLast()) ? 0 : 1)
    }
  }

  @Test func marksOfAnUnmarkedPasteAreNotNeeded() async {
    await #expect(processExitsWith: .success) {
      let keyboard = Keyboard()
      setenv("TERM", "dumb", 1)
      let engine = StubEngine()
      let repl = Repl(engine: engine)
      Thread.detachNewThread {
        keyboard.wait(for: "> ")
        keyboard.type("first\rsecond\r/quit\r")
        while true { keyboard.wait(for: "\n") }
      }
      try repl.run()
      exit(engine.questions == ["first\nsecond"] ? 0 : 1)
    }
  }
}
