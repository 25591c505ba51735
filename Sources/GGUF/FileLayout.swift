// The fixed figures of the GGUF format, as its specification gives them, and the limits that keep a
// hostile file from costing much: reader and writer hold themselves to the same ones.

/// Sizes and limits of the GGUF format.
enum FileLayout {
  /// The letters GGUF.
  static let magic: [UInt8] = [0x47, 0x47, 0x55, 0x46]
  /// The versions read and written; they differ in nothing but big-endian files, which version 3 allows.
  static let versions: ClosedRange<UInt32> = 2...3

  static let alignmentKey = "general.alignment"
  static let defaultAlignment = 32
  /// Far above any page size; the specification sets no limit.
  static let largestAlignment = 1 << 20

  /// Headers, vocabularies among them, take some ten MB. Without a limit a file full of holes, which costs its maker
  /// nothing, could be read for hours.
  static let longestHeader = 1 << 28
  static let longestKey = 65_535
  static let longestTensorName = 64
  static let mostDimensions = 4
  /// Checkpoints have some dozens of keys.
  static let mostKeys = 1 << 16
  /// Checkpoints with one tensor for each of some hundred experts in each layer have some 50,000.
  static let mostTensors = 1 << 18
  /// Arrays of arrays are allowed by the specification but unknown in the wild.
  static let deepestArray = 4

  /// An array's element type (4 bytes) and count (8).
  static let arrayHeaderBytes = 12
  /// A key of one byte with its length (9), a value's type (4) and a value of one byte.
  static let leastKeyBytes = 14
  /// A name of one byte with its length (9), dimension count (4), one dimension (8), type (4), offset (8).
  static let leastTensorBytes = 33

  /// Whether `value` may be a file's alignment.
  static func isAlignment(_ value: Int) -> Bool {
    value > 0 && value <= largestAlignment && value & (value - 1) == 0
  }

  /// `offset` rounded up to a multiple of `alignment`, or nil when that does not fit an `Int`.
  static func align(_ offset: Int, to alignment: Int) -> Int? {
    let (sum, overflow) = offset.addingReportingOverflow(alignment - 1)
    return overflow ? nil : sum & ~(alignment - 1)
  }
}
