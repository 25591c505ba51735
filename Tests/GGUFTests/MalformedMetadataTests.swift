// One malformation of the metadata at a time: which error, and at which byte.
import Glibc
import Testing

@testable import GGUF

@Suite struct MalformedMetadataTests {
  @Test(arguments: [1, 2, 1 << 40, 1 << 63, .max])
  func keyCountTooLarge(count: UInt64) throws {
    try expectFailure(HeaderBytes(keys: count).bytes, .countTooLarge(count: count, atMost: 0), at: 16)
  }

  @Test func keyCountBeyondTheLimit() throws {
    var header = HeaderBytes(keys: 70_000)
    header.add(bytes: [UInt8](repeating: 0, count: 70_000 * 14))
    try expectFailure(header.bytes, .countTooLarge(count: 70_000, atMost: 65_536), at: 16)
  }

  @Test(arguments: [0, 65_536, 1 << 63, .max]) func keyLength(length: UInt64) throws {
    var header = HeaderBytes(keys: 1)
    header.add(length)
    header.add(bytes: [UInt8](repeating: 0x61, count: 70_000))
    try expectFailure(header.bytes, .nameLength(length: length, atMost: 65_535), at: 24)
  }

  @Test func keyLongerThanTheFile() throws {
    var header = HeaderBytes(keys: 1)
    header.add(UInt64(100))
    header.add(bytes: [UInt8](repeating: 0x61, count: 20))
    try expectFailure(header.bytes, .cut(needed: 100, remaining: 20), at: 32)
  }

  @Test func keyNotUTF8() throws {
    var header = HeaderBytes(keys: 1)
    header.add(UInt64(2))
    header.add(bytes: [0xC3, 0x28])
    header.add(UInt64(0))
    try expectFailure(header.bytes, .nameNotUTF8, at: 24)
  }

  @Test func duplicateKey() throws {
    var header = HeaderBytes(keys: 2)
    header.add(key: "a", type: Number.uint32)
    let first = header.offset
    header.add(UInt32(1))
    let second = header.offset
    header.add(key: "a", type: Number.uint32)
    header.add(UInt32(2))
    let folder = try Folder()
    let path = try folder.write(header.bytes)
    #expect(
      ggufError { try GGUFFile(path: path) }
        == GGUFError(
          path: path, offset: second, subject: .key("a"), kind: .duplicate(first: first, path: path)))
  }

  @Test(arguments: [13, 255, .max]) func unknownValueType(number: UInt32) throws {
    var header = HeaderBytes(keys: 1)
    header.add(key: "abc", type: number)
    header.add(UInt64(0))
    try expectFailure(header.bytes, .unknownValueType(number), at: 35, about: .key("abc"))
  }

  @Test func unknownElementType() throws {
    var header = HeaderBytes(keys: 1)
    header.add(key: "abc", type: Number.array)
    let place = header.offset
    header.add(UInt32(77))
    header.add(UInt64(0))
    try expectFailure(header.bytes, .unknownValueType(77), at: place, about: .key("abc"))
  }

  @Test(arguments: [9, 1 << 32, 1 << 63, .max]) func stringLongerThanTheFile(length: UInt64) throws {
    var header = HeaderBytes(keys: 1)
    header.add(key: "abc", type: Number.string)
    let place = header.offset
    header.add(length)
    header.add(bytes: Array("12345678".utf8))
    try expectFailure(header.bytes, .cut(needed: length, remaining: 8), at: place, about: .key("abc"))
  }

  /// Per element type: the bytes an element takes at least, by the specification.
  @Test(arguments: [(0, 1), (3, 2), (4, 4), (6, 4), (7, 1), (8, 8), (9, 12), (10, 8), (12, 8)])
  func arrayCountTooLarge(type: UInt32, least: Int) throws {
    for count in [UInt64(100 / least + 1), 1 << 61, 1 << 62, 1 << 63, .max] {
      var header = HeaderBytes(keys: 1)
      header.add(key: "abc", type: Number.array)
      header.add(type)
      let place = header.offset
      header.add(count)
      header.add(bytes: [UInt8](repeating: 0, count: 100))
      try expectFailure(
        header.bytes, .countTooLarge(count: count, atMost: 100 / least), at: place, about: .key("abc"))
    }
  }

  /// A file full of holes is as large as it says, and costs its maker nothing.
  @Test(arguments: [(Number.uint8, 1), (Number.string, 8)]) func headerWithoutEnd(type: UInt32, least: Int) throws {
    var header = HeaderBytes(keys: 1)
    header.add(key: "abc", type: Number.array)
    header.add(type)
    header.add(UInt64(100_000_000_000))
    let (folder, start) = (try Folder(), header.offset)
    let path = try folder.write(header.bytes)
    #expect(truncate(path, 1 << 42) == 0)
    let error = try #require(ggufError { try GGUFFile(path: path) })
    #expect(error.kind == .countTooLarge(count: 100_000_000_000, atMost: (1 << 28 - start) / least))
  }

  @Test func stringOfAnArrayLongerThanTheFile() throws {
    var header = HeaderBytes(keys: 1)
    header.add(key: "abc", type: Number.array)
    header.add(Number.string)
    header.add(UInt64(2))
    header.add(string: "good")
    let place = header.offset
    header.add(UInt64.max)
    try expectFailure(header.bytes, .cut(needed: .max, remaining: 0), at: place, about: .key("abc"))
  }

  @Test func arraysNestedTooDeep() throws {
    for depth in 1...6 {
      var header = HeaderBytes(keys: 1)
      header.add(string: "deep")
      var places: [Int] = []
      for _ in 0..<depth {
        header.add(Number.array)
        if !places.isEmpty { header.add(UInt64(1)) }
        places.append(header.offset)
      }
      header.add(Number.uint8)
      header.add(UInt64(1))
      header.add(UInt8(7))
      if depth <= 4 {
        #expect(try open(header).metadata.keys == ["deep"])
      } else {
        try expectFailure(header.bytes, .arraysTooDeep(limit: 4), at: places[4], about: .key("deep"))
      }
    }
  }

  /// A file of nothing but array headers must not exhaust the stack.
  @Test func arraysNestedWithoutEnd() throws {
    var header = HeaderBytes(keys: 1)
    header.add(key: "deep", type: Number.array)
    for _ in 0..<100_000 {
      header.add(Number.array)
      header.add(UInt64(1))
    }
    let error = try #require(ggufError { try open(header) })
    #expect(error.kind == .arraysTooDeep(limit: 4))
  }

  @Test(arguments: [0, 3, 48, 1 << 21, 1 << 31, .max]) func alignment(value: UInt32) throws {
    var header = HeaderBytes(keys: 1)
    header.add(key: "general.alignment", type: Number.uint32)
    let place = header.offset
    header.add(value)
    try expectFailure(
      header.bytes, .alignment(Int(value)), at: place, about: .key("general.alignment"))
  }

  @Test func alignmentOfAnotherType() throws {
    var header = HeaderBytes(keys: 1)
    header.add(key: "general.alignment", type: Number.float32)
    let place = header.offset
    header.add(Float(32).bitPattern)
    try expectFailure(
      header.bytes, .wrongType(expected: "an integer", found: "float32"), at: place,
      about: .key("general.alignment"))
  }

  @Test func alignmentBeyond63Bits() throws {
    var header = HeaderBytes(keys: 1)
    header.add(key: "general.alignment", type: Number.uint64)
    let place = header.offset
    header.add(UInt64(1) << 63)
    try expectFailure(
      header.bytes, .integerTooLarge(1 << 63), at: place, about: .key("general.alignment"))
  }
}
