// A folder that keeps the KV cache of prompts' beginnings from one start of the program to the next. Its files hold
// the text of prompts as tokens, patients' among them, so it exists only where the user asked for it, readable by its
// owner alone. Nothing in it is needed: whatever is wrong with it is reported, and the prompt computed.
import Common
import Compute
import Crypto
import Glibc
import Model

/// A folder of kept beginnings.
public struct PrefixCache {
  /// The fewest tokens worth a file, or worth looking for one.
  static let leastTokens = 64
  /// Files are called by this, the key, and the tokens; nothing else in the folder is touched.
  private static let namePrefix = "hypnos-prefix-"
  /// What the names of files end with that are complete; others are being written.
  private static let nameSuffix = ".kv"
  /// Seconds after which a file that is not complete was left behind by a program that was killed.
  private static let abandonedAfter = 3600
  /// The most entries of the folder that are looked at.
  private static let entryLimit = 1 << 16

  /// The folder; made when something is kept.
  public let folder: String
  /// The bytes that all files together may take; the longest unused go first.
  public let byteLimit: Int
  private let report: (PrefixCacheError) -> Void

  /// The cache in `folder`; `report` is told of every file that is refused and of what could not be kept.
  public init(folder: String, byteLimit: Int, report: @escaping (PrefixCacheError) -> Void) {
    self.folder = folder
    self.byteLimit = byteLimit
    self.report = report
  }

  /// Puts the longest kept beginning of `prefix` into `store`, the prefix's last token left out, and returns how many
  /// positions that are; 0 when there is none worth it. The store must hold nothing yet.
  func restore(_ prefix: [Int32], model: Transformer, into store: KeyValueStore) -> Int {
    guard prefix.count > PrefixCache.leastTokens else { return 0 }
    let key = key(model, store)
    var best: (count: Int, reader: PrefixFileReader)?
    for name in names(startingWith: namePrefix(of: key)) where name.hasSuffix(PrefixCache.nameSuffix) {
      attempt { () throws(PrefixCacheError) in
        let reader = try PrefixFileReader(path: folder + "/" + name, key: key, store: store)
        let common = reader.file.tokens.commonPrefixLength(prefix)
        let count = min(common, prefix.count - 1, store.capacity)
        if count >= PrefixCache.leastTokens, count > best?.count ?? 0 { best = (count, reader) }
      }
    }
    guard var best else { return 0 }
    return attempt { () throws(PrefixCacheError) in try best.reader.restore(best.count, into: store) } ? best.count : 0
  }

  /// Keeps the positions of `tokens`, the first in `store`, in a file, unless all but a few of them were `recalled` from
  /// one.
  func keep(_ tokens: [Int32], recalled: Int, model: Transformer, from store: KeyValueStore) {
    guard tokens.count >= recalled + PrefixCache.leastTokens else { return }
    let key = key(model, store)
    let file = PrefixFile(key: key, tokens: tokens)
    let digest = PrefixCache.name(of: Array(SHA256.hash(data: file.header)))
    attempt { () throws(PrefixCacheError) in
      let bytes = file.byteCount(store)
      guard bytes <= byteLimit else { throw .tooLarge(folder: folder, bytes: bytes, limit: byteLimit) }
      guard PrefixCache.make(folder) else { throw .system(path: folder, action: "created", code: errno) }
      makeRoom(for: bytes)
      do throws(WritingError) {
        try file.write(store, to: "\(folder)/\(namePrefix(of: key))\(digest)\(PrefixCache.nameSuffix)")
      } catch {
        throw .notWritten(error)
      }
    }
  }

  /// Makes the folder and those it lies in, for their owner alone; whether it is there.
  private static func make(_ folder: String) -> Bool {
    if mkdir(folder, 0o700) == 0 || errno == EEXIST { return isFolder(folder) }
    guard errno == ENOENT, let slash = folder.lastIndex(of: "/"), slash > folder.startIndex,
      make(String(folder[..<slash]))
    else { return false }
    return mkdir(folder, 0o700) == 0 || errno == EEXIST && isFolder(folder)
  }

  /// Whether `path` is a folder; `errno` says so where it is something else.
  private static func isFolder(_ path: String) -> Bool {
    var status = stat()
    guard stat(path, &status) == 0 else { return false }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      errno = ENOTDIR
      return false
    }
    return true
  }

  /// Removes what killed programs left behind, and the files that were not used for longest until `bytes` more fit the
  /// limit.
  private func makeRoom(for bytes: Int) {
    var files: [(path: String, bytes: Int, used: Int)] = []
    for name in names(startingWith: PrefixCache.namePrefix) {
      let path = folder + "/" + name
      var status = stat()
      guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
      let isAbandoned = status.st_mtim.tv_sec <= time(nil) - PrefixCache.abandonedAfter
      guard name.hasSuffix(PrefixCache.nameSuffix) || !isAbandoned || unlink(path) != 0 else { continue }
      files.append((path, Int(status.st_size), Int(status.st_mtim.tv_sec)))
    }
    // Sparse files may say any size, more than whole numbers can add.
    var total = files.reduce(Double(bytes)) { $0 + Double($1.bytes) }
    for file in files.sorted(by: { $0.used < $1.used }) where total > Double(byteLimit) {
      if unlink(file.path) == 0 { total -= Double(file.bytes) }
    }
  }

  private func key(_ model: Transformer, _ store: KeyValueStore) -> PrefixKey {
    PrefixKey(
      checkpoint: model.checkpoint.contentFingerprint + model.checkpoint.fileTimes,
      adapters: model.adapters.map(\.fingerprint), store: store)
  }

  /// What the names of all files under `key` begin with: other models' files are not even opened.
  private func namePrefix(of key: PrefixKey) -> String {
    PrefixCache.namePrefix + PrefixCache.name(of: Array(SHA256.hash(data: key.bytes))) + "-"
  }

  /// Sixteen hexadecimal digits of a digest.
  private static func name(of digest: [UInt8]) -> String {
    digest.prefix(8).hexadecimal
  }

  /// The folder's entries that begin so; none where there is no folder yet.
  private func names(startingWith beginning: String) -> [String] {
    if let names = FolderListing.names(at: folder, limit: PrefixCache.entryLimit) {
      return names.filter { $0.hasPrefix(beginning) }
    }
    // What stands in the folder's place is told of when something is to be kept.
    if errno != ENOENT, errno != ENOTDIR { report(.system(path: folder, action: "read", code: errno)) }
    return []
  }

  /// Runs `body` and reports what it throws; whether it went through.
  @discardableResult
  private func attempt(_ body: () throws(PrefixCacheError) -> Void) -> Bool {
    do throws(PrefixCacheError) {
      try body()
      return true
    } catch {
      report(error)
      return false
    }
  }
}

extension Session {
  /// Takes up what the prefix cache on disk holds of `prefix`, when it is the session's first prompt.
  func recall(_ prefix: [Int32]) {
    if firstPrompt == nil { firstPrompt = prefix }
    isAtFirstPrompt = prefix == firstPrompt
    guard let prefixCache, tokens.isEmpty, isAtFirstPrompt, !prefix.isEmpty else { return }
    recalled = prefixCache.restore(prefix, model: model, into: store)
    tokens = Array(prefix[..<recalled])
  }

  /// Keeps the session's first prompt, when the last answer was to that, in the prefix cache, once, unless most of it came
  /// from there. What goes wrong is reported, so this is for when the answer stands whole on its line.
  public func keepFirstPrompt() {
    guard let prefixCache, let firstPrompt, isAtFirstPrompt, !hasRemembered, tokens.starts(with: firstPrompt)
    else { return }
    hasRemembered = true
    prefixCache.keep(firstPrompt, recalled: recalled, model: model, from: store)
  }
}
