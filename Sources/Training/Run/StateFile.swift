// A state as a file:
//
//   8 bytes   the letters HYPNOSFT
//   u32       version, 1
//   u32, n    the length of the header, and the header: JSON of the run's identity, its moment and its progress
//   float32   the parameters, the optimizer's first and second moments, and, if the header says so, the best parameters
//   32 bytes  SHA-256 of all before
//
// Numbers are little-endian. How many floats there are follows from the header and is held against the file's size.
// No text of the data is in it.
import Compute
import Crypto
import Glibc
import Text

/// A run's state with what tells the run from others.
public struct KeptState: Sendable, Equatable {
  /// What run it is a state of.
  public let identity: RunIdentity
  /// The moment for templates that print one: that of the run's beginning.
  public let moment: LocalTime
  /// The state.
  public let state: TrainingState

  /// `state` of the run `identity`, which began at `moment`.
  public init(identity: RunIdentity, moment: LocalTime, state: TrainingState) {
    self.identity = identity
    self.moment = moment
    self.state = state
  }
}

/// The layout of a state's file.
enum StateFile {
  static let magic = Array("HYPNOSFT".utf8)
  static let version: UInt32 = 1
  static let digestLength = 32
  /// The longest header, in bytes: some millions of steps.
  static let headerLimit = 1 << 30
  /// The most matrices of an adapter, and the most values of one.
  static let (matrixLimit, valueLimit) = (1 << 20, 1 << 31)
  /// Floats that are written or read at a time.
  static let pieceLength = 1 << 16

  /// Hands the bytes of `kept` to `write`, piece by piece.
  static func write(_ kept: KeptState, _ write: ([UInt8]) throws(RunError) -> Void) throws(RunError) {
    var hash = SHA256()
    func put(_ bytes: [UInt8]) throws(RunError) {
      hash.update(data: bytes)
      try write(bytes)
    }
    let header = Array(kept.header.encoded.utf8)
    try put(magic + LittleEndian.bytes(version) + LittleEndian.bytes(UInt32(header.count)) + header)
    for array in kept.state.arrays {
      for start in stride(from: 0, to: array.count, by: pieceLength) {
        try put(array[start..<min(start + pieceLength, array.count)].littleEndianBytes)
      }
    }
    try write(Array(hash.finalize()))
  }

  /// Reads the file at `path`. Throws `damaged` when it is not as it was written.
  static func read(_ path: String) throws(RunError) -> KeptState {
    var reader = try StateReader(path: path)
    let opening = try reader.bytes(magic.count + 8)
    guard opening.starts(with: magic) else { throw .damaged(path: path, reason: "it is no state of a run") }
    guard LittleEndian.number(opening[8..<12]) == version else {
      throw .damaged(path: path, reason: "it was written by another version of the program")
    }
    let length = Int(LittleEndian.number(opening[12..<16]))
    guard length <= headerLimit else { throw .damaged(path: path, reason: "its header is too long") }
    let header = try? JSONValue(parsing: try reader.bytes(length), sizeLimit: headerLimit)
    guard let header, let shape = StateShape(header) else {
      throw .damaged(path: path, reason: "its header was altered")
    }
    guard reader.remaining == 4 * shape.floats + digestLength else {
      throw .damaged(path: path, reason: "it has another size than its header tells of")
    }
    func arrays() throws(RunError) -> [[Float]] {
      var arrays: [[Float]] = []
      for count in shape.counts { arrays.append(try reader.floats(count)) }
      return arrays
    }
    let parameters = try arrays()
    let optimizer = AdamW(firstMoments: try arrays(), secondMoments: try arrays(), steps: shape.optimizerSteps)
    let best = shape.hasBest ? try arrays() : nil
    try reader.checkDigest()
    guard let kept = KeptState(header, parameters, optimizer, best) else {
      throw .damaged(path: path, reason: "its header lacks something")
    }
    return kept
  }
}

/// How many floats follow a header.
private struct StateShape {
  /// Values of each matrix.
  let counts: [Int]
  let optimizerSteps: Int
  let hasBest: Bool

  init?(_ header: JSONValue) {
    guard let counts = header["matrices"]?.array?.compactMap(\.integer), counts.count <= StateFile.matrixLimit,
      counts.count == header["matrices"]?.array?.count,
      counts.allSatisfy({ (0...StateFile.valueLimit).contains($0) }),
      let steps = header["optimizer_steps"]?.integer, (0...1 << 48).contains(steps),
      let hasBest = header["has_best"]?.boolean
    else { return nil }
    self.counts = counts
    optimizerSteps = steps
    self.hasBest = hasBest
  }

  /// Floats in all arrays; counts and values are bounded, so that this does not overflow.
  var floats: Int { counts.reduce(0, +) * (hasBest ? 4 : 3) }
}

/// A state's file, read once from the front, with the digest of what was read.
private struct StateReader: ~Copyable {
  private let path: String
  private let descriptor: Int32
  private var hash = SHA256()
  /// Bytes not yet read.
  private(set) var remaining = 0

  init(path: String) throws(RunError) {
    self.path = path
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    self.descriptor = descriptor
    guard descriptor >= 0 else { throw .system(path: path, action: "read", code: errno) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw .damaged(path: path, reason: "it is no file")
    }
    remaining = Int(status.st_size)
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// The next `count` bytes, which count towards the digest.
  mutating func bytes(_ count: Int) throws(RunError) -> [UInt8] {
    let bytes = try plainBytes(count)
    hash.update(data: bytes)
    return bytes
  }

  /// The next `count` floats.
  mutating func floats(_ count: Int) throws(RunError) -> [Float] {
    var values: [Float] = []
    values.reserveCapacity(count)
    while values.count < count {
      let piece = try bytes(4 * min(StateFile.pieceLength, count - values.count))
      for start in stride(from: 0, to: piece.count, by: 4) {
        values.append(Float(bitPattern: LittleEndian.number(piece[start..<start + 4])))
      }
    }
    return values
  }

  /// Throws unless what follows is the digest of what was read, and nothing follows that.
  mutating func checkDigest() throws(RunError) {
    let digest = try plainBytes(StateFile.digestLength)
    guard Array(hash.finalize()) == digest else { throw .damaged(path: path, reason: "it was altered") }
  }

  private mutating func plainBytes(_ count: Int) throws(RunError) -> [UInt8] {
    guard count <= remaining else { throw .damaged(path: path, reason: "it was cut") }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    var piece = [UInt8](repeating: 0, count: min(count, 1 << 20))
    while bytes.count < count {
      let got = Glibc.read(descriptor, &piece, min(piece.count, count - bytes.count))
      if got < 0 && errno == EINTR { continue }
      guard got >= 0 else { throw .system(path: path, action: "read", code: errno) }
      guard got > 0 else { throw .damaged(path: path, reason: "it was cut") }
      bytes += piece[..<got]
    }
    remaining -= count
    return bytes
  }
}
