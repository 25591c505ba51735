// The file that keeps the keys and values of a prompt's beginning, all of it untrusted when read:
//
//   8 bytes   the letters HYPNOSKV
//   u32       version, 1
//   u32, n    the length of the key, and the key: what the data were computed with, as PrefixKey writes it
//   u32, 4n   the number of tokens, and the tokens
//   32 bytes  SHA-256 of all before
//   then for every 256 tokens:
//     the pieces of the KV cache in the order of KeyValueStore.pieces
//     32 bytes  SHA-256 of the digest before and these pieces
//
// Numbers are little-endian. Each digest covers the one before it, so that a file's beginning can be used, checked,
// without reading the rest.
import Common
import Compute
import Crypto
import Glibc

/// What the data of a cache depend on besides the tokens.
struct PrefixKey: Equatable {
  /// What is compared: the checkpoint's contents, the adapters in use, and the KV cache's format and shape.
  let bytes: [UInt8]

  init(checkpoint: String, adapters: [String], store: KeyValueStore) {
    let fields =
      [checkpoint, store.exportFormat, "\(store.layers) \(store.heads) \(store.headSize)"] + adapters
    bytes = fields.flatMap { Array($0.utf8) + [0] }
  }
}

/// The layout of one cache file.
struct PrefixFile {
  /// The most tokens a file can hold: the largest context.
  static let tokenLimit = 1 << 24
  static let digestLength = 32
  static let magic = Array("HYPNOSKV".utf8)
  /// Raised when the layout changes, or when forward passes come to give other bits.
  static let version: UInt32 = 1

  let key: PrefixKey
  let tokens: [Int32]

  /// The header, its digest left out.
  var header: [UInt8] {
    PrefixFile.opening(key) + UInt32(tokens.count).littleEndianBytes
      + tokens.flatMap { UInt32(bitPattern: $0).littleEndianBytes }
  }

  /// How many chunks hold `count` positions.
  static func chunks(_ count: Int) -> Int {
    (count + KeyValueStore.chunkLength - 1) / KeyValueStore.chunkLength
  }

  /// The size of the whole file for caches shaped as `store`.
  func byteCount(_ store: KeyValueStore) -> Int {
    PrefixFile.byteCount(opening: PrefixFile.opening(key).count, tokens: tokens.count, store: store)
  }

  /// The size of a file of so many tokens, whose first `opening` bytes stand before their number.
  static func byteCount(opening: Int, tokens: Int, store: KeyValueStore) -> Int {
    (0..<chunks(tokens)).reduce(opening + 4 + 4 * tokens + digestLength) {
      $0 + store.exportedBytes(chunk: $1, end: tokens) + digestLength
    }
  }

  /// What every file under `key` begins with, up to the number of tokens.
  static func opening(_ key: PrefixKey) -> [UInt8] {
    magic + version.littleEndianBytes + UInt32(key.bytes.count).littleEndianBytes + key.bytes
  }
}

extension UInt32 {
  /// The number that four bytes of a file are.
  init(littleEndianBytes bytes: ArraySlice<UInt8>) {
    self = bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }
}

extension PrefixFile {
  /// Writes the first positions of `store`, as many as there are tokens, to `path`, readable by its owner alone.
  func write(_ store: KeyValueStore, to path: String) throws(WritingError) {
    let file = try TemporaryFile(beside: path, permissions: 0o600)
    let header = header
    var digest = Array(SHA256.hash(data: header))
    try file.write(header + digest)
    for chunk in 0..<PrefixFile.chunks(tokens.count) {
      var hash = SHA256()
      hash.update(data: digest)
      for piece in store.pieces(chunk: chunk, end: tokens.count) {
        let bytes = store.export(piece)
        hash.update(data: bytes)
        try file.write(bytes)
      }
      digest = Array(hash.finalize())
      try file.write(digest)
    }
    try file.rename()
  }
}
