import Foundation
import Testing

@testable import Training

/// A run that is stopped, killed or starved of disk at any moment goes on to the bit.
@Suite struct RunFolderTests {
  /// The state in which the run over two stages ends when nothing happens to it.
  private static func undisturbed() throws -> TrainingState {
    let run = TrainingRun(ToyObjective(), stages: ToyRun.twoStages, settings: ToyRun.settings)
    #expect(try run.run() == .finished)
    return run.state.timeless
  }

  /// A run in the folder at `path`, taken up where there is one.
  /// It is saved every `interval` seconds of a clock that goes on by one with each look at it.
  private static func run(
    at path: String, calls: FileCalls = FileCalls(), interval: Double = 0
  ) throws -> TrainingRun<ToyObjective> {
    let folder = try RunFolder(path: path, calls: calls)
    let isEmpty = try FileManager.default.contentsOfDirectory(atPath: path).isEmpty
    let saved = isEmpty ? nil : try folder.load().kept
    let objective = ToyObjective()
    if let saved {
      #expect(saved.identity == ToyRun.identity())
      #expect(saved.state.fits(objective.parameters, stages: ToyRun.twoStages))
    }
    var seconds = 0.0
    return TrainingRun(
      objective, stages: ToyRun.twoStages, settings: ToyRun.settings,
      saving: ToyRun.saving(folder, interval: interval), from: saved?.state,
      now: {
        seconds += 1
        return seconds
      })
  }

  /// The state that the run at `path` ends in. Its folder is free again afterwards.
  private static func finish(
    at path: String, calls: FileCalls = FileCalls(), interval: Double = 0,
    report: (TrainingEvent) -> Void = { _ in }
  ) throws -> TrainingState {
    let run = try run(at: path, calls: calls, interval: interval)
    #expect(try run.run(report: report) == .finished)
    return run.state.timeless
  }

  /// A sitting at the run at `path` that ends when `isStopped`; how it ended, nil for by an error.
  private static func sit(
    at path: String, calls: FileCalls = FileCalls(), interval: Double = 0, isStopped: () -> Bool
  ) throws -> TrainingOutcome? {
    let run = try run(at: path, calls: calls, interval: interval)
    return try? run.run(isStopped: isStopped)
  }

  @Test func interruptedAnywhereItGoesOnToTheBit() throws {
    let expected = try Self.undisturbed()
    for patience in [61, 64, 71, 100] {
      let folder = try TemporaryFolder()
      var sittings = 0
      var outcome: TrainingOutcome?
      while outcome != .finished, sittings < 1000 {
        sittings += 1
        var asked = 0
        // Every sitting ends after some more questions whether to stop, between and within sequences, looks and stages.
        // A step asks up to sixty.
        outcome = try Self.sit(at: folder.path) {
          asked += 1
          return asked > patience + sittings % 3
        }
      }
      #expect(sittings > 2)
      #expect(try Self.finish(at: folder.path) == expected)
    }
  }

  /// The process is gone at its `n`th call: nothing after it happens. For all `n`.
  @Test func killedBetweenAnyTwoCallsItGoesOnToTheBit() throws {
    let expected = try Self.undisturbed()
    var total = 0
    var calls = FileCalls()
    calls.failure = { _ in
      total += 1
      return nil
    }
    let whole = try TemporaryFolder()
    _ = try Self.finish(at: whole.path, calls: calls, interval: 7)
    #expect(total > 50)
    for last in 0..<total {
      let folder = try TemporaryFolder()
      var count = 0
      var dying = FileCalls()
      dying.failure = { _ in
        count += 1
        return count > last ? EIO : nil
      }
      // A dead process computes nothing either.
      _ = try Self.sit(at: folder.path, calls: dying, interval: 7) { count > last }
      #expect(try Self.finish(at: folder.path, interval: 7) == expected, "dead after \(last) calls")
    }
  }

  /// Any one call fails, as on a full disk, and its like for a while after it: the run goes on, and says so.
  @Test(arguments: [FileCalls.Call.create, .write, .synchronize, .rename])
  func aDiskThatIsFullForAWhileLosesNothing(call: FileCalls.Call) throws {
    let expected = try Self.undisturbed()
    let folder = try TemporaryFolder()
    var seen = 0
    var calls = FileCalls()
    calls.failure = {
      guard $0 == call else { return nil }
      seen += 1
      // A state takes about ten writes; the first must be written, or there is no run.
      return (call == .write ? 25...35 : 3...9).contains(seen) ? ENOSPC : nil
    }
    var failures = 0
    let ended = try Self.finish(at: folder.path, calls: calls) { event in
      guard case .notSaved(let error) = event else { return }
      failures += 1
      guard case .system(_, "written", ENOSPC) = error else { return #expect(Bool(false), "\(error)") }
      // What is there is whole.
      let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
      #expect(!names.contains { $0.hasSuffix(".tmp") })
      for name in names { #expect((try? StateFile.read(folder.path + "/" + name)) != nil) }
    }
    #expect(failures > 0)
    #expect(ended == expected)
    #expect(try Self.finish(at: folder.path) == expected)
  }

  /// Where there is room for two states only, each new one takes the place of the older, and nothing is lost.
  @Test func aDiskWithRoomForTwoStatesKeepsTheNewest() throws {
    let folder = try TemporaryFolder()
    var (states, created) = (0, 0)
    var calls = FileCalls()
    calls.failure = { call in
      switch call {
      case .create:
        created += 1
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        states = names.count
        return nil
      case .write: return states >= 2 ? ENOSPC : nil
      default: return nil
      }
    }
    let ended = try Self.finish(at: folder.path, calls: calls) {
      if case .notSaved(let error) = $0 { #expect(Bool(false), "\(error)") }
    }
    #expect(try ended == Self.undisturbed())
    #expect(try RunFolder(path: folder.path).load().kept.state.timeless == ended)
    #expect(created > 4)
  }

  @Test func aFolderThatCannotBeWrittenIsFoundOutAtTheBeginning() throws {
    let folder = try TemporaryFolder()
    var calls = FileCalls()
    calls.failure = { $0 == .write ? ENOSPC : nil }
    let run = try Self.run(at: folder.path, calls: calls)
    #expect(throws: RunError.self) { try run.run() }
    #expect(run.progress.totalSteps == 0)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }

  @Test func twoStatesAreKeptForTheOwnerAlone() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/run"
    _ = try Self.finish(at: path)
    let names = try FileManager.default.contentsOfDirectory(atPath: path)
    #expect(names.count == 2)
    for name in names {
      let attributes = try FileManager.default.attributesOfItem(atPath: path + "/" + name)
      #expect(attributes[.posixPermissions] as? Int == 0o600)
    }
    #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o700)
  }

  @Test func damageIsFoundAndTheStateBeforeIsTaken() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/run"
    _ = try Self.finish(at: path)
    let names = try FileManager.default.contentsOfDirectory(atPath: path).sorted {
      (Int($0.dropFirst(6)) ?? 0) < (Int($1.dropFirst(6)) ?? 0)
    }
    let newest = path + "/" + (names.last ?? "")
    let bytes = try Data(contentsOf: URL(filePath: newest))
    let before = try StateFile.read(path + "/" + names[0])
    let runFolder = try RunFolder(path: path)
    func check(_ damaged: Data, _ what: String) throws {
      try damaged.write(to: URL(filePath: newest))
      let loaded = try runFolder.load()
      #expect(loaded.kept == before, "\(what)")
      #expect(loaded.damaged.count == 1)
      #expect(loaded.damaged.first?.description.hasPrefix("\(newest): refused: ") == true)
    }
    for count in stride(from: 0, to: bytes.count, by: 13) { try check(bytes.prefix(count), "cut at \(count)") }
    for place in stride(from: 0, to: bytes.count, by: 13) {
      var altered = bytes
      altered[place] ^= 0x11
      try check(altered, "altered at \(place)")
    }
    try check(bytes + [0], "longer")
    try Data().write(to: URL(filePath: path + "/" + names[0]))
    #expect(throws: RunError.self) { try runFolder.load() }
  }

  @Test func onlyWhatTheRunLeftUnfinishedIsRemoved() throws {
    let folder = try TemporaryFolder()
    for name in ["state-3.tmp", "probe.tmp", "thesis.tmp", "state-x.tmp"] {
      try Data("x".utf8).write(to: URL(filePath: folder.path + "/" + name))
    }
    _ = try RunFolder(path: folder.path)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["state-x.tmp", "thesis.tmp"])
  }

  @Test func oneProcessAtATime() throws {
    let folder = try TemporaryFolder()
    let first = try RunFolder(path: folder.path)
    #expect(throws: RunError.busy(folder: folder.path)) { try RunFolder(path: folder.path) }
    #expect(throws: RunError.nothingToResume(folder: folder.path)) { try first.load() }
    try first.checkIsUnused()
  }

  @Test func aRunThatNeverTookAStepIsNoRun() throws {
    let folder = try TemporaryFolder()
    _ = try Self.sit(at: folder.path) { true }
    try RunFolder(path: folder.path).checkIsUnused()
    var asked = 0
    _ = try Self.sit(at: folder.path) {
      asked += 1
      return asked > 100
    }
    let begun = try RunFolder(path: folder.path)
    #expect(throws: RunError.alreadyBegun(folder: folder.path)) { try begun.checkIsUnused() }
    try begun.clear()
    try begun.checkIsUnused()
  }

  @Test func anotherRunIsToldApartByName() throws {
    let here = ToyRun.identity()
    var settings = ToyRun.settings
    settings.warmUp = 0.5
    settings.clipping = nil
    let stages = [ToyRun.stage("general", count: 22), ToyRun.twoStages[1]]
    let differences = ToyRun.identity(stages, settings).differences(from: here)
    #expect(differences.count == 4)
    #expect(differences[0] == "warm-up: 0.5 now, 0.03 in the run that was begun")
    #expect(differences[1] == "clipping: none now, 1.0 in the run that was begun")
    #expect(differences[2].hasPrefix("training data of general: "))
    #expect(differences[3].hasPrefix("held-out data of general: "))
    #expect(here.differences(from: here).isEmpty)
    #expect(
      ToyRun.identity([ToyRun.twoStages[0]]).differences(from: here).contains(
        "rate of specific: none now, "
          + "0.05 in the run that was begun"))
  }

  @Test func aFinishedRunStaysFinished() throws {
    let folder = try TemporaryFolder()
    let state = try Self.finish(at: folder.path)
    let again = try Self.run(at: folder.path)
    #expect(try again.run() == .finished)
    #expect(again.objective.calls == 0)
    #expect(again.state.timeless == state)
  }
}
