// Everything that can be wrong with a GGUF file, in one error: which file, which byte, which key or
// tensor, and what. Tests compare `kind`; people read `description`, which also says what to do.

/// Why a GGUF file could not be opened, or why a metadata value could not be used.
public struct GGUFError: Error, Equatable, Sendable {
  /// What an error is about: a metadata key or a tensor.
  public enum Subject: Equatable, Sendable {
    /// A metadata key.
    case key(String)
    /// A tensor's name.
    case tensor(String)
  }

  /// What is wrong. Counts and lengths are as the file states them.
  public enum Kind: Equatable, Sendable {
    // The file as such.
    /// There is nothing at the path.
    case missing
    /// It may not be read.
    case noPermission
    /// A directory.
    case isDirectory
    /// A device, a pipe or a socket.
    case notARegularFile
    /// It has no bytes.
    case empty
    /// Another refusal of the system, with its errno.
    case system(code: Int32)
    /// It begins as a text does.
    case textFile
    /// Its first four bytes are not `GGUF`.
    case notGGUF
    /// Its numbers are written the largest byte first.
    case bigEndian
    /// A version of the format other than 2 and 3.
    case unsupportedVersion(UInt32)

    // The header's bytes.
    /// `needed` bytes are announced or due where only `remaining` are left.
    case cut(needed: UInt64, remaining: Int)
    /// More elements than the bytes that remain, or a fixed limit, can hold.
    case countTooLarge(count: UInt64, atMost: Int)
    /// A key or tensor name is empty or longer than `atMost` bytes.
    case nameLength(length: UInt64, atMost: Int)
    /// A key or tensor name is not UTF-8.
    case nameNotUTF8
    /// A type number that no metadata value has.
    case unknownValueType(UInt32)
    /// Arrays in arrays deeper than `limit`.
    case arraysTooDeep(limit: Int)
    /// The key or tensor name stood already at byte `first` of the file at `path`.
    case duplicate(first: Int, path: String)
    /// `general.alignment` is no power of two within bounds.
    case alignment(Int)

    // The tensor directory.
    /// A tensor has not one to four dimensions.
    case dimensionCount(UInt32)
    /// The dimension with this index is zero or beyond a signed 64-bit integer.
    case dimension(index: Int, value: UInt64)
    /// A tensor's number format that is not known.
    case unsupportedTensorType(UInt32)
    /// A tensor's rows are not whole blocks.
    case partialBlock(width: Int, blockWidth: Int)
    /// The tensor's size in bytes does not fit a signed 64-bit integer.
    case tensorTooLarge
    /// A tensor's data begin at no multiple of the alignment.
    case misalignedTensor(offset: UInt64, alignment: Int)
    /// The tensor's data, `byteCount` bytes from `offset` of the data section, ends beyond the file.
    case tensorPastEnd(offset: UInt64, byteCount: Int, fileSize: Int)
    /// A tensor's data lie over those of `other`.
    case tensorsOverlap(other: String)

    // Values of known keys.
    /// A key that is needed is not there.
    case missingKey
    /// A value has another type than its key's.
    case wrongType(expected: String, found: String)
    /// An unsigned value beyond a signed 64-bit integer.
    case integerTooLarge(UInt64)
    /// A truth value that is neither 0 nor 1.
    case notABool(UInt8)

    // Files in several parts.
    /// A part of the checkpoint lies not beside the others.
    case splitPartMissing(part: Int, count: Int)
    /// The metadata says it is one of `count` parts, the file name does not.
    case splitName(count: Int)
    /// A `split.` key (or the number of tensors it announces) disagrees; `found` is nil when it is absent.
    case splitMismatch(expected: Int, found: Int?)
  }

  /// The file.
  public let path: String
  /// The byte of the file the error is about, where there is one.
  public let offset: Int?
  /// The key or tensor the error is about, where it is known.
  public let subject: Subject?
  /// What is wrong.
  public let kind: Kind

  init(path: String, offset: Int? = nil, subject: Subject? = nil, kind: Kind) {
    self.path = path
    self.offset = offset
    self.subject = subject
    self.kind = kind
  }
}
