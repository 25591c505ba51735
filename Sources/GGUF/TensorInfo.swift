// One tensor of the directory, checked: its shape, format and place are known to fit the file.
import Compute

/// A tensor's name, shape, number format and place.
public struct TensorInfo: Sendable {
  /// The tensor's name, such as `blk.0.attn_q.weight`.
  public let name: String
  /// The number format of its data.
  public let format: BlockFormat
  /// One to four positive dimensions in ggml's order: `shape[0]` is innermost, a row's width.
  public let shape: [Int]
  /// The byte of its file at which its entry in the directory begins.
  public let entryOffset: Int
  /// Which of `GGUFFile.files` holds its data.
  public internal(set) var fileIndex = 0
  let region: MappedRegion

  /// The byte of its file at which its data begin.
  public var offset: Int { region.offset }
  /// Bytes its data take.
  public var byteCount: Int { region.count }
}
