// A checkpoint as the rest of the program sees it: metadata, tensors, and where their bytes lie in the
// mapped file or files. Everything is checked on opening, so that using it later cannot fail; the
// format is that of the GGUF specification, versions 2 and 3, little-endian.
import Compute

/// An opened GGUF checkpoint: memory-mapped, nothing copied.
public final class GGUFFile: Sendable {
  /// The format's version: 2 or 3.
  public let version: Int
  /// The metadata; of a split checkpoint, the first part's.
  public let metadata: Metadata
  /// All tensors: in file order, part after part.
  public let tensors: [TensorInfo]
  /// The mapped files: one, or all parts of a split checkpoint in order.
  public let files: [MappedFile]
  /// Bytes from the start of the first file to the end of its tensor directory. The data section follows
  /// at the next multiple of the alignment.
  public let headerLength: Int
  private let indices: [String: Int]

  /// Opens the checkpoint at `path` and checks its headers. Of a split checkpoint, the path of any part
  /// will do; the others must lie beside it.
  public init(path: String) throws(GGUFError) {
    let parts = try SplitCheckpoint.parts(path: path)
    let first = parts[0]
    version = Int(first.version)
    metadata = first.metadata
    headerLength = first.headerLength
    files = parts.map(\.file)
    (tensors, indices) = try Self.merge(parts)
  }

  /// The tensor of this name, or nil when there is none.
  public func tensor(named name: String) -> TensorInfo? {
    indices[name].map { tensors[$0] }
  }

  /// The bytes of `tensor`, in the file's own blocks, row after row.
  public func region(of tensor: TensorInfo) -> MappedRegion { tensor.region }

  /// A copy of the first file's header, metadata and tensor directory: enough to tell checkpoints apart.
  public func headerBytes() -> [UInt8] {
    files[0].bytes(at: 0, length: headerLength) ?? []
  }

  private static func merge(
    _ parts: [FilePart]
  ) throws(GGUFError) -> (tensors: [TensorInfo], indices: [String: Int]) {
    var tensors: [TensorInfo] = []
    var indices: [String: Int] = [:]
    for (fileIndex, part) in parts.enumerated() {
      for var tensor in part.tensors {
        tensor.fileIndex = fileIndex
        if let first = indices.updateValue(tensors.count, forKey: tensor.name) {
          let other = tensors[first]
          throw GGUFError(
            path: part.file.path, offset: tensor.entryOffset, subject: .tensor(tensor.name),
            kind: .duplicate(first: other.entryOffset, path: parts[other.fileIndex].file.path))
        }
        tensors.append(tensor)
      }
    }
    return (tensors, indices)
  }
}
