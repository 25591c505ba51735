// Files of the format's reference implementation: a file made by the Python package gguf 0.19.0, and the
// places and sizes that package's own reader reports for it.
import Foundation
import Testing

@testable import GGUF

@Suite struct ReferenceFileTests {
  private let file: GGUFFile

  init() throws {
    let data = try #require(Data(base64Encoded: referenceFile, options: .ignoreUnknownCharacters))
    file = try open(Array(data))
  }

  @Test func scalars() throws {
    let metadata = file.metadata
    #expect(file.version == 3)
    #expect(try metadata.string("general.architecture") == "llama")
    #expect(try metadata.value("a.u8") == .uint8(200))
    #expect(try metadata.value("a.i8") == .int8(-5))
    #expect(try metadata.value("a.u16") == .uint16(60_000))
    #expect(try metadata.value("a.i16") == .int16(-30_000))
    #expect(try metadata.value("a.u32") == .uint32(4_000_000_000))
    #expect(try metadata.value("a.i32") == .int32(-2_000_000_000))
    #expect(try metadata.value("a.u64") == .uint64((1 << 63) + 5))
    #expect(try metadata.value("a.i64") == .int64(-(1 << 62)))
    #expect(try metadata.value("a.f32") == .float32(1.5))
    #expect(try metadata.value("a.f64") == .float64(-0.1))
    #expect(try metadata.bool("a.bool") == true)
    #expect(try metadata.string("a.string") == "Grüße 你好")
  }

  @Test func arrays() throws {
    #expect(try file.metadata.value("a.strings") == .strings(["a", "", "麻醉"]))
    #expect(try file.metadata.integers("a.ints") == [1, -2, 3])
    #expect(try file.metadata.floats("a.floats") == [0.5, -1.25])
    #expect(try file.metadata.value("a.bools") == .bools([true, false]))
  }

  @Test func keysAndPlaces() {
    #expect(
      file.metadata.keys == [
        "general.architecture", "a.u8", "a.i8", "a.u16", "a.i16", "a.u32", "a.i32", "a.u64", "a.i64", "a.f32",
        "a.f64", "a.bool", "a.string", "a.strings", "a.ints", "a.floats", "a.bools",
      ])
    // The package reports where the key's length stands; the value follows length, key and type.
    let entry = file.metadata.entry("a.strings")
    #expect(entry?.offset == 340 + 8 + 9 + 4)
  }

  @Test func tensors() throws {
    #expect(file.tensors.map(\.name) == ["f32", "f16", "q8"])
    #expect(file.tensors.map(\.format) == [.f32, .f16, .q8_0])
    #expect(file.tensors.map(\.shape) == [[4, 3], [3, 2], [32, 2]])
    #expect(file.tensors.map(\.offset) == [672, 736, 768])
    #expect(file.tensors.map(\.byteCount) == [48, 12, 68])
    #expect(file.tensors.map(\.entryOffset) == [519, 562, 605])
    let region = file.region(of: try #require(file.tensor(named: "f32")))
    let values = (0..<12).map { index in
      region.file.integer(UInt32.self, at: region.offset + 4 * index).map(Float.init(bitPattern:))
    }
    #expect(values == (0..<12).map { Float($0) })
  }
}

/// The whole file, 864 bytes, in base 64.
private let referenceFile = """
  R0dVRgMAAAADAAAAAAAAABEAAAAAAAAAFAAAAAAAAABnZW5lcmFsLmFyY2hpdGVjdHVyZQgAAAAFAAAAAAAAAGxsYW1hBAAAAAAA
  AABhLnU4AAAAAMgEAAAAAAAAAGEuaTgBAAAA+wUAAAAAAAAAYS51MTYCAAAAYOoFAAAAAAAAAGEuaTE2AwAAANCKBQAAAAAAAABh
  LnUzMgQAAAAAKGvuBQAAAAAAAABhLmkzMgUAAAAAbMqIBQAAAAAAAABhLnU2NAoAAAAFAAAAAAAAgAUAAAAAAAAAYS5pNjQLAAAA
  AAAAAAAAAMAFAAAAAAAAAGEuZjMyBgAAAAAAwD8FAAAAAAAAAGEuZjY0DAAAAJqZmZmZmbm/BgAAAAAAAABhLmJvb2wHAAAAAQgA
  AAAAAAAAYS5zdHJpbmcIAAAADgAAAAAAAABHcsO8w59lIOS9oOWlvQkAAAAAAAAAYS5zdHJpbmdzCQAAAAgAAAADAAAAAAAAAAEA
  AAAAAAAAYQAAAAAAAAAABgAAAAAAAADpurvphokGAAAAAAAAAGEuaW50cwkAAAAFAAAAAwAAAAAAAAABAAAA/v///wMAAAAIAAAA
  AAAAAGEuZmxvYXRzCQAAAAYAAAACAAAAAAAAAAAAAD8AAKC/BwAAAAAAAABhLmJvb2xzCQAAAAcAAAACAAAAAAAAAAEAAwAAAAAA
  AABmMzICAAAABAAAAAAAAAADAAAAAAAAAAAAAAAAAAAAAAAAAAMAAAAAAAAAZjE2AgAAAAMAAAAAAAAAAgAAAAAAAAABAAAAQAAA
  AAAAAAACAAAAAAAAAHE4AgAAACAAAAAAAAAAAgAAAAAAAAAIAAAAYAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
  AAAAgD8AAABAAABAQAAAgEAAAKBAAADAQAAA4EAAAABBAAAQQQAAIEEAADBBAAAAAAAAAAAAAAAAAAAAAAAAADwAQABCAEQARQAA
  AAAAAAAAAAAAAAAAAAAAAAAACCCBhYmNkZWZnaGlqa2xtbm9wsbKztLW2t7i5uru8vb6/gggAgYKDhIWGh4iJiouMjY6PkNHS09T
  V1tfY2drb3N3e38AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
  """
