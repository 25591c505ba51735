// One malformation of the tensor directory at a time: which error, and at which byte.
import Testing

@testable import GGUF

@Suite struct MalformedTensorTests {
  @Test(arguments: [1, 2, 1 << 40, 1 << 63, .max])
  func tensorCountTooLarge(count: UInt64) throws {
    try expectFailure(HeaderBytes(tensors: count).bytes, .countTooLarge(count: count, atMost: 0), at: 8)
  }

  @Test func tensorCountBeyondTheLimit() throws {
    var header = HeaderBytes(tensors: 300_000)
    header.add(bytes: [UInt8](repeating: 0, count: 300_000 * 33))
    try expectFailure(header.bytes, .countTooLarge(count: 300_000, atMost: 1 << 18), at: 8)
  }

  @Test(arguments: [0, 65, 1 << 63, .max]) func nameLength(length: UInt64) throws {
    var header = HeaderBytes(tensors: 1)
    header.add(length)
    header.add(bytes: [UInt8](repeating: 0x61, count: 100))
    try expectFailure(header.bytes, .nameLength(length: length, atMost: 64), at: 24)
  }

  @Test func nameNotUTF8() throws {
    var header = HeaderBytes(tensors: 1)
    header.add(UInt64(1))
    header.add(bytes: [0xFF])
    header.add(bytes: [UInt8](repeating: 0, count: 30))
    try expectFailure(header.bytes, .nameNotUTF8, at: 24)
  }

  @Test(arguments: [0, 5, 1 << 31, .max]) func dimensionCount(count: UInt32) throws {
    var header = HeaderBytes(tensors: 1)
    header.add(string: "x")
    let place = header.offset
    header.add(count)
    header.add(bytes: [UInt8](repeating: 1, count: 100))
    try expectFailure(header.bytes, .dimensionCount(count), at: place, about: .tensor("x"))
  }

  @Test(arguments: [0, 1 << 63, .max]) func dimension(value: UInt64) throws {
    for index in 0..<4 {
      var shape: [UInt64] = [1, 1, 1, 1]
      shape[index] = value
      var header = HeaderBytes(tensors: 1)
      let places = header.add(tensor: "x", shape: shape)
      header.addData(64)
      try expectFailure(
        header.bytes, .dimension(index: index, value: value), at: places.shape + 4 + 8 * index,
        about: .tensor("x"))
    }
  }

  @Test(arguments: [[1 << 32, 1 << 32], [1 << 62], [1 << 61, 4], [3, 1 << 62, 1 << 62, 1], [2, 1 << 60]])
  func sizeWraps(shape: [UInt64]) throws {
    var header = HeaderBytes(tensors: 1)
    let places = header.add(tensor: "x", shape: shape)
    header.addData(64)
    try expectFailure(header.bytes, .tensorTooLarge, at: places.shape, about: .tensor("x"))
  }

  /// 2^31 rows of 2^31 quantized blocks fit 64 bits in neither values nor bytes.
  @Test func sizeOfBlocksWraps() throws {
    var header = HeaderBytes(tensors: 1)
    let places = header.add(tensor: "x", shape: [1 << 36, 1 << 31], type: 12)
    try expectFailure(header.bytes, .tensorTooLarge, at: places.shape, about: .tensor("x"))
  }

  @Test(arguments: [(8, 31, 32), (8, 33, 32), (2, 1, 32), (12, 128, 256), (23, 576, 256)])
  func partialBlock(type: UInt32, width: Int, blockWidth: Int) throws {
    var header = HeaderBytes(tensors: 1)
    let places = header.add(tensor: "x", shape: [UInt64(width), 2], type: type)
    header.addData(4096)
    try expectFailure(
      header.bytes, .partialBlock(width: width, blockWidth: blockWidth), at: places.shape,
      about: .tensor("x"))
  }

  @Test(arguments: [4, 5, 9, 15, 16, 17, 18, 19, 21, 22, 24, 25, 26, 27, 28, 29, 31, 34, 35, 39, 40, .max])
  func unsupportedType(number: UInt32) throws {
    var header = HeaderBytes(tensors: 1)
    let places = header.add(tensor: "x", shape: [256], type: number)
    header.addData(4096)
    try expectFailure(header.bytes, .unsupportedTensorType(number), at: places.type, about: .tensor("x"))
  }

  @Test func unsupportedTypeIsNamed() {
    func message(_ number: UInt32) -> String {
      GGUFError(
        path: "x.gguf", offset: 9, subject: .tensor("t"), kind: .unsupportedTensorType(number)
      ).description
    }
    #expect(
      message(16)
        == "x.gguf: byte 9: tensor \"t\": tensor type 16 (IQ2_XXS) is not supported; supported are F32, "
        + "F16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, IQ4_XS, BF16. "
        + "Use a checkpoint in another form, or convert this one.")
    #expect(message(39).contains("39 (MXFP4)"))
    #expect(message(9999).contains("9999 (unknown)"))
  }

  @Test func duplicateName() throws {
    var header = HeaderBytes(tensors: 2)
    let first = header.add(tensor: "x", shape: [8]).entry
    let second = header.add(tensor: "x", shape: [8], dataOffset: 32).entry
    header.addData(64)
    let error = try #require(ggufError { try open(header) })
    #expect(error.subject == .tensor("x"))
    #expect(error.offset == second)
    #expect(error.kind == .duplicate(first: first, path: error.path))
  }

  @Test(arguments: [1, 16, 33, .max]) func misaligned(dataOffset: UInt64) throws {
    var header = HeaderBytes(tensors: 1)
    let places = header.add(tensor: "x", shape: [8], dataOffset: dataOffset)
    header.addData(256)
    try expectFailure(
      header.bytes, .misalignedTensor(offset: dataOffset, alignment: 32), at: places.dataOffset,
      about: .tensor("x"))
  }

  @Test(arguments: [64, 1 << 40, (1 << 63) - 32, 1 << 63, .max - 31])
  func dataPastTheEnd(dataOffset: UInt64) throws {
    var header = HeaderBytes(tensors: 1)
    let places = header.add(tensor: "x", shape: [8], dataOffset: dataOffset)
    header.addData(64)
    try expectFailure(
      header.bytes, .tensorPastEnd(offset: dataOffset, byteCount: 32, fileSize: header.offset),
      at: places.dataOffset, about: .tensor("x"))
  }

  @Test func dataLongerThanTheFile() throws {
    var header = HeaderBytes(tensors: 1)
    let places = header.add(tensor: "x", shape: [17])
    header.addData(64)
    try expectFailure(
      header.bytes, .tensorPastEnd(offset: 0, byteCount: 68, fileSize: header.offset),
      at: places.dataOffset, about: .tensor("x"))
  }

  @Test func dataOfATensorWithinAnothers() throws {
    var header = HeaderBytes(tensors: 3)
    header.add(tensor: "last", shape: [8], dataOffset: 96)
    header.add(tensor: "first", shape: [9])
    let places = header.add(tensor: "second", shape: [8], dataOffset: 32)
    header.addData(128)
    try expectFailure(
      header.bytes, .tensorsOverlap(other: "first"), at: places.dataOffset, about: .tensor("second"))
  }

  @Test func dataInAnyOrderAndWithGaps() throws {
    var header = HeaderBytes(tensors: 2)
    header.add(tensor: "last", shape: [8], dataOffset: 96)
    header.add(tensor: "first", shape: [9])
    header.addData(128)
    let file = try open(header)
    let start = header.offset - 128
    #expect(file.tensors.map(\.name) == ["last", "first"])
    #expect(file.tensors.map(\.offset) == [start + 96, start])
  }
}
