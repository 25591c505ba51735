// What is no GGUF file at all, or one of another kind: every case has its own error.
import Foundation
import Testing

@testable import GGUF

@Suite struct OpeningTests {
  @Test func missingFile() throws {
    let path = try Folder().file("none.gguf")
    #expect(ggufError { try GGUFFile(path: path) } == GGUFError(path: path, kind: .missing))
    #expect(ggufError { try GGUFFile(path: "") }?.kind == .missing)
  }

  @Test func directory() throws {
    let folder = try Folder()
    #expect(ggufError { try GGUFFile(path: folder.path) }?.kind == .isDirectory)
  }

  @Test func device() {
    #expect(ggufError { try GGUFFile(path: "/dev/null") }?.kind == .notARegularFile)
  }

  @Test func emptyFile() throws {
    try expectFailure([], .empty, at: nil)
  }

  /// The superuser may read every file, so there the permission cannot be tested.
  @Test(.enabled(if: geteuid() != 0)) func noPermission() throws {
    let folder = try Folder()
    let path = try folder.write(HeaderBytes().bytes)
    try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: path)
    #expect(ggufError { try GGUFFile(path: path) }?.kind == .noPermission)
  }

  @Test func systemRefusal() throws {
    let folder = try Folder()
    let path = folder.file("loop.gguf")
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: path)
    #expect(ggufError { try GGUFFile(path: path) }?.kind == .system(code: ELOOP))
  }

  @Test(arguments: ["# Notes\n\tPropofol 2 mg/kg\r\n", "麻醉", "x"])
  func textFile(text: String) throws {
    try expectFailure(Array(text.utf8), .textFile, at: 0)
  }

  @Test(arguments: [[0x50, 0x4B, 0x03, 0x04, 0x00], [0x00], Array("GGML\u{1}\u{0}".utf8)])
  func otherFormat(bytes: [UInt8]) throws {
    try expectFailure(bytes, .notGGUF, at: 0)
  }

  @Test(arguments: [1, 2, 3]) func magicCutShort(length: Int) throws {
    try expectFailure(Array("GGUF".utf8.prefix(length)), .cut(needed: 4, remaining: length), at: 0)
  }

  @Test(arguments: [2, 3]) func bigEndian(version: UInt32) throws {
    try expectFailure(HeaderBytes(version: version.byteSwapped).bytes, .bigEndian, at: 4)
  }

  @Test(arguments: [0, 1, 4, 0x0001_0000, .max]) func otherVersion(version: UInt32) throws {
    try expectFailure(HeaderBytes(version: version).bytes, .unsupportedVersion(version), at: 4)
  }

  @Test(arguments: [2, 3]) func smallestFile(version: UInt32) throws {
    let file = try open(HeaderBytes(version: version))
    #expect(file.version == Int(version))
    #expect(file.metadata.keys.isEmpty)
    #expect(file.tensors.isEmpty)
    #expect(file.headerLength == 24)
    #expect(file.headerBytes() == HeaderBytes(version: version).bytes)
  }

  @Test func messageSaysWhereWhatAndWhatToDo() {
    let cut = GGUFError(
      path: "models/x.gguf", offset: 1234, subject: .tensor("blk.0.attn_q.weight"),
      kind: .cut(needed: 8, remaining: 3))
    #expect(
      cut.description
        == "models/x.gguf: byte 1234: tensor \"blk.0.attn_q.weight\": 8 bytes should follow, but only 3 "
        + "remain. The file is damaged or cut; fetch it again.")
    let missing = GGUFError(path: "x.gguf", kind: .missing)
    #expect(missing.description == "x.gguf: no such file. Check the path.")
    let text = GGUFError(path: "x.md", offset: 0, kind: .textFile)
    #expect(text.description.contains("is a text file, not a GGUF checkpoint"))
  }

  @Test func messageEscapesControlCharacters() {
    let error = GGUFError(path: "x", offset: 0, subject: .key("\u{1B}[2Ja\n"), kind: .nameNotUTF8)
    #expect(!error.description.contains("\u{1B}"))
    #expect(!error.description.contains("\n"))
  }
}
