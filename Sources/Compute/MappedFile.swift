// A file mapped read-only into memory, and the only way its bytes are reached: every access is held
// against the size the file had when it was opened. Nothing is copied; the pages are the page cache's.
import Glibc

/// Why a file could not be mapped; `path` names it.
public enum MappedFileError: Error, Equatable, Sendable {
  /// The system refused: `code` is its errno, such as ENOENT or EACCES.
  case system(path: String, code: Int32)
  /// The path is a directory, a device or a pipe.
  case notARegularFile(path: String)
  /// The file holds no bytes.
  case empty(path: String)
}

/// A read-only memory mapping of one whole regular file.
public final class MappedFile: Sendable {
  /// The path it was opened by.
  public let path: String
  /// Its size in bytes when it was opened.
  public let count: Int
  /// When it was last changed before it was opened: seconds since 1970, and nanoseconds. Copies and those who set a
  /// file's times cannot choose it.
  public let changed: (seconds: Int, nanoseconds: Int)
  private nonisolated(unsafe) let base: UnsafeRawPointer

  /// Maps the file at `path`.
  public init(path: String) throws(MappedFileError) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .system(path: path, code: errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .system(path: path, code: errno) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .notARegularFile(path: path) }
    guard status.st_size > 0 else { throw .empty(path: path) }
    let size = Int(status.st_size)
    guard let address = mmap(nil, size, PROT_READ, MAP_SHARED, descriptor, 0), address != MAP_FAILED else {
      throw .system(path: path, code: errno)
    }
    self.path = path
    self.count = size
    changed = (status.st_ctim.tv_sec, status.st_ctim.tv_nsec)
    self.base = UnsafeRawPointer(address)
  }

  /// Memory of the program's own that is read like a file from then on: `count` zeros that `fill` writes to. Nil when
  /// the system refuses it.
  init?(name: String, count: Int, fill: (UnsafeMutableRawBufferPointer) -> Void) {
    let flags = MAP_PRIVATE | MAP_ANONYMOUS
    guard count > 0, let address = mmap(nil, count, PROT_READ | PROT_WRITE, flags, -1, 0), address != MAP_FAILED else {
      return nil
    }
    fill(UnsafeMutableRawBufferPointer(start: address, count: count))
    path = name
    self.count = count
    changed = (0, 0)
    base = UnsafeRawPointer(address)
  }

  deinit {
    munmap(UnsafeMutableRawPointer(mutating: base), count)
  }

  /// The little-endian integer at byte `offset`, or nil when it does not lie wholly inside the file.
  public func integer<Value: FixedWidthInteger>(_ type: Value.Type, at offset: Int) -> Value? {
    guard contains(offset, MemoryLayout<Value>.size) else { return nil }
    return Value(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: Value.self))
  }

  /// A copy of `length` bytes from `offset`, or nil when they do not lie wholly inside the file.
  public func bytes(at offset: Int, length: Int) -> [UInt8]? {
    guard contains(offset, length) else { return nil }
    return Array(UnsafeRawBufferPointer(start: base + offset, count: length))
  }

  /// A view of `length` bytes from `offset` that keeps the mapping alive, or nil when they do not lie
  /// wholly inside the file.
  public func region(at offset: Int, length: Int) -> MappedRegion? {
    guard contains(offset, length) else { return nil }
    return MappedRegion(file: self, offset: offset, count: length)
  }

  /// The address range of the mapping, for the handler that turns a fault inside it into a message.
  public var addressRange: Range<UInt> {
    let start = UInt(bitPattern: base)
    return start..<start + UInt(count)
  }

  private func contains(_ offset: Int, _ length: Int) -> Bool {
    offset >= 0 && length >= 0 && offset <= count && length <= count - offset
  }

  fileprivate func pointer(at offset: Int) -> UnsafeRawPointer { base + offset }
}

/// A checked part of a mapped file.
public struct MappedRegion: Sendable {
  /// The file it lies in.
  public let file: MappedFile
  /// Where it starts in the file, in bytes.
  public let offset: Int
  /// Its length in bytes.
  public let count: Int

  fileprivate init(file: MappedFile, offset: Int, count: Int) {
    self.file = file
    self.offset = offset
    self.count = count
  }

  /// The address of its first byte: valid as long as the region is held.
  var pointer: UnsafeRawPointer { file.pointer(at: offset) }
}
