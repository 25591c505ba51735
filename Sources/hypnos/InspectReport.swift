// The figures of `hypnos inspect`, as text and as JSON.
import Compute
import GGUF
import Model
import Text

/// Everything `inspect` shows of one file.
struct InspectReport {
  private let sections: [(title: String, rows: [(name: String, value: JSONValue)])]

  init(
    file: GGUFFile, checkpoint: Result<Checkpoint, any Error>, kernels: KernelSet, context: Int?, verified: Bool
  ) throws {
    var sections = [
      ("file", InspectReport.fileRows(file)),
      ("metadata", try InspectReport.metadataRows(file.metadata)),
      ("tensors", InspectReport.tensorRows(file.tensors)),
    ]
    if let checkpoint = try? checkpoint.get() {
      sections.append(("tokenizer", InspectReport.tokenizerRows(checkpoint.tokenizer)))
      sections.append(("template", [("source", checkpoint.templateSource.map { .string($0) } ?? .null)]))
      sections.append(("running it", InspectReport.runningRows(checkpoint, kernels, context, verified)))
    }
    self.sections = sections.map { (title: $0.0, rows: $0.1) }
  }

  private static func fileRows(_ file: GGUFFile) -> [(name: String, value: JSONValue)] {
    [
      ("path", .string(file.metadata.path)), ("version", .integer(file.version)),
      ("parts", .integer(file.files.count)), ("bytes", .integer(file.files.reduce(0) { $0 + $1.count })),
    ]
  }

  private static func metadataRows(_ metadata: Metadata) throws -> [(name: String, value: JSONValue)] {
    try metadata.entries.map { entry in
      if entry.elementType != nil, entry.count > 16 {
        return (entry.key, .string("\(entry.typeName), \(entry.count) elements"))
      }
      if entry.key == "tokenizer.chat_template" { return (entry.key, .string("see below")) }
      return (entry.key, json(try metadata.value(entry.key)))
    }
  }

  private static func json(_ value: MetadataValue?) -> JSONValue {
    switch value {
    case .none: return .null
    case .string(let text): return .string(text)
    case .bool(let flag): return .boolean(flag)
    case .array(_, let elements): return .array(elements.map { json($0) })
    case .float32(let number): return number.isFinite ? .number(Double(number)) : .string("\(number)")
    case .float64(let number): return number.isFinite ? .number(number) : .string("\(number)")
    case .uint8(let number): return .integer(Int(number))
    case .int8(let number): return .integer(Int(number))
    case .uint16(let number): return .integer(Int(number))
    case .int16(let number): return .integer(Int(number))
    case .uint32(let number): return .integer(Int(number))
    case .int32(let number): return .integer(Int(number))
    case .uint64(let number): return Int(exactly: number).map { .integer($0) } ?? .string("\(number)")
    case .int64(let number): return .integer(Int(number))
    }
  }

  private static func tensorRows(_ tensors: [TensorInfo]) -> [(name: String, value: JSONValue)] {
    tensors.map { tensor in
      let shape = tensor.shape.map(String.init).joined(separator: " x ")
      return (
        tensor.name, .string("\(tensor.format.name) [\(shape)] at byte \(tensor.offset), \(tensor.byteCount) bytes")
      )
    }
  }

  private static func tokenizerRows(_ tokenizer: Tokenizer) -> [(name: String, value: JSONValue)] {
    func name(_ id: Int?) -> JSONValue {
      guard let id else { return .null }
      return .string("\(id) \(String(decoding: tokenizer.text(of: id), as: UTF8.self))")
    }
    return [
      ("tokens", .integer(tokenizer.vocabularySize)), ("beginning of text", name(tokenizer.beginningOfText)),
      ("added by itself", .boolean(tokenizer.addsBeginning)),
      ("end tokens", .array(tokenizer.endTokens.sorted().map { name($0) })),
    ]
  }

  private static func runningRows(
    _ checkpoint: Checkpoint, _ kernels: KernelSet, _ context: Int?, _ verified: Bool
  ) -> [(name: String, value: JSONValue)] {
    let length = context ?? checkpoint.parameters.trainedContext
    let cacheBytes = checkpoint.cacheBytes(positions: length, format: .f16Whole)
    return [
      ("architecture", .string(checkpoint.parameters.architecture.rawValue)),
      ("parameters", .integer(checkpoint.parameterCount)), ("fingerprint", .string(checkpoint.fingerprint)),
      ("kernels", .string(kernels.name)),
      ("kernels this processor runs", .array(KernelSet.available.map { .string($0.name) })),
      ("physical cores", .integer(Processors.physicalCores)), ("context", .integer(length)),
      ("bytes mapped from the file", .integer(checkpoint.byteCount)),
      ("bytes of KV cache when the context is full", .integer(cacheBytes)),
      ("bytes of its sketches for long answers", .integer(checkpoint.cacheBytes(positions: length) - cacheBytes)),
      ("weights verified", .boolean(verified)),
    ]
  }

  /// The report for reading.
  var text: String {
    sections.map { section in
      let rows = section.rows.map { row in
        if case .string(let text) = row.value { return "  \(row.name): \(text)" }
        return "  \(row.name): \(row.value.encoded)"
      }
      return ([section.title.uppercased()] + rows).joined(separator: "\n")
    }.joined(separator: "\n\n") + "\n"
  }

  /// The report for programs.
  var json: JSONValue {
    .object(
      OrderedFields(
        sections.map { section in
          (section.title, JSONValue.object(OrderedFields(section.rows.map { ($0.name, $0.value) })))
        }))
  }
}
