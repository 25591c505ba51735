// The program between pipes, as in a shell script: input, output and error messages go side by side, so
// that neither end waits for the other.
import Foundation

/// F_SETPIPE_SZ, which the Glibc module leaves out.
private let setPipeSize: Int32 = 1031

/// A running program whose standard streams are pipes.
final class PipedProgram {
  private let process: pid_t
  private var input: Int32
  private var output: Int32
  private var errors: Int32
  private var unwritten: ArraySlice<UInt8> = []
  private var closesInput = false
  private var shown: [UInt8] = []
  private var complained: [UInt8] = []
  private var isReaped = false

  /// Starts the program; where reading its `inputReturnsAtOnce`, it does so with an error when nothing is there. Its
  /// output takes `outputPages` pages before it must be read.
  init(
    _ arguments: [String], environment: [String: String] = [:], path: String = Hypnos.path,
    inputReturnsAtOnce: Bool = false, outputPages: Int? = nil
  ) throws {
    var inputEnds: [Int32] = [0, 0]
    var outputEnds: [Int32] = [0, 0]
    var errorEnds: [Int32] = [0, 0]
    guard pipe(&inputEnds) == 0, pipe(&outputEnds) == 0, pipe(&errorEnds) == 0 else {
      throw ProgramError.notStarted(path: path, code: errno)
    }
    let childEnds = [inputEnds[0], outputEnds[1], errorEnds[1]]
    defer { childEnds.forEach { close($0) } }
    (input, output, errors) = (inputEnds[1], outputEnds[0], errorEnds[0])
    _ = fcntl(input, F_SETFL, O_NONBLOCK)
    if let outputPages { _ = fcntl(output, setPipeSize, Int32(outputPages) * Int32(getpagesize())) }
    if inputReturnsAtOnce { _ = fcntl(inputEnds[0], F_SETFL, O_NONBLOCK) }
    let environment = Hypnos.environment.merging(environment) { $1 }
    process = try spawn(path, arguments, environment: environment) { actions in
      for (stream, end) in childEnds.enumerated() {
        posix_spawn_file_actions_adddup2(&actions, end, Int32(stream))
      }
    }
  }

  deinit {
    [input, output, errors].filter { $0 >= 0 }.forEach { close($0) }
    guard !isReaped else { return }
    kill(process, SIGKILL)
    _ = exitStatus(of: process)
  }

  /// Hands the program `bytes` as it takes them.
  func write(_ bytes: some Sequence<UInt8>) {
    unwritten += bytes
  }

  /// Ends the input behind what was written.
  func closeInput() {
    closesInput = true
  }

  /// The next line of the output.
  func nextLine() throws -> String {
    try pump(until: { shown.contains(10) || output < 0 }, what: "a line of output")
    let end = shown.firstIndex(of: 10) ?? shown.endIndex
    defer { shown = Array(shown[end...].dropFirst()) }
    return String(decoding: shown[..<end], as: UTF8.self)
  }

  /// The messages up to and with the first that has `text` in it, which are taken out of what `finish` returns.
  @discardableResult
  func waitForMessage(_ text: String) throws -> String {
    func seen() -> String { String(decoding: complained, as: UTF8.self) }
    try pump(until: { seen().contains(text + "\n") || errors < 0 }, what: text)
    guard let found = seen().range(of: text + "\n") else {
      throw ProgramError.timedOut(waitingFor: text, seen: seen())
    }
    let upTo = String(seen()[..<found.upperBound])
    complained.removeFirst(upTo.utf8.count)
    return upTo
  }

  /// Sends the program `signal`.
  func send(_ signal: Int32) { kill(process, signal) }

  /// Goes away as the reader of the output.
  func closeOutput() {
    close(output)
    output = -1
  }

  /// Waits until there is some output, and reads none of it.
  func waitForOutput() throws {
    func isThere() -> Bool {
      var ready = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
      return poll(&ready, 1, 0) > 0
    }
    try pump(until: isThere, what: "output", readsOutput: false)
  }

  /// Waits for the end of the program and then reads what it showed.
  func finishUnread() throws -> Outcome {
    let unread = output
    output = -1
    try pump(until: { errors < 0 }, what: "the end")
    output = unread
    return try finish()
  }

  /// Waits for the end of the program; what it showed that was not read yet.
  func finish() throws -> Outcome {
    try pump(until: { output < 0 && errors < 0 }, what: "the end")
    isReaped = true
    return Outcome(
      status: exitStatus(of: process), output: String(decoding: shown, as: UTF8.self),
      errors: String(decoding: complained, as: UTF8.self))
  }

  private func pump(until isDone: () -> Bool, what: String, readsOutput: Bool = true) throws {
    let deadline = Deadline()
    while !isDone() {
      let writes = input >= 0 && (!unwritten.isEmpty || closesInput)
      var ready = [
        pollfd(fd: writes ? input : -1, events: Int16(POLLOUT), revents: 0),
        pollfd(fd: output, events: Int16(POLLIN), revents: 0),
        pollfd(fd: errors, events: Int16(POLLIN), revents: 0),
      ]
      _ = poll(&ready, 3, deadline.milliseconds)
      if ready[0].revents != 0 { feed() }
      if readsOutput, ready[1].revents != 0 { collect(&output, into: &shown) }
      if ready[2].revents != 0 { collect(&errors, into: &complained) }
      if deadline.hasPassed {
        throw ProgramError.timedOut(
          waitingFor: what, seen: String(decoding: shown + complained, as: UTF8.self))
      }
    }
  }

  private func feed() {
    let count = Foundation.write(input, Array(unwritten.prefix(1 << 16)), min(unwritten.count, 1 << 16))
    if count > 0 { unwritten = unwritten.dropFirst(count) }
    let isRefused = count < 0 && errno == EPIPE
    if isRefused { unwritten = [] }
    if unwritten.isEmpty, closesInput || isRefused {
      close(input)
      input = -1
    }
  }

  private func collect(_ descriptor: inout Int32, into bytes: inout [UInt8]) {
    let piece = readPiece(descriptor)
    bytes += piece
    if piece.isEmpty {
      close(descriptor)
      descriptor = -1
    }
  }
}
