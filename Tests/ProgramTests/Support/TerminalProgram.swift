// The program at a pseudo-terminal that is its controlling one, so that Ctrl-C is a signal and Readline
// edits. A test types on it and waits for what appears.
import Foundation

/// A running program whose standard streams are a terminal.
final class TerminalProgram {
  private let process: pid_t
  private let master: Int32
  /// All that has appeared so far, escape sequences included.
  private(set) var screen = ""
  private var bytes: [UInt8] = []
  /// How much of `bytes` earlier waiting has gone past.
  private var passed = 0
  private var hasEnded = false

  convenience init(_ arguments: String..., environment: [String: String] = [:]) throws {
    try self.init(arguments: arguments, environment: environment)
  }

  init(arguments: [String], environment: [String: String] = [:]) throws {
    let master = open("/dev/ptmx", O_RDWR | O_NOCTTY)
    var unlocked: Int32 = 0
    var number: UInt32 = 0
    // TIOCSPTLCK and TIOCGPTN: what unlockpt and ptsname do, which the Glibc module leaves out.
    guard master >= 0, ioctl(master, 0x4004_5431, &unlocked) == 0, ioctl(master, 0x8004_5430, &number) == 0
    else { throw ProgramError.notStarted(path: "/dev/ptmx", code: errno) }
    self.master = master
    let environment = Hypnos.environment.merging(environment) { $1 }
    process = try spawn(Hypnos.path, arguments, environment: environment, ownsTerminal: true) { actions in
      posix_spawn_file_actions_addopen(&actions, 0, "/dev/pts/\(number)", O_RDWR, 0)
      posix_spawn_file_actions_adddup2(&actions, 0, 1)
      posix_spawn_file_actions_adddup2(&actions, 0, 2)
    }
  }

  deinit {
    close(master)
    guard !hasEnded else { return }
    kill(process, SIGKILL)
    _ = exitStatus(of: process)
  }

  /// Types `keys`: "\r" is Enter, "\u{3}" Ctrl-C.
  func type(_ keys: String) {
    let keys = Array(keys.utf8)
    _ = write(master, keys, keys.count)
  }

  /// Waits until `text` appears behind what was waited for before; what came with and before it.
  @discardableResult
  func wait(for text: String) throws -> String {
    let sought = Array(text.utf8)
    let deadline = Deadline()
    while true {
      let fresh = bytes[passed...]
      if let start = fresh.indices.first(where: { fresh[$0...].starts(with: sought) }) {
        defer { passed = start + sought.count }
        return String(decoding: bytes[passed..<start + sought.count], as: UTF8.self)
      }
      guard try readMore(deadline, what: text) else {
        throw ProgramError.timedOut(waitingFor: text, seen: screen)
      }
    }
  }

  /// Waits until the next question can be typed; what came before.
  @discardableResult
  func waitForPrompt() throws -> String { try wait(for: "> ") }

  /// Waits until the program has ended; its exit code, or 128 and its signal.
  func finish() throws -> Int32 {
    let deadline = Deadline()
    while try readMore(deadline, what: "the end") {}
    hasEnded = true
    return exitStatus(of: process)
  }

  /// Reads what the program shows next; false when it has gone.
  private func readMore(_ deadline: Deadline, what: String) throws -> Bool {
    var ready = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
    _ = poll(&ready, 1, deadline.milliseconds)
    if deadline.hasPassed { throw ProgramError.timedOut(waitingFor: what, seen: screen) }
    guard ready.revents != 0 else { return true }
    let piece = readPiece(master)
    bytes += piece
    screen = String(decoding: bytes, as: UTF8.self)
    return !piece.isEmpty
  }
}
