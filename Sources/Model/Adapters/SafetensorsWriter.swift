// The safetensors format, written: float32 tensors in the order given, the header padded to eight bytes.
import Common
import GGUF
import Text

/// Collects float32 tensors for one safetensors file.
struct SafetensorsWriter {
  /// A tensor: its shape outermost first, its values row after row.
  struct Tensor {
    let name: String
    let shape: [Int]
    let values: [Float]
  }

  private static let pieceBytes = 1 << 20

  /// The texts of `__metadata__`, in this order.
  var metadata: [(key: String, value: String)] = []
  var tensors: [Tensor] = []

  /// Writes the file piece by piece.
  func write(to file: TemporaryFile) throws(WritingError) {
    try file.write(header)
    var piece: [UInt8] = []
    for tensor in tensors {
      for value in tensor.values {
        let bits = value.bitPattern
        for byte in 0..<4 { piece.append(UInt8(truncatingIfNeeded: bits >> (8 * UInt32(byte)))) }
        if piece.count >= Self.pieceBytes {
          try file.write(piece)
          piece.removeAll(keepingCapacity: true)
        }
      }
    }
    try file.write(piece)
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
    return (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) } + text
  }
}
