// The number formats a tensor's data can have: how many values share a block and how many bytes the
// block takes. Identifiers and layouts are those of the GGUF specification (ggml tensor types).

/// A tensor's number format: plain floats, or blocks of quantized values with their scales.
public enum BlockFormat: UInt32, CaseIterable, Sendable {
  /// IEEE numbers of 32 bits.
  case f32 = 0
  /// IEEE numbers of 16 bits.
  case f16 = 1
  /// 4 bits a value and a scale.
  case q4_0 = 2
  /// 4 bits, a scale and a minimum.
  case q4_1 = 3
  /// 5 bits and a scale.
  case q5_0 = 6
  /// 5 bits, a scale and a minimum.
  case q5_1 = 7
  /// 8 bits and a scale.
  case q8_0 = 8
  /// 2 bits; scales and minima of 16 values are of 4 bits.
  case q2_k = 10
  /// 3 bits; scales of 16 values are of 6 bits.
  case q3_k = 11
  /// 4 bits; scales and minima of 32 values are of 6 bits.
  case q4_k = 12
  /// 5 bits; scales and minima of 32 values are of 6 bits.
  case q5_k = 13
  /// 6 bits; scales of 16 values are of 8 bits.
  case q6_k = 14
  /// 4 bits that choose from a table, and a scale.
  case iq4_nl = 20
  /// The same; scales of 32 values are of 6 bits.
  case iq4_xs = 23
  /// The upper 16 bits of IEEE numbers of 32.
  case bf16 = 30

  /// Values in a block: 1 for plain floats, 32, or 256 for super-blocks.
  public var blockWidth: Int {
    switch self {
    case .f32, .f16, .bf16: 1
    case .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .iq4_nl: 32
    case .q2_k, .q3_k, .q4_k, .q5_k, .q6_k, .iq4_xs: 256
    }
  }

  /// Bytes a block takes in the file.
  public var blockBytes: Int {
    switch self {
    case .f32: 4
    case .f16, .bf16: 2
    case .q4_0, .iq4_nl: 18
    case .q4_1: 20
    case .q5_0: 22
    case .q5_1: 24
    case .q8_0: 34
    case .q2_k: 84
    case .q3_k: 110
    case .q4_k: 144
    case .q5_k: 176
    case .q6_k: 210
    case .iq4_xs: 136
    }
  }

  /// The format's usual name, such as `Q4_1`.
  public var name: String {
    switch self {
    case .f32: "F32"
    case .f16: "F16"
    case .bf16: "BF16"
    case .q4_0: "Q4_0"
    case .q4_1: "Q4_1"
    case .q5_0: "Q5_0"
    case .q5_1: "Q5_1"
    case .q8_0: "Q8_0"
    case .q2_k: "Q2_K"
    case .q3_k: "Q3_K"
    case .q4_k: "Q4_K"
    case .q5_k: "Q5_K"
    case .q6_k: "Q6_K"
    case .iq4_nl: "IQ4_NL"
    case .iq4_xs: "IQ4_XS"
    }
  }

  /// Bytes that a row of `width` values takes, or nil when the width is not a positive whole number of
  /// blocks or the product does not fit an `Int`.
  public func rowBytes(width: Int) -> Int? {
    guard width > 0, width % blockWidth == 0 else { return nil }
    let (bytes, overflow) = (width / blockWidth).multipliedReportingOverflow(by: blockBytes)
    return overflow ? nil : bytes
  }
}
