// GGUFError in plain English: where, what, what to do. Names out of the file are quoted with their
// control characters escaped, since the text ends up on a terminal.
import Compute
import Glibc

extension GGUFError: CustomStringConvertible {
  /// One line: file, byte, key or tensor, what is wrong and what to do about it.
  public var description: String {
    var parts = [path]
    if let offset { parts.append("byte \(offset)") }
    switch subject {
    case .key(let name): parts.append("key \(name.debugDescription)")
    case .tensor(let name): parts.append("tensor \(name.debugDescription)")
    case nil: break
    }
    parts.append("\(kind.statement). \(kind.advice)")
    return parts.joined(separator: ": ")
  }
}

extension GGUFError.Kind {
  /// What is wrong, without the place and without a full stop. One switch, so that no kind is forgotten.
  var statement: String {
    switch self {
    case .missing: "no such file"
    case .noPermission: "no permission to read it"
    case .isDirectory: "is a directory"
    case .notARegularFile: "is a device or a pipe, not a file"
    case .empty: "is empty"
    case .system(let code): "cannot be opened: \(String(cString: strerror(code)))"
    case .textFile: "is a text file, not a GGUF checkpoint"
    case .notGGUF: "is not a GGUF checkpoint: it does not begin with the letters GGUF"
    case .bigEndian: "is a big-endian GGUF file; only little-endian ones can be read"
    case .unsupportedVersion(let version): "has GGUF version \(version); versions 2 and 3 can be read"

    case .cut(let needed, let remaining):
      "\(needed) bytes should follow, but only \(remaining) remain"
    case .countTooLarge(let count, let limit):
      "a count of \(count), but there can be at most \(limit) here"
    case .nameLength(let length, let limit):
      "a name of \(length) bytes; 1 to \(limit) are allowed"
    case .nameNotUTF8: "a name that is not valid UTF-8"
    case .unknownValueType(let number): "unknown value type \(number)"
    case .arraysTooDeep(let limit): "arrays nested more than \(limit) deep"
    case .duplicate(let first, let path): "the name is taken already, at byte \(first) of \(path)"
    case .alignment(let value):
      "an alignment of \(value); powers of two up to \(FileLayout.largestAlignment) are allowed"

    case .dimensionCount(let count): "\(count) dimensions; 1 to \(FileLayout.mostDimensions) are allowed"
    case .dimension(let index, let value): "dimension \(index) is \(value)"
    case .unsupportedTensorType(let number):
      "tensor type \(tensorTypeDescription(number)) is not supported; supported are "
        + BlockFormat.allCases.map(\.name).joined(separator: ", ")
    case .partialBlock(let width, let blockWidth):
      "rows of \(width) values are not a whole number of blocks of \(blockWidth)"
    case .tensorTooLarge: "its dimensions multiply to more than 64 bits can count"
    case .misalignedTensor(let offset, let alignment):
      "its data offset \(offset) is no multiple of the alignment \(alignment)"
    case .tensorPastEnd(let offset, let byteCount, let fileSize):
      "its \(byteCount) bytes at data offset \(offset) end beyond the file's \(fileSize) bytes"
    case .tensorsOverlap(let other): "its data overlaps that of tensor \(other.debugDescription)"

    case .missingKey: "is missing"
    case .wrongType(let expected, let found): "expected \(expected), found \(found)"
    case .integerTooLarge(let value): "the value \(value) is too large"
    case .notABool(let byte): "the byte \(byte) is no truth value; 0 and 1 are"
    case .splitPartMissing(let part, let count): "part \(part) of \(count) of the checkpoint is missing"
    case .splitName(let count):
      "is one of \(count) parts, but its name does not end in -00001-of-\(SplitName.padded(count)).gguf"
    case .splitMismatch(let expected, let found):
      "the parts disagree: expected \(expected), found \(found.map(String.init) ?? "nothing")"
    }
  }

  /// What to do about it.
  var advice: String {
    switch self {
    case .missing: "Check the path."
    case .noPermission: "Ask its owner, or change its permissions."
    case .isDirectory, .notARegularFile: "Name the .gguf file itself."
    case .system: "Try again, or copy the file to another disk."
    case .textFile: "A web page or a Git LFS pointer may have been saved in its place; fetch the file again."
    case .notGGUF, .bigEndian, .unsupportedVersion, .unsupportedTensorType:
      "Use a checkpoint in another form, or convert this one."
    case .missingKey, .wrongType, .integerTooLarge, .notABool:
      "The checkpoint is not made as its kind should be; use another or convert it anew."
    case .splitPartMissing: "Put all parts into one folder."
    case .splitName: "Give the parts the names they were published under."
    case .splitMismatch: "Fetch all parts of the same checkpoint again."
    default: "The file is damaged or cut; fetch it again."
    }
  }
}
