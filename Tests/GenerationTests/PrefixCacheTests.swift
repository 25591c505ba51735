// The prefix cache on disk: a second start reuses and answers the same; what is damaged or another's is refused.
import Compute
import Foundation
import Model
import TestModels
import Testing

@testable import Generation

@Suite final class PrefixCacheTests {
  private let folder = NSTemporaryDirectory() + "hypnos-\(UUID().uuidString)"
  private var reported: [PrefixCacheError] = []

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  private func session(
    _ model: Transformer, context: Int = 512, folder: String? = nil, limit: Int = 1 << 30
  ) throws -> Session {
    let cache = PrefixCache(folder: folder ?? self.folder, byteLimit: limit) { [unowned self] in reported.append($0) }
    return Session(model: model, context: context, prefixCache: cache)
  }

  private func answer(_ prompt: [Int32], _ session: Session) throws -> Answer {
    var options = GenerationOptions()
    options.maxTokens = 6
    options.keepsLogProbabilities = true
    let answer = try Generator(session: session, options: options).answer(prompt) { _ in }
    session.keepFirstPrompt()
    return answer
  }

  private func files(_ folder: String? = nil) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder ?? self.folder).sorted()
      .map { (folder ?? self.folder) + "/" + $0 }
  }

  private func mode(_ path: String) throws -> Int {
    try #require(FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
  }

  @Test func aSecondStartReusesAndAnswersTheSame() throws {
    let model = try TinyModel.open()
    let prompt = TinyModel.prompt(300)
    let alone = try answer(prompt, Session(model: model, context: 512))
    let first = try answer(prompt, try session(model))
    let second = try answer(prompt, try session(model))
    #expect(alone.reusedTokens == 0 && first.reusedTokens == 0 && second.reusedTokens == 299)
    for found in [first, second] {
      #expect(found.tokens == alone.tokens && found.logProbabilities == alone.logProbabilities)
    }
    #expect(reported.isEmpty)
  }

  @Test func aBatchReusesItToo() throws {
    let model = try TinyModel.open()
    let document = TinyModel.prompt(290)
    let prompts = (1...3).map { document + TinyModel.prompt(10, seed: UInt64($0)) }
    var options = GenerationOptions()
    options.maxTokens = 6
    let cache = PrefixCache(folder: folder, byteLimit: 1 << 30) { [unowned self] in reported.append($0) }
    func answers() throws -> [Answer] {
      let batch = BatchGenerator(
        model: model, context: 512, options: options, limit: BatchLimit(sequences: 2), prefixCache: cache)
      var found: [Int: Answer] = [:]
      var waiting = prompts
      while !waiting.isEmpty || !batch.isIdle {
        while batch.hasRoom, !waiting.isEmpty { _ = try batch.submit(waiting.removeFirst()) }
        for result in batch.step() { found[result.ticket] = try result.answer.get() }
      }
      return (1...3).compactMap { found[$0] }
    }
    let first = try answers()
    let second = try answers()
    #expect(first.map(\.reusedTokens) == [0, 290, 290])
    #expect(second.map(\.reusedTokens) == [299, 290, 290])
    for (prompt, (one, two)) in zip(prompts, zip(first, second)) {
      let alone = try Generator(session: Session(model: model, context: 512), options: options).answer(prompt) { _ in }
      #expect(one.tokens == alone.tokens && two.tokens == alone.tokens)
    }
    #expect(try files().count == 1)
    #expect(reported.isEmpty)
  }

  @Test func theFirstPromptIsKeptWhicheverEndsFirst() throws {
    let model = try TinyModel.open()
    let document = TinyModel.prompt(200)
    var (long, short) = (GenerationOptions(), GenerationOptions())
    (long.maxTokens, short.maxTokens) = (12, 1)
    let cache = PrefixCache(folder: folder, byteLimit: 1 << 30) { [unowned self] in reported.append($0) }
    func results() throws -> [BatchResult] {
      let batch = BatchGenerator(
        model: model, context: 512, options: long, limit: BatchLimit(sequences: 3), prefixCache: cache)
      for prompt in [document, TinyModel.prompt(9, seed: 1), TinyModel.prompt(80, seed: 2)] {
        _ = try batch.submit(prompt, options: prompt == document ? long : short)
      }
      var results: [BatchResult] = []
      while !batch.isIdle { results += batch.step() }
      return results
    }
    let first = try #require(try results().last)
    #expect(try first.ticket == 1 && first.answer.get().reusedTokens == 0)
    #expect(try files().count == 1)
    let second = try #require(try results().last)
    #expect(try second.ticket == 1 && second.answer.get().reusedTokens == 199)
    #expect(try second.answer.get().tokens == first.answer.get().tokens)
    #expect(try answer(document, try session(model)).reusedTokens == 199)
    #expect(reported.isEmpty)
  }

  @Test func whatIsBeingWrittenIsNotReadAndWhatWasAbandonedGoes() throws {
    let model = try TinyModel.open()
    _ = try answer(TinyModel.prompt(100), try session(model))
    let kept = try files()[0]
    let (fresh, old) = (kept + ".aBcDeF", kept + ".GhIjKl")
    for path in [fresh, old] { try Data("HY".utf8).write(to: URL(fileURLWithPath: path)) }
    let longAgo = Date(timeIntervalSinceNow: -7200)
    try FileManager.default.setAttributes([.modificationDate: longAgo], ofItemAtPath: old)
    #expect(try answer(TinyModel.prompt(100), try session(model)).reusedTokens == 99)
    _ = try answer(TinyModel.prompt(200, seed: 7), try session(model))
    #expect(try files().count == 3 && files().contains(fresh) && !files().contains(old))
    #expect(reported.isEmpty)
  }

  @Test func whatIsCommonIsReused() throws {
    let model = try TinyModel.open()
    let document = TinyModel.prompt(290)
    _ = try answer(document + TinyModel.prompt(10, seed: 1), try session(model))
    let question = document + TinyModel.prompt(40, seed: 2)
    let found = try answer(question, try session(model))
    #expect(found.reusedTokens == 290)
    #expect(try files().count == 1, "little is new, so nothing is kept")
    let alone = try answer(question, Session(model: model, context: 512))
    #expect(found.tokens == alone.tokens && found.logProbabilities == alone.logProbabilities)

    // A context that is shorter than what was kept.
    let short = try answer(Array(document[..<70]), try session(model, context: 80))
    #expect(short.reusedTokens == 69)
    #expect(short.tokens == (try answer(Array(document[..<70]), try Session(model: model, context: 80))).tokens)

    // The longest of several beginnings is taken.
    _ = try answer(question + TinyModel.prompt(80, seed: 3), try session(model))
    #expect(try files().count == 2)
    #expect(try answer(question + TinyModel.prompt(9, seed: 4), try session(model)).reusedTokens == 330)
    #expect(reported.isEmpty)
  }

  @Test func onlyTheFirstPromptOfSomeLengthIsKept() throws {
    let model = try TinyModel.open()
    let session = try session(model)
    _ = try answer(TinyModel.prompt(63), session)
    #expect(!FileManager.default.fileExists(atPath: folder))
    _ = try answer(TinyModel.prompt(100), session)
    #expect(!FileManager.default.fileExists(atPath: folder))
  }

  @Test func afterAnInterruptionOnlyTheSamePromptIsKept() throws {
    let model = try TinyModel.open()
    let session = try session(model)
    let prompt = TinyModel.prompt(300)
    var options = GenerationOptions()
    options.maxTokens = 6
    // The interruption comes when one step of the prompt is read.
    var looks = 0
    func isCancelled() -> Bool {
      looks += 1
      return looks > 1
    }
    let stopped = try Generator(session: session, options: options)
      .answer(prompt, isCancelled: isCancelled) { _ in }
    session.keepFirstPrompt()
    #expect(stopped.finish == .interrupted && stopped.readTokens == 128 && stopped.tokens.isEmpty)
    _ = try answer(prompt + TinyModel.prompt(80, seed: 3), session)
    // The same conversation on other threads or in another context.
    let later = Session(model: model, context: 600, prefixCache: session.prefixCache, after: session)
    _ = try answer(prompt + TinyModel.prompt(90, seed: 4), later)
    #expect(!FileManager.default.fileExists(atPath: folder))
    _ = try answer(prompt, Session(model: model, context: 600, prefixCache: session.prefixCache, after: later))
    #expect(try files().count == 1)
    #expect(try answer(prompt, try self.session(model)).reusedTokens == 299)
  }

  @Test func afterAByteOfTheCheckpointChangedItIsNotUsed() throws {
    let path = NSTemporaryDirectory() + "hypnos-\(UUID().uuidString).gguf"
    defer { unlink(path) }
    try TinyModel.write(to: path)
    let prompt = TinyModel.prompt(100)
    _ = try answer(prompt, try session(try TinyModel.open(path)))
    #expect(try answer(prompt, try session(try TinyModel.open(path))).reusedTokens == 99)
    // At the end, which no fingerprint looks at, and by someone who sets the times back, as a copy's are.
    var status = stat()
    #expect(stat(path, &status) == 0)
    var bytes = try Data(contentsOf: URL(filePath: path))
    bytes[bytes.count - 3] ^= 1
    let file = try FileHandle(forWritingTo: URL(filePath: path))
    try file.write(contentsOf: bytes)
    try file.close()
    #expect(utimensat(AT_FDCWD, path, [status.st_atim, status.st_mtim], 0) == 0)
    #expect(try answer(prompt, try session(try TinyModel.open(path))).reusedTokens == 0)
    #expect(reported.isEmpty)
  }

  @Test func nobodyElseReadsIt() throws {
    _ = try answer(TinyModel.prompt(64), try session(try TinyModel.open()))
    #expect(try mode(folder) == 0o700)
    #expect(try files().map(mode) == [0o600])
  }

  @Test func anotherModelsIsRefused() throws {
    let (model, other) = (try TinyModel.open(), try TinyModel.open(seed: 2))
    let prompt = TinyModel.prompt(100)
    _ = try answer(prompt, try session(model))
    // In one folder the other's files are passed over.
    #expect(try answer(prompt, try session(other)).reusedTokens == 0)
    #expect(reported.isEmpty)
    let both = try files()
    try #require(both.count == 2)
    // Under the other's name it is refused, and the prompt computed.
    let contents = try both.map { try Data(contentsOf: URL(filePath: $0)) }
    try contents[1].write(to: URL(filePath: both[0]))
    try contents[0].write(to: URL(filePath: both[1]))
    let expected = try answer(prompt, Session(model: model, context: 512))
    let found = try answer(prompt, try session(model))
    #expect(found.reusedTokens == 0 && found.tokens == expected.tokens)
    guard case .otherModel? = reported.first, reported.count == 1 else {
      Issue.record("not refused as another model's: \(reported)")
      return
    }
    // The file was replaced by a right one.
    #expect(try answer(prompt, try session(model)).reusedTokens == 99)
  }

  @Test func aCutOneIsRefused() throws {
    let model = try TinyModel.open()
    let prompt = TinyModel.prompt(300)
    _ = try answer(prompt, try session(model))
    let path = try files()[0]
    let whole = try Data(contentsOf: URL(filePath: path))
    let sizes = [0, 1, 7, 8, 12, 16, 60, 150, 1000, 1500, whole.count / 2, whole.count - 33, whole.count - 1]
    for size in sizes {
      try whole.prefix(size).write(to: URL(filePath: path))
      try expectRefusal(model, prompt, "cut to \(size) bytes")
    }
    try (whole + Data([0])).write(to: URL(filePath: path))
    try expectRefusal(model, prompt, "one byte longer")
  }

  @Test func anAlteredByteIsRefused() throws {
    let model = try TinyModel.open()
    let prompt = TinyModel.prompt(300)
    _ = try answer(prompt, try session(model))
    let path = try files()[0]
    let whole = try Data(contentsOf: URL(filePath: path))
    let header = whole.count - 2 * 32 - (256 + 48) * 2 * 64
    let places =
      Array(stride(from: 0, to: header, by: 13)) + Array(stride(from: header, to: whole.count, by: 601))
      + [whole.count - 1]
    for place in places {
      var altered = whole
      altered[place] ^= 0x10
      try altered.write(to: URL(filePath: path))
      try expectRefusal(model, prompt, "byte \(place) altered")
    }
  }

  @Test func whatIsNoFileIsRefused() throws {
    let model = try TinyModel.open()
    let prompt = TinyModel.prompt(100)
    _ = try answer(prompt, try session(model))
    let path = try files()[0]
    try FileManager.default.moveItem(atPath: path, toPath: folder + "/elsewhere")
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: folder + "/elsewhere")
    try expectRefusal(model, prompt, "a symbolic link")
    #expect(reported.first.map { "\($0)".contains("it is not a plain file, as those written here are") } == true)
    try FileManager.default.removeItem(atPath: path)
    #expect(mkfifo(path, 0o600) == 0)
    try expectRefusal(model, prompt, "a pipe")
    #expect(reported.first.map { "\($0)".contains("it is not a plain file, as those written here are") } == true)
  }

  private func expectRefusal(_ model: Transformer, _ prompt: [Int32], _ what: Comment) throws {
    reported = []
    let session = try session(model)
    session.recall(prompt)
    #expect(session.tokens.isEmpty, what)
    #expect(reported.count == 1, what)
    #expect(reported.first.map { "\($0)".contains(folder) } == true, what)
  }

  @Test func theFolderStaysWithinItsLimit() throws {
    let model = try TinyModel.open()
    _ = try answer(TinyModel.prompt(100, seed: 1), try session(model))
    let first = try files()[0]
    let size = try #require(FileManager.default.attributesOfItem(atPath: first)[.size] as? Int)
    let note = folder + "/note.txt"
    try Data(repeating: 0, count: 10 * size).write(to: URL(filePath: note))
    for (seed, date) in [(2, 2000.0), (3, 1000)] {
      _ = try answer(TinyModel.prompt(100, seed: UInt64(seed)), try session(model))
      let newest = try #require(try files().first { $0 != first && $0 != note && (try? used($0)) ?? 0 > 3000 })
      try FileManager.default.setAttributes(
        [.modificationDate: Date(timeIntervalSince1970: date)], ofItemAtPath: newest)
    }
    // Room for three: the one used longest ago, the third, goes.
    let before = Set(try files())
    _ = try answer(TinyModel.prompt(100, seed: 4), try session(model, limit: 3 * size))
    let after = Set(try files())
    #expect(after.contains(note) && after.contains(first) && after.count == 4)
    #expect(before.subtracting(after).count == 1)
    #expect(try answer(TinyModel.prompt(100, seed: 3), try session(model, limit: 1)).reusedTokens == 0)
    #expect(try answer(TinyModel.prompt(100, seed: 2), try session(model)).reusedTokens == 99)
    guard case .tooLarge? = reported.first, reported.count == 1 else {
      Issue.record("too large for the folder, but: \(reported)")
      return
    }
  }

  private func used(_ path: String) throws -> Double {
    let date = try FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date
    return try #require(date).timeIntervalSince1970
  }

  @Test func aFolderThatCannotBeMadeIsReported() throws {
    let prompt = TinyModel.prompt(100)
    // Missing folders are made; one whose place a file has taken cannot be.
    _ = try answer(prompt, try session(try TinyModel.open(), folder: folder + "/a/b"))
    #expect(reported.isEmpty && FileManager.default.fileExists(atPath: folder + "/a/b"))
    try Data().write(to: URL(filePath: folder + "/file"))
    let found = try answer(prompt, try session(try TinyModel.open(), folder: folder + "/file/b"))
    #expect(found.tokens.count > 0)
    guard case .system(_, "created", ENOTDIR)? = reported.last else {
      Issue.record("a file in the folder's place, but: \(reported)")
      return
    }
    reported = []
    _ = try answer(prompt, try session(try TinyModel.open(), folder: folder + "/file"))
    guard case .system(folder + "/file", _, ENOTDIR)? = reported.first, reported.count == 1 else {
      Issue.record("a file for a folder, but: \(reported)")
      return
    }
  }
}
