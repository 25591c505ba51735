// What all tests of this module share: a folder that goes away, opening bytes as if they were a file, and
// the error that opening them makes.
import Foundation
import Testing

@testable import GGUF

/// A temporary folder, removed with its last reference.
final class Folder {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("gguf-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  @discardableResult
  func write(_ bytes: [UInt8], to name: String = "file.gguf") throws -> String {
    let path = file(name)
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    return path
  }
}

/// Opens `bytes` as a file; the mapping outlives the folder.
func open(_ bytes: [UInt8]) throws -> GGUFFile {
  let folder = try Folder()
  return try GGUFFile(path: try folder.write(bytes))
}

func open(_ header: HeaderBytes) throws -> GGUFFile { try open(header.bytes) }

func open(_ writer: GGUFWriter) throws -> GGUFFile { try open(try writer.encoded()) }

/// Expects that opening `bytes` fails with this kind of error, at this byte, about this subject.
func expectFailure(
  _ bytes: [UInt8], _ kind: GGUFError.Kind, at offset: Int?, about subject: GGUFError.Subject? = nil,
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let folder = try Folder()
  let path = try folder.write(bytes)
  let error = #expect(throws: GGUFError.self, sourceLocation: sourceLocation) {
    try GGUFFile(path: path)
  }
  let expected = GGUFError(path: path, offset: offset, subject: subject, kind: kind)
  #expect(error == expected, sourceLocation: sourceLocation)
}

/// The GGUF error that `body` throws, or nil when it does not.
func ggufError<Result>(_ body: () throws -> Result) -> GGUFError? {
  do {
    _ = try body()
    return nil
  } catch {
    return error as? GGUFError
  }
}

/// A small sound checkpoint with values of every kind and two tensors.
func sampleWriter() -> GGUFWriter {
  var writer = GGUFWriter()
  writer.set("general.architecture", .string("llama"))
  writer.set("general.alignment", .uint32(32))
  writer.set("llama.block_count", .uint32(2))
  writer.set("llama.rope.freq_base", .float32(10_000))
  writer.set("tokenizer.ggml.tokens", .strings(["<s>", "a", "", "麻醉"]))
  writer.set("tokenizer.ggml.scores", .floats([0, -1, -2, -3.5]))
  writer.set("tokenizer.ggml.token_type", .integers([3, 1, 1, 1]))
  writer.set("tokenizer.ggml.add_bos_token", .bool(true))
  writer.set("nested", .array(of: .array, [.integers([1]), .strings(["x", "y"])]))
  writer.add(tensor: "output.weight", shape: [4, 2], floats: [0, 1, 2, 3, 4, 5, 6, 7])
  writer.add(tensor: "blk.0.attn_q.weight", shape: [32, 2], format: .q8_0, bytes: Array(0..<68))
  return writer
}
