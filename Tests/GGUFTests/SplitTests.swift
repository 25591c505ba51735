// Checkpoints in several files: sound ones by any part's path, and every way the parts can disagree.
import Foundation
import Testing

@testable import GGUF

@Suite struct SplitTests {
  private let folder: Folder

  init() throws {
    folder = try Folder()
  }

  private func name(_ part: Int, of count: Int = 3) -> String {
    "model-0000\(part)-of-0000\(count).gguf"
  }

  /// Writes part `part` (from 1), which holds one tensor named after it.
  private func write(
    part: Int, number: UInt16? = nil, count: UInt16? = 3, tensorCount: Int32? = 3, tensor: String? = nil
  ) throws {
    var writer = GGUFWriter()
    writer.set("general.name", .string("part \(part)"))
    writer.set("split.no", .uint16(number ?? UInt16(part - 1)))
    if let count { writer.set("split.count", .uint16(count)) }
    if let tensorCount { writer.set("split.tensors.count", .int32(tensorCount)) }
    writer.add(tensor: tensor ?? "blk.\(part).weight", shape: [1], floats: [Float(part)])
    try writer.write(to: folder.file(name(part)))
  }

  private func openPart(_ part: Int) throws -> GGUFFile { try GGUFFile(path: folder.file(name(part))) }

  @Test(arguments: 1...3) func opensByAnyPart(part: Int) throws {
    for part in 1...3 { try write(part: part) }
    let file = try openPart(part)
    #expect(file.files.map(\.path) == (1...3).map { folder.file(name($0)) })
    #expect(file.tensors.map(\.name) == ["blk.1.weight", "blk.2.weight", "blk.3.weight"])
    #expect(file.tensors.map(\.fileIndex) == [0, 1, 2])
    #expect(try file.metadata.string("general.name") == "part 1")
    let region = file.region(of: try #require(file.tensor(named: "blk.3.weight")))
    #expect(region.file === file.files[2])
    #expect(region.file.integer(UInt32.self, at: region.offset) == Float(3).bitPattern)
  }

  @Test func missingPartIsNamed() throws {
    try write(part: 1)
    try write(part: 3)
    let error = try #require(ggufError { try openPart(1) })
    #expect(error == GGUFError(path: folder.file(name(2)), kind: .splitPartMissing(part: 2, count: 3)))
    #expect(error.description.contains("part 2 of 3 of the checkpoint is missing"))
  }

  @Test func renamedFile() throws {
    try write(part: 1)
    let path = folder.file("renamed.gguf")
    try FileManager.default.moveItem(atPath: folder.file(name(1)), toPath: path)
    let error = try #require(ggufError { try GGUFFile(path: path) })
    #expect(error.kind == .splitName(count: 3))
    #expect(error.subject == .key("split.count"))
    #expect(error.offset != nil)
  }

  @Test func wrongPartNumber() throws {
    for part in 1...3 { try write(part: part, number: part == 2 ? 0 : nil) }
    let error = try #require(ggufError { try openPart(3) })
    #expect(error.kind == .splitMismatch(expected: 1, found: 0))
    #expect(error.subject == .key("split.no"))
    #expect(error.path == folder.file(name(2)))
  }

  @Test func wrongPartCount() throws {
    for part in 1...3 { try write(part: part, count: part == 2 ? 4 : 3) }
    let error = try #require(ggufError { try openPart(1) })
    #expect(error.kind == .splitMismatch(expected: 3, found: 4))
    #expect(error.subject == .key("split.count"))
  }

  @Test func partWithoutSplitKeys() throws {
    for part in 1...3 { try write(part: part, count: part == 3 ? nil : 3) }
    let error = try #require(ggufError { try openPart(1) })
    #expect(error.kind == .splitMismatch(expected: 3, found: nil))
    #expect(error.path == folder.file(name(3)))
    #expect(error.offset == nil)
  }

  @Test func wrongTensorCount() throws {
    for part in 1...3 { try write(part: part, tensorCount: 4) }
    let error = try #require(ggufError { try openPart(1) })
    #expect(error.kind == .splitMismatch(expected: 4, found: 3))
    #expect(error.subject == .key("split.tensors.count"))
  }

  @Test func tensorInTwoParts() throws {
    for part in 1...3 { try write(part: part, tensor: part == 3 ? "blk.1.weight" : nil) }
    let error = try #require(ggufError { try openPart(1) })
    let first = try #require(try? GGUFFile(path: soloCopy(of: 1)).tensors.first)
    #expect(error.path == folder.file(name(3)))
    #expect(error.subject == .tensor("blk.1.weight"))
    #expect(error.kind == .duplicate(first: first.entryOffset, path: folder.file(name(1))))
  }

  /// A file with part 1's layout that is no part of anything.
  private func soloCopy(of part: Int) throws -> String {
    var bytes = try Data(contentsOf: URL(fileURLWithPath: folder.file(name(part))))
    let key = try #require(bytes.range(of: Data("split.count".utf8)))
    bytes.replaceSubrange(key, with: Data("other.count".utf8))
    return try folder.write(Array(bytes), to: "solo.gguf")
  }

  @Test func damagedPartIsNamed() throws {
    for part in 1...3 { try write(part: part) }
    try folder.write(Array("GGUF".utf8), to: name(2))
    let error = try #require(ggufError { try openPart(1) })
    #expect(error.path == folder.file(name(2)))
    #expect(error.kind == .cut(needed: 4, remaining: 0))
  }

  @Test func splitKeysOfAnotherType() throws {
    var writer = GGUFWriter()
    writer.set("split.count", .string("3"))
    let error = try #require(ggufError { try open(writer) })
    #expect(error.kind == .wrongType(expected: "an integer", found: "string"))
  }

  @Test func onePartIsNoSplit() throws {
    var writer = GGUFWriter()
    writer.set("split.count", .uint16(1))
    #expect(try open(writer).files.count == 1)
  }

  @Test func names() {
    let name = SplitName(path: "a/b-00002-of-00010.gguf")
    #expect(name?.stem == "a/b")
    #expect(name?.part == 2)
    #expect(name?.count == 10)
    #expect(name?.path(ofPart: 10) == "a/b-00010-of-00010.gguf")
    let others = [
      "", ".gguf", "b.gguf", "b-00000-of-00003.gguf", "b-00004-of-00003.gguf", "b-00001-of-00000.gguf",
      "b-0001-of-0003.gguf", "b-0000a-of-00003.gguf", "b-00001-of-00003.bin", "b-+0001-of-00003.gguf",
      "b00001-of-00003.gguf",
    ]
    for other in others { #expect(SplitName(path: other) == nil, "\(other)") }
  }
}
