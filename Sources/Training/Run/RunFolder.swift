// The folder that keeps a run: its last two states, so that a good one is there whatever happens while the next is
// written. A state is written beside them, forced to the disk and renamed, and only then is the older of the two
// removed; on a full disk before it. The folder is locked while a process works in it; it holds no text of the data, and
// its owner alone reads it.
import Compute
import Glibc

/// A run's folder.
public final class RunFolder {
  /// The most entries of the folder that are looked at.
  private static let entryLimit = 1 << 16
  private static let prefix = "state-"
  private static let probe = "probe"
  private static let temporarySuffix = ".tmp"

  /// The folder.
  public let path: String
  private let lock: Int32
  private let calls: FileCalls
  /// The number of the newest good state; 0 without one. Numbers only rise.
  private var generation = 0

  /// Opens the folder at `path`, which is made where it is not there, and locks it. Throws `busy` when another process
  /// has it.
  public convenience init(path: String) throws(RunError) { try self.init(path: path, calls: FileCalls()) }

  init(path: String, calls: FileCalls) throws(RunError) {
    self.path = path
    self.calls = calls
    if mkdir(path, 0o700) != 0, errno != EEXIST { throw .system(path: path, action: "created", code: errno) }
    lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard lock >= 0 else { throw .system(path: path, action: "opened", code: errno) }
    guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
      if errno == EWOULDBLOCK { throw .busy(folder: path) }
      throw .system(path: path, action: "locked", code: errno)
    }
    // What a killed process left half written.
    for name in try names() where RunFolder.isUnfinished(name) { calls.remove(path + "/" + name) }
  }

  deinit {
    guard lock >= 0 else { return }
    // Said aloud: a process that is just being started may hold the descriptor for a moment longer.
    flock(lock, LOCK_UN)
    close(lock)
  }

  /// Throws `alreadyBegun` unless the folder holds nothing, or a run that has not taken a step.
  public func checkIsUnused() throws(RunError) {
    guard try !generations().isEmpty else { return }
    guard let kept = try? load().kept, kept.state.progress.totalSteps == 0 else { throw .alreadyBegun(folder: path) }
  }

  /// Removes all states.
  public func clear() throws(RunError) {
    for number in try generations() { calls.remove(file(number)) }
    generation = 0
  }

  /// The newest state that is as it was written, and why newer ones are not; `nothingToResume` where there is none at
  /// all, `allDamaged` where none is good.
  public func load() throws(RunError) -> (kept: KeptState, damaged: [RunError]) {
    var damaged: [RunError] = []
    for number in try generations().reversed() {
      do throws(RunError) {
        let kept = try StateFile.read(file(number))
        generation = number
        return (kept, damaged)
      } catch {
        damaged.append(error)
      }
    }
    guard !damaged.isEmpty else { throw .nothingToResume(folder: path) }
    throw .allDamaged(folder: path, reasons: damaged.map(\.description))
  }

  /// The states that can be read, the newest first.
  func states() throws(RunError) -> [KeptState] {
    try generations().reversed().compactMap { number in try? StateFile.read(file(number)) }
  }

  /// Makes `kept` the newest state and keeps the one before it, or, if that `mayBeSpoilt`, the oldest. Where the disk has
  /// no room for three, the older of the two before is given up for it. When this throws, the newest is as it was.
  public func save(_ kept: KeptState, afterWhatMayBeSpoilt mayBeSpoilt: Bool = false) throws(RunError) {
    do {
      try write(kept, keepsOldest: mayBeSpoilt)
    } catch .system(let path, let action, let code) where code == ENOSPC || code == EDQUOT {
      guard try removeOlder() else { throw .system(path: path, action: action, code: code) }
      try write(kept, keepsOldest: mayBeSpoilt)
    }
  }

  /// Finds out whether states can be written.
  public func checkIsWritable() throws(RunError) {
    let probe = "\(path)/\(RunFolder.probe)\(RunFolder.temporarySuffix)"
    close(try calls.create(probe))
    calls.remove(probe)
  }

  /// Gives up all states but the newest good one; whether there was any.
  public func removeOlder() throws(RunError) -> Bool {
    let older = try generations().filter { $0 != generation }
    for number in older { calls.remove(file(number)) }
    return !older.isEmpty
  }

  private func write(_ kept: KeptState, keepsOldest: Bool) throws(RunError) {
    let next = generation + 1
    let temporary = file(next) + RunFolder.temporarySuffix
    do throws(RunError) {
      let descriptor = try calls.create(temporary)
      defer { close(descriptor) }
      try StateFile.write(kept) { bytes throws(RunError) in
        try calls.write(bytes, to: descriptor, of: temporary)
      }
      try calls.synchronize(descriptor, of: temporary)
      try calls.rename(temporary, to: file(next))
    } catch {
      calls.remove(temporary)
      throw error
    }
    calls.synchronizeFolder(path)
    // The new state is in its place: what cannot be tidied up now is tidied up behind the next one.
    let old = (try? generations()) ?? []
    let second = keepsOldest ? old.first : generation
    generation = next
    for number in old where number != next && number != second { calls.remove(file(number)) }
  }

  private func file(_ number: Int) -> String { "\(path)/\(RunFolder.prefix)\(number)" }

  /// The numbers of the states there are, rising.
  private func generations() throws(RunError) -> [Int] {
    try names().compactMap { RunFolder.generation($0) }.sorted()
  }

  /// The number of the state called `name`; nil when no state is called so.
  private static func generation(_ name: some StringProtocol) -> Int? {
    guard name.hasPrefix(prefix) else { return nil }
    return Int(name.dropFirst(prefix.count)).flatMap { (1..<Int(Int32.max)).contains($0) ? $0 : nil }
  }

  /// Whether `name` is that of a state being written, or of the probe. Other files in the folder are not the run's.
  private static func isUnfinished(_ name: String) -> Bool {
    guard name.hasSuffix(temporarySuffix) else { return false }
    let rest = name.dropLast(temporarySuffix.count)
    return rest == probe || generation(rest) != nil
  }

  private func names() throws(RunError) -> [String] {
    guard let names = FolderListing.names(at: path, limit: RunFolder.entryLimit) else {
      throw .system(path: path, action: "read", code: errno)
    }
    return names
  }
}
