// Reading a cache file, which may be damaged or hostile: nothing is read beyond the size it has, nothing is believed
// before its digest is checked. It is read rather than mapped, so that a file that shrinks meanwhile does no harm.
import Compute
import Crypto
import Glibc

/// A cache file whose header was found whole and right.
struct PrefixFileReader {
  let file: PrefixFile
  private let input: BoundedInput
  private var digest: [UInt8]

  var path: String { input.path }

  /// Opens `path` and checks that it was written under `key`, that its header is whole, and that its size is what the
  /// header tells for caches shaped as `store`.
  init(path: String, key: PrefixKey, store: KeyValueStore) throws(PrefixCacheError) {
    input = try BoundedInput(path: path)
    let opening = PrefixFile.opening(key)
    guard input.size > opening.count + 8 + PrefixFile.digestLength else { throw .notACache(path: path) }
    let fixed = PrefixFile.magic + PrefixFile.version.littleEndianBytes
    guard try input.read(fixed.count) == fixed else { throw .notACache(path: path) }
    guard try input.read(opening.count - fixed.count) == Array(opening[fixed.count...]) else {
      throw .otherModel(path: path)
    }
    let count = Int(UInt32(littleEndianBytes: try input.read(4)[...]))
    guard (1...PrefixFile.tokenLimit).contains(count) else { throw .notACache(path: path) }
    let expected = PrefixFile.byteCount(opening: opening.count, tokens: count, store: store)
    guard input.size == expected else { throw .wrongSize(path: path, found: input.size, expected: expected) }
    let bytes = try input.read(4 * count)
    let tokens = (0..<count).map { Int32(bitPattern: UInt32(littleEndianBytes: bytes[(4 * $0)..<(4 * $0 + 4)])) }
    file = PrefixFile(key: key, tokens: tokens)
    digest = try input.read(PrefixFile.digestLength)
    guard digest == Array(SHA256.hash(data: file.header)) else { throw .alteredHeader(path: path) }
  }

  /// Puts the first `count` positions into `store`, each chunk after its digest was found right. When it throws, what
  /// the store held is lost.
  mutating func restore(_ count: Int, into store: KeyValueStore) throws(PrefixCacheError) {
    precondition(count <= file.tokens.count && count <= store.capacity, "positions of both")
    for chunk in 0..<PrefixFile.chunks(count) {
      let start = input.offset
      var hash = SHA256()
      hash.update(data: digest)
      for piece in store.pieces(chunk: chunk, end: file.tokens.count) {
        let bytes = try input.read(piece.byteCount)
        hash.update(data: bytes)
        guard store.restore(piece, from: bytes) else { throw .noMemory(path: path) }
      }
      digest = Array(hash.finalize())
      guard try input.read(PrefixFile.digestLength) == digest else { throw .alteredData(path: path, offset: start) }
    }
    input.touch()
  }
}

/// A regular file that is read from its beginning and never past the size it had on opening.
private final class BoundedInput {
  let path: String
  let size: Int
  private(set) var offset = 0
  private let descriptor: Int32

  init(path: String) throws(PrefixCacheError) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
    // A link is none of the files that are written here.
    guard descriptor >= 0 else {
      throw errno == ELOOP ? .notAFile(path: path) : .system(path: path, action: "read", code: errno)
    }
    var status = stat()
    let code = fstat(descriptor, &status) == 0 ? 0 : errno
    guard code == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw code == 0 ? .notAFile(path: path) : .system(path: path, action: "read", code: code)
    }
    self.path = path
    self.descriptor = descriptor
    size = Int(status.st_size)
  }

  deinit { close(descriptor) }

  /// The next `count` bytes.
  func read(_ count: Int) throws(PrefixCacheError) -> [UInt8] {
    guard count <= size - offset else { throw .wrongSize(path: path, found: size, expected: offset + count) }
    var bytes: [UInt8] = []
    while bytes.count < count {
      var piece = [UInt8](repeating: 0, count: count - bytes.count)
      let got = Glibc.read(descriptor, &piece, piece.count)
      if got < 0 && errno == EINTR { continue }
      guard got >= 0 else { throw .system(path: path, action: "read", code: errno) }
      guard got > 0 else { throw .wrongSize(path: path, found: offset, expected: size) }
      bytes = got == count ? piece : bytes + piece[..<got]
      offset += got
    }
    return bytes
  }

  /// Makes the file count as used now. A file of someone else's stays as it is.
  func touch() { _ = futimens(descriptor, nil) }
}
