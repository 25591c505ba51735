// The safetensors format, written: float32 tensors in the order given, the header padded to eight bytes.
import Common
import Compute
import Text

/// Collects float32 tensors for one safetensors file.
struct SafetensorsWriter {
  /// A tensor: its shape outermost first, its values row after row.
  struct Tensor {
    let name: String
    let shape: [Int]
    let values: [Float]
  }

  /// Values that are written at a time.
  private static let pieceLength = 1 << 18

  /// The texts of `__metadata__`, in this order.
  var metadata: [(key: String, value: String)] = []
  var tensors: [Tensor] = []

  /// Writes the file piece by piece.
  func write(to file: TemporaryFile) throws(WritingError) {
    try file.write(header)
    for tensor in tensors {
      for first in stride(from: 0, to: tensor.values.count, by: Self.pieceLength) {
        try file.write(tensor.values[first...].prefix(Self.pieceLength).littleEndianBytes)
      }
    }
  }

  /// The header's length and the header.
  private var header: [UInt8] {
    var fields = OrderedFields<JSONValue>()
    fields.set("__metadata__", to: .object(OrderedFields(metadata.map { ($0.key, .string($0.value)) })))
    var offset = 0
    for tensor in tensors {
      let end = offset + 4 * tensor.values.count
      fields.set(
        tensor.name,
        to: [
          "dtype": "F32", "shape": .array(tensor.shape.map { .integer($0) }),
          "data_offsets": [.integer(offset), .integer(end)],
        ])
      offset = end
    }
    var text = Array(JSONValue.object(fields).encoded.utf8)
    text += Array(repeating: UInt8(ascii: " "), count: (8 - text.count % 8) % 8)
    return UInt64(text.count).littleEndianBytes + text
  }
}
