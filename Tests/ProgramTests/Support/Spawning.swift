// Starting a process on given descriptors, and waiting on descriptors with an end to the patience.
import Foundation

// Closes what is open from a descriptor on; the Glibc module leaves it out.
@_silgen_name("posix_spawn_file_actions_addclosefrom_np")
private func addCloseFrom(_ actions: UnsafeMutablePointer<posix_spawn_file_actions_t>, _ first: Int32) -> Int32

/// What went wrong around the program under test rather than in it.
enum ProgramError: Error {
  case notStarted(path: String, code: Int32)
  /// The program did nothing more before the time was up; `seen` is what it showed.
  case timedOut(waitingFor: String, seen: String)
}

/// Starts `path` on file actions that `prepare` adds; nothing but its standard streams is open in it.
/// With `ownsTerminal` it leads a session of its own, so that the terminal it opens becomes its own.
func spawn(
  _ path: String, _ arguments: [String], environment: [String: String], ownsTerminal: Bool = false,
  prepare: (inout posix_spawn_file_actions_t) -> Void
) throws -> pid_t {
  // A program that ends early must not take the tests with it.
  signal(SIGPIPE, SIG_IGN)
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  prepare(&actions)
  _ = addCloseFrom(&actions, 3)

  var attributes = posix_spawnattr_t()
  posix_spawnattr_init(&attributes)
  defer { posix_spawnattr_destroy(&attributes) }
  var defaults = sigset_t()
  sigemptyset(&defaults)
  sigaddset(&defaults, SIGPIPE)
  sigaddset(&defaults, SIGINT)
  posix_spawnattr_setsigdefault(&attributes, &defaults)
  // Threads of the tests have signals blocked, which a program would inherit.
  var blocked = sigset_t()
  sigemptyset(&blocked)
  posix_spawnattr_setsigmask(&attributes, &blocked)
  let newSession: Int32 = 0x80  // POSIX_SPAWN_SETSID, which the Glibc module leaves out.
  let flags = Int32(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK) | (ownsTerminal ? newSession : 0)
  posix_spawnattr_setflags(&attributes, Int16(flags))

  let argumentStrings = ([path] + arguments).map { strdup($0) } + [nil]
  let environmentStrings = environment.filter { !$0.value.isEmpty }.map { strdup("\($0)=\($1)") } + [nil]
  defer { (argumentStrings + environmentStrings).forEach { free($0) } }
  var process = pid_t()
  let code = posix_spawn(&process, path, &actions, &attributes, argumentStrings, environmentStrings)
  guard code == 0 else { throw ProgramError.notStarted(path: path, code: code) }
  return process
}

/// Waits for `process`, which has closed its output or was killed; its exit code, or 128 and its signal.
func exitStatus(of process: pid_t) -> Int32 {
  var status: Int32 = 0
  while waitpid(process, &status, 0) < 0, errno == EINTR {}
  let signal = status & 0x7f
  return signal == 0 ? (status >> 8) & 0xff : 128 + signal
}

/// How long a program may take for one thing: far more than it needs on a busy machine.
struct Deadline {
  private let end = ContinuousClock.now + .seconds(300)

  /// What is left in milliseconds, 0 when it has passed.
  var milliseconds: Int32 {
    let left = end - ContinuousClock.now
    return max(0, Int32(clamping: left.components.seconds * 1000 + 1000))
  }

  var hasPassed: Bool { ContinuousClock.now >= end }
}

/// The bytes that can be read from `descriptor`, which is ready; empty at its end.
func readPiece(_ descriptor: Int32) -> ArraySlice<UInt8> {
  var piece = [UInt8](repeating: 0, count: 1 << 16)
  let count = read(descriptor, &piece, piece.count)
  return piece.prefix(max(0, count))
}
