// The writer: what it writes reads back the same, files appear whole or not at all, mistakes are named.
import Common
import Compute
import Foundation
import Testing

@testable import GGUF

@Suite struct WriterTests {
  private let everyValue: [(String, MetadataValue)] = [
    ("a.uint8", .uint8(.max)), ("a.int8", .int8(.min)), ("a.uint16", .uint16(.max)),
    ("a.int16", .int16(.min)), ("a.uint32", .uint32(.max)), ("a.int32", .int32(.min)),
    ("a.uint64", .uint64(.max)), ("a.int64", .int64(.min)), ("a.float32", .float32(-1.5)),
    ("a.float64", .float64(.pi)), ("a.bool", .bool(true)), ("a.string", .string("Grüße\u{0}你好")),
    ("a.strings", .strings(["", "x", "麻醉"])), ("a.floats", .floats([0, .infinity])),
    ("a.integers", .integers([.min, .max])), ("a.bools", .bools([false, true])),
    ("a.empty", .array(of: .string, [])),
    ("a.nested", .array(of: .array, [.array(of: .uint8, [.uint8(1)]), .strings(["y"])])),
  ]

  @Test(arguments: [2, 3]) func everyValueReadsBack(version: Int) throws {
    var writer = GGUFWriter(version: version)
    for (key, value) in everyValue { writer.set(key, value) }
    let file = try open(writer)
    #expect(file.version == version)
    #expect(file.metadata.keys == everyValue.map(\.0))
    for (key, value) in everyValue { #expect(try file.metadata.value(key) == value, "\(key)") }
  }

  /// The bytes of a file small enough to be written down from the specification.
  @Test func bytesOfASmallFile() throws {
    var writer = GGUFWriter()
    writer.set("k", .uint32(7))
    writer.add(tensor: "t", shape: [1], floats: [1])
    var expected = HeaderBytes(tensors: 1, keys: 1)
    expected.add(key: "k", type: 4)
    expected.add(UInt32(7))
    expected.add(tensor: "t", shape: [1])
    expected.addData(0)
    expected.add(bytes: [0, 0, 0x80, 0x3F] + [UInt8](repeating: 0, count: 28))
    #expect(try writer.encoded() == expected.bytes)
  }

  @Test(arguments: [1, 8, 32, 64, 4096]) func tensorsReadBack(alignment: UInt32) throws {
    var writer = GGUFWriter()
    writer.set("general.alignment", .uint32(alignment))
    writer.add(tensor: "a", shape: [3], floats: [1, 2, 3])
    writer.add(tensor: "b", shape: [32, 1, 2], format: .q4_1, bytes: Array(0..<40))
    writer.add(tensor: "c", shape: [1, 1, 1, 1], format: .bf16, bytes: [1, 2])
    let file = try open(writer)
    #expect(file.tensors.map(\.name) == ["a", "b", "c"])
    #expect(file.tensors.map(\.shape) == [[3], [32, 1, 2], [1, 1, 1, 1]])
    #expect(file.tensors.allSatisfy { $0.offset % Int(alignment) == 0 })
    let region = file.region(of: try #require(file.tensor(named: "b")))
    #expect(region.file.bytes(at: region.offset, length: region.count) == Array(0..<40))
    #expect(file.tensor(named: "d") == nil)
  }

  @Test func settingAKeyAgainReplacesItsValue() throws {
    var writer = GGUFWriter()
    writer.set("k", .uint32(1))
    writer.set("l", .uint32(2))
    writer.set("k", .string("new"))
    let metadata = try open(writer).metadata
    #expect(metadata.keys == ["k", "l"])
    #expect(try metadata.string("k") == "new")
  }

  /// A file copied key by key and tensor by tensor is the same file.
  @Test func copyIsTheSame() throws {
    let original = try sampleWriter().encoded()
    let file = try open(original)
    var writer = GGUFWriter()
    for key in file.metadata.keys { writer.set(key, copying: file.metadata) }
    for tensor in file.tensors {
      writer.add(
        tensor: tensor.name, shape: tensor.shape, format: tensor.format, region: file.region(of: tensor))
    }
    writer.set("absent", copying: file.metadata)
    #expect(try writer.encoded() == original)
  }

  /// A tensor of more than one piece of 1 MiB.
  @Test func tensorsAreWrittenInPieces() throws {
    let values = (0..<600_000).map { Float($0) }
    let folder = try Folder()
    var writer = GGUFWriter()
    writer.add(tensor: "large", shape: [600_000], floats: values)
    try writer.write(to: folder.file("one.gguf"))
    let file = try GGUFFile(path: folder.file("one.gguf"))
    let region = file.region(of: file.tensors[0])
    #expect(region.file.integer(UInt32.self, at: region.offset + 4 * 599_999) == Float(599_999).bitPattern)
    var second = GGUFWriter()
    second.add(tensor: "large", shape: [600_000], format: .f32, region: region)
    try second.write(to: folder.file("two.gguf"))
    #expect(try Data(contentsOf: URL(fileURLWithPath: folder.file("two.gguf"))) == Data(writer.encoded()))
  }

  @Test func writesWithPermissionsAndLeavesNothingElse() throws {
    let folder = try Folder()
    let path = folder.file("a.gguf")
    try sampleWriter().write(to: path)
    try sampleWriter().write(to: folder.file("b.gguf"), permissions: 0o644)
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data(sampleWriter().encoded()))
    func permissions(_ path: String) throws -> Int? {
      try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }
    #expect(try permissions(path) == 0o600)
    #expect(try permissions(folder.file("b.gguf")) == 0o644)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["a.gguf", "b.gguf"])
  }

  /// With a name from the beginning, as some file systems need it, and without.
  @Test(arguments: [false, true]) func aFileBeingWrittenLeavesNothing(isNamed: Bool) throws {
    let folder = try Folder()
    let path = folder.file("a")
    func begin() throws -> TemporaryFile { try TemporaryFile(beside: path, permissions: 0o640, isNamed: isNamed) }
    for content in ["first", "second"] {
      var file: TemporaryFile? = try begin()
      try file?.write(Array(content.utf8))
      try file?.rename()
      file = nil
      #expect(try String(contentsOf: URL(fileURLWithPath: path), encoding: .utf8) == content)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a"])
    }
    try begin().write([0])
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a"])
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o640)
  }

  @Test func replacedFileStaysMapped() throws {
    let folder = try Folder()
    let path = folder.file("a.gguf")
    try sampleWriter().write(to: path)
    let old = try GGUFFile(path: path)
    try GGUFWriter().write(to: path)
    #expect(try old.metadata.string("general.architecture") == "llama")
    #expect(try GGUFFile(path: path).metadata.keys.isEmpty)
  }

  @Test func failedWriteLeavesTheOldFile() throws {
    let folder = try Folder()
    let path = folder.file("a.gguf")
    try sampleWriter().write(to: path)
    var faulty = GGUFWriter()
    faulty.add(tensor: "t", shape: [2], floats: [1])
    #expect(throws: GGUFWriterError.byteCount(tensor: "t", expected: 8, found: 4)) {
      try faulty.write(to: path)
    }
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data(sampleWriter().encoded()))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a.gguf"])
  }

  @Test func unwritableFolder() throws {
    let path = try Folder().file("none/a.gguf")
    #expect(throws: GGUFWriterError.system(path: path, code: ENOENT)) { try GGUFWriter().write(to: path) }
  }

  @Test func destinationIsAFolder() throws {
    let folder = try Folder()
    let path = folder.file("a")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    #expect(throws: GGUFWriterError.system(path: path, code: EISDIR)) { try GGUFWriter().write(to: path) }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a"])
  }

  @Test(arguments: [
    MetadataValue.uint32(0), .uint32(3), .uint32(1 << 21), .uint64(32), .string("32"),
  ])
  func badAlignment(value: MetadataValue) {
    var writer = GGUFWriter()
    writer.set("general.alignment", value)
    #expect(throws: GGUFWriterError.alignment) { try writer.encoded() }
  }

  @Test func badNames() {
    var writer = GGUFWriter()
    writer.set("", .uint8(0))
    #expect(throws: GGUFWriterError.nameLength(name: "", atMost: 65_535)) { try writer.encoded() }
    let long = String(repeating: "x", count: 65)
    var second = GGUFWriter()
    second.add(tensor: long, shape: [1], floats: [0])
    #expect(throws: GGUFWriterError.nameLength(name: long, atMost: 64)) { try second.encoded() }
    var third = GGUFWriter()
    for _ in 0..<2 { third.add(tensor: "t", shape: [1], floats: [0]) }
    #expect(throws: GGUFWriterError.duplicateTensor("t")) { try third.encoded() }
  }

  @Test(arguments: [[], [0], [-1], [1, 1, 1, 1, 1], [33], [32, .max]]) func badShapes(shape: [Int]) {
    var writer = GGUFWriter()
    writer.add(tensor: "t", shape: shape, format: .q8_0, bytes: [])
    #expect(throws: GGUFWriterError.shape(tensor: "t", shape: shape, format: .q8_0)) {
      try writer.encoded()
    }
  }

  @Test func badArrays() {
    var writer = GGUFWriter()
    writer.set("k", .array(of: .uint8, [.uint8(1), .string("x")]))
    #expect(throws: GGUFWriterError.elementType(key: "k", expected: .uint8, found: .string)) {
      try writer.encoded()
    }
    var deep = MetadataValue.integers([1])
    for _ in 0..<4 { deep = .array(of: .array, [deep]) }
    writer.set("k", deep)
    #expect(throws: GGUFWriterError.arraysTooDeep(key: "k")) { try writer.encoded() }
  }

  @Test(arguments: [0, 1, 4, -1]) func badVersions(version: Int) {
    #expect(throws: GGUFWriterError.version(UInt32(clamping: version))) {
      try GGUFWriter(version: version).encoded()
    }
  }
}
