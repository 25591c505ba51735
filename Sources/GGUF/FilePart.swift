// One GGUF file on disk: mapped, its header read and checked. A checkpoint is one of these, or several.
import Compute
import Glibc

/// A mapped file with its metadata and tensors.
struct FilePart {
  let file: MappedFile
  let version: UInt32
  let metadata: Metadata
  let tensors: [TensorInfo]
  /// Bytes from the start of the file to the end of the tensor directory.
  let headerLength: Int

  /// Opens the file at `path` and checks its whole header.
  init(path: String) throws(GGUFError) {
    file = try Self.map(path)
    var cursor = HeaderCursor(file: file, to: FileLayout.longestHeader)
    version = try Self.version(from: &cursor)
    let tensorCountPlace = cursor.offset
    let tensorCount = try cursor.integer(UInt64.self)
    let keyCount = try cursor.count(leastBytes: FileLayout.leastKeyBytes, limit: FileLayout.mostKeys)
    metadata = try Metadata(count: keyCount, from: &cursor)
    let alignment = try Self.alignment(metadata)
    let entryCount = try cursor.check(
      count: tensorCount, leastBytes: FileLayout.leastTensorBytes, limit: FileLayout.mostTensors,
      at: tensorCountPlace)
    let entries = try TensorDirectory.entries(count: entryCount, from: &cursor)
    headerLength = cursor.offset
    tensors = try TensorDirectory.tensors(
      entries, in: file, headerLength: headerLength, alignment: alignment)
  }

  private static func map(_ path: String) throws(GGUFError) -> MappedFile {
    do throws(MappedFileError) {
      return try MappedFile(path: path)
    } catch {
      throw GGUFError(path: path, kind: kind(of: error))
    }
  }

  private static func kind(of error: MappedFileError) -> GGUFError.Kind {
    switch error {
    case .system(_, ENOENT): .missing
    case .system(_, EACCES), .system(_, EPERM): .noPermission
    case .system(_, let code): .system(code: code)
    case .notARegularFile(let path): isDirectory(path) ? .isDirectory : .notARegularFile
    case .empty: .empty
    }
  }

  private static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// Reads the magic letters and the version.
  private static func version(from cursor: inout HeaderCursor) throws(GGUFError) -> UInt32 {
    let file = cursor.file
    let beginning = file.bytes(at: 0, length: min(file.count, FileLayout.magic.count)) ?? []
    guard FileLayout.magic.starts(with: beginning) else {
      throw cursor.error(isText(file) ? .textFile : .notGGUF)
    }
    try cursor.skip(FileLayout.magic.count)
    let start = cursor.offset
    let version = try cursor.integer(UInt32.self)
    guard FileLayout.versions.contains(version) else {
      let swapped = (1...FileLayout.versions.upperBound).contains(version.byteSwapped)
      throw cursor.error(swapped ? .bigEndian : .unsupportedVersion(version), at: start)
    }
    return version
  }

  /// Whether the file begins with text: no control characters but those of lines and tabs.
  private static func isText(_ file: MappedFile) -> Bool {
    let beginning = file.bytes(at: 0, length: min(file.count, 512)) ?? []
    return beginning.allSatisfy { $0 >= 0x20 && $0 != 0x7F || (0x09...0x0D).contains($0) }
  }

  private static func alignment(_ metadata: Metadata) throws(GGUFError) -> Int {
    let key = FileLayout.alignmentKey
    guard let alignment = try metadata.integer(key) else { return FileLayout.defaultAlignment }
    guard FileLayout.isAlignment(alignment) else { throw metadata.error(.alignment(alignment), for: key) }
    return alignment
  }
}
