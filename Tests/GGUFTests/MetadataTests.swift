// The typed getters: right values, nil for what is absent, an error that names key, types and byte else.
import Testing

@testable import GGUF

@Suite struct MetadataTests {
  private func metadata(_ key: String, _ value: MetadataValue) throws -> Metadata {
    var writer = GGUFWriter()
    writer.set(key, value)
    return try open(writer).metadata
  }

  @Test func absentKeys() throws {
    let metadata = try open(HeaderBytes()).metadata
    #expect(try metadata.string("k") == nil)
    #expect(try metadata.integer("k") == nil)
    #expect(try metadata.float("k") == nil)
    #expect(try metadata.bool("k") == nil)
    #expect(try metadata.strings("k") == nil)
    #expect(try metadata.integers("k") == nil)
    #expect(try metadata.floats("k") == nil)
    #expect(try metadata.value("k") == nil)
    #expect(metadata.entry("k") == nil)
  }

  @Test(arguments: [
    (MetadataValue.uint8(255), 255), (.int8(-128), -128), (.uint16(65_535), 65_535),
    (.int16(-32_768), -32_768), (.uint32(.max), 4_294_967_295), (.int32(.min), -2_147_483_648),
    (.uint64(1 << 62), 1 << 62), (.int64(.min), .min),
  ])
  func integersOfEveryType(value: MetadataValue, expected: Int) throws {
    let metadata = try metadata("k", value)
    #expect(try metadata.integer("k") == expected)
    #expect(try metadata.float("k") == Double(expected))
    #expect(try metadata.value("k") == value)
  }

  @Test func floats() throws {
    #expect(try metadata("k", .float32(0.1)).float("k") == Double(Float(0.1)))
    #expect(try metadata("k", .float64(0.1)).float("k") == 0.1)
    #expect(try metadata("k", .uint64(.max)).float("k") == 18_446_744_073_709_551_616)
  }

  @Test func unsignedBeyond63Bits() throws {
    let metadata = try metadata("k", .uint64(1 << 63))
    let error = try #require(ggufError { try metadata.integer("k") })
    #expect(error == metadata.error(.integerTooLarge(1 << 63), for: "k"))
    #expect(error.offset == 24 + 9 + 4)
  }

  @Test func boolOfAnotherByte() throws {
    var header = HeaderBytes(keys: 1)
    header.add(key: "k", type: Number.bool)
    let place = header.offset
    header.add(UInt8(2))
    let metadata = try open(header).metadata
    let error = try #require(ggufError { try metadata.bool("k") })
    #expect(error.kind == .notABool(2))
    #expect(error.offset == place)
  }

  @Test func arrays() throws {
    #expect(try metadata("k", .integers([1, -2])).integers("k") == [1, -2])
    #expect(try metadata("k", .array(of: .uint16, [.uint16(9)])).integers("k") == [9])
    #expect(try metadata("k", .floats([1, -0.5])).floats("k") == [1, -0.5])
    #expect(try metadata("k", .array(of: .float64, [.float64(2.5)])).floats("k") == [2.5])
    #expect(try metadata("k", .integers([7])).floats("k") == [7])
    #expect(try metadata("k", .integers([])).integers("k") == [])
  }

  @Test func packedStrings() throws {
    let strings = try #require(try metadata("k", .strings(["ab", "", "麻"])).strings("k"))
    #expect(strings.count == 3)
    #expect(strings.bytes == Array("ab麻".utf8))
    #expect(strings.ends == [2, 2, 5])
    #expect(strings[0] == Array("ab".utf8)[...])
    #expect(strings[1].isEmpty)
    #expect(strings.string(at: 2) == "麻")
  }

  @Test func stringsThatAreNotUTF8() throws {
    var header = HeaderBytes(keys: 2)
    header.add(key: "one", type: Number.string)
    header.add(UInt64(2))
    header.add(bytes: [0x61, 0xFF])
    header.add(key: "many", type: Number.array)
    header.add(Number.string)
    header.add(UInt64(2))
    for byte: UInt8 in [0x80, 0x62] {
      header.add(UInt64(1))
      header.add(byte)
    }
    let metadata = try open(header).metadata
    #expect(try metadata.string("one") == "a\u{FFFD}")
    let strings = try #require(try metadata.strings("many"))
    #expect(strings[0] == [0x80])
    #expect(strings.string(at: 0) == "\u{FFFD}")
    #expect(strings.string(at: 1) == "b")
  }

  /// More strings and longer ones than the cursor's window of 64 KiB.
  @Test func stringsBeyondTheWindow() throws {
    let texts =
      (0..<3000).map { String(repeating: "\($0),", count: $0 % 40) }
      + [String(repeating: "x", count: 200_000), "end"]
    let metadata = try metadata("k", .strings(texts))
    let strings = try #require(try metadata.strings("k"))
    #expect((0..<strings.count).map { strings.string(at: $0) } == texts)
  }

  @Test func wrongTypes() throws {
    let metadata = try open(sampleWriter()).metadata
    func expect<Value>(
      _ key: String, _ expected: String, _ found: String,
      sourceLocation: SourceLocation = #_sourceLocation, _ get: (String) throws -> Value
    ) {
      let error = ggufError { try get(key) }
      let place = metadata.entry(key)?.offset
      #expect(place != nil, sourceLocation: sourceLocation)
      #expect(error?.kind == .wrongType(expected: expected, found: found), sourceLocation: sourceLocation)
      #expect(error?.subject == .key(key), sourceLocation: sourceLocation)
      #expect(error?.offset == place, sourceLocation: sourceLocation)
    }
    expect("llama.block_count", "a string", "uint32") { try metadata.string($0) }
    expect("general.architecture", "an integer", "string") { try metadata.integer($0) }
    expect("llama.rope.freq_base", "an integer", "float32") { try metadata.integer($0) }
    expect("tokenizer.ggml.add_bos_token", "an integer", "bool") { try metadata.integer($0) }
    expect("tokenizer.ggml.add_bos_token", "a number", "bool") { try metadata.float($0) }
    expect("llama.block_count", "a bool", "uint32") { try metadata.bool($0) }
    expect("tokenizer.ggml.tokens", "a string", "array of string") { try metadata.string($0) }
    expect("general.architecture", "an array of strings", "string") { try metadata.strings($0) }
    expect("tokenizer.ggml.scores", "an array of strings", "array of float32") { try metadata.strings($0) }
    expect("tokenizer.ggml.scores", "an array of integers", "array of float32") {
      try metadata.integers($0)
    }
    expect("tokenizer.ggml.tokens", "an array of numbers", "array of string") { try metadata.floats($0) }
    expect("nested", "an array of integers", "array of array") { try metadata.integers($0) }
  }

  @Test func entriesTellTypeCountAndPlace() throws {
    let metadata = try open(sampleWriter()).metadata
    let tokens = try #require(metadata.entry("tokenizer.ggml.tokens"))
    #expect(tokens.type == .array)
    #expect(tokens.elementType == .string)
    #expect(tokens.count == 4)
    #expect(tokens.typeName == "array of string")
    #expect(tokens.byteCount == 12 + 4 * 8 + 3 + 1 + 0 + 6)
    let architecture = try #require(metadata.entry("general.architecture"))
    #expect(architecture.offset == 24 + 8 + 20 + 4)
    #expect(architecture.byteCount == 8 + 5)
    #expect(metadata.keys.first == "general.architecture")
    #expect(metadata.keys.count == 9)
  }

  @Test func shownElementsAreLimited() throws {
    let nested = MetadataValue.array(
      of: .array, [.integers([1, 2]), .integers([3, 4]), .strings(["x"])])
    let metadata = try metadata("k", nested)
    #expect(try metadata.value("k") == nested)
    // Five elements: the first inner array with its two, the second with its first.
    #expect(
      try metadata.value("k", elementLimit: 5)
        == .array(of: .array, [.integers([1, 2]), .integers([3])]))
    #expect(try metadata.value("k", elementLimit: 0) == .array(of: .array, []))
    #expect(try metadata.value("k", elementLimit: -1) == .array(of: .array, []))
  }

  @Test func errorAboutAnAbsentKey() throws {
    let metadata = try open(HeaderBytes()).metadata
    let error = metadata.error(.missingKey, for: "llama.block_count")
    #expect(error.offset == nil)
    #expect(error.path == metadata.path)
    #expect(error.description.hasPrefix("\(metadata.path): key \"llama.block_count\": is missing. "))
  }
}
