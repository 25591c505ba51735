// The numbers that training changes, and everything shaped like them: gradients, and the optimizer's moments.
import Model

/// The matrices of one adapter in a fixed order: its targets in theirs, A before B. Values are float32.
public struct AdapterParameters: Sendable, Equatable {
  /// Which half of a low-rank product a matrix is.
  public enum Half: String, Sendable {
    /// A, [rank, inputWidth].
    case a = "lora_a"
    /// B, [outputWidth, rank].
    case b = "lora_b"
  }

  /// What one of the matrices is.
  public struct Matrix: Sendable, Equatable {
    /// The weight it changes.
    public let target: AdapterTarget
    /// A or B.
    public let half: Half
    /// Rows.
    public let rows: Int
    /// Columns.
    public let columns: Int
    /// Its name in a GGUF adapter, such as `blk.3.attn_q.weight.lora_a`.
    public var name: String { target.tensorName + "." + half.rawValue }
  }

  /// What the matrices are.
  public let matrices: [Matrix]
  /// The values of each matrix, row after row, [rows * columns].
  public var values: [[Float]]

  /// The matrices of `adapter`.
  public init(_ adapter: Adapter) {
    matrices = adapter.parts.flatMap { part in
      let matrix = part.matrix
      return [
        Matrix(target: part.target, half: .a, rows: matrix.rank, columns: matrix.inputWidth),
        Matrix(target: part.target, half: .b, rows: matrix.outputWidth, columns: matrix.rank),
      ]
    }
    values = adapter.parts.flatMap { [$0.matrix.a, $0.matrix.b] }
  }

  /// Zeros in the shapes of `other`.
  public init(zerosLike other: AdapterParameters) {
    matrices = other.matrices
    values = other.matrices.map { [Float](repeating: 0, count: $0.rows * $0.columns) }
  }

  /// The number of values in all matrices.
  public var count: Int { matrices.reduce(0) { $0 + $1.rows * $1.columns } }
}
