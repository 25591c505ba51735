// Damage of every kind to a small sound file: whatever is done to it, opening it and reading all of it
// either works or throws. A trap or a hang here ends the test run.
import Testing

@testable import GGUF

/// A small deterministic random number generator (Steele, Lea and Flood, OOPSLA 2014).
struct SplitMix64: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

@Suite struct DamageTests {
  /// Opens `bytes` and reads every value and tensor; returns whether all of that worked.
  private func readsAll(_ bytes: [UInt8], in folder: Folder) throws -> Bool {
    let path = try folder.write(bytes)
    do throws(GGUFError) {
      let file = try GGUFFile(path: path)
      for key in file.metadata.keys { try readEveryWay(file.metadata, key) }
      for tensor in file.tensors {
        let region = file.region(of: tensor)
        #expect(region.offset >= file.headerLength)
        #expect(region.offset + region.count <= bytes.count)
        #expect(region.file.bytes(at: region.offset, length: region.count)?.count == tensor.byteCount)
      }
      return true
    } catch {
      #expect(!error.description.isEmpty)
      #expect((0...bytes.count).contains(error.offset ?? 0))
      return false
    }
  }

  private func readEveryWay(_ metadata: Metadata, _ key: String) throws(GGUFError) {
    _ = try metadata.value(key)
    _ = try? metadata.string(key)
    _ = try? metadata.integer(key)
    _ = try? metadata.float(key)
    _ = try? metadata.bool(key)
    _ = try? metadata.strings(key)
    _ = try? metadata.integers(key)
    _ = try? metadata.floats(key)
  }

  @Test func cutAtEveryByte() throws {
    let folder = try Folder()
    let bytes = try sampleWriter().encoded()
    let file = try open(bytes)
    let lastByte = try #require(file.tensors.map { $0.offset + $0.byteCount }.max())
    for length in 0..<bytes.count {
      // What is left out after the last tensor's data is padding.
      #expect(try readsAll(Array(bytes[..<length]), in: folder) == (length >= lastByte), "cut at \(length)")
    }
  }

  @Test func everyIntegerMadeExtreme() throws {
    let folder = try Folder()
    let bytes = try sampleWriter().encoded()
    let extremes: [UInt64] = [0, 1, 0x7FFF_FFFF, 0xFFFF_FFFF, 1 << 62, .max >> 1, 1 << 63, .max - 31, .max]
    for place in 4..<bytes.count - 8 {
      for extreme in extremes {
        var damaged = bytes
        for index in 0..<8 { damaged[place + index] = UInt8(truncatingIfNeeded: extreme >> (8 * index)) }
        _ = try readsAll(damaged, in: folder)
      }
    }
  }

  @Test func randomDamage() throws {
    let folder = try Folder()
    let bytes = try sampleWriter().encoded()
    var random = SplitMix64(state: 20_240_301)
    var opened = 0
    for _ in 0..<4000 {
      var damaged = bytes
      for _ in 0..<Int.random(in: 1...4, using: &random) { damage(&damaged, using: &random) }
      if try readsAll(damaged, in: folder) { opened += 1 }
    }
    // Damage to tensor data and texts goes unnoticed, that to counts and lengths does not.
    #expect((200...3000).contains(opened))
  }

  private func damage(_ bytes: inout [UInt8], using random: inout SplitMix64) {
    guard bytes.count > 8 else { return }
    let place = Int.random(in: 0..<bytes.count - 8, using: &random)
    switch Int.random(in: 0..<6, using: &random) {
    case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    case 1: bytes[place] = .random(in: 0...255, using: &random)
    case 2: bytes.removeLast(Int.random(in: 1...bytes.count, using: &random) / 4)
    case 3: bytes.remove(at: place)
    case 4: bytes.insert(.random(in: 0...255, using: &random), at: place)
    default:
      let count = Int.random(in: 1...8, using: &random)
      let byte: UInt8 = Bool.random(using: &random) ? 0xFF : 0
      for index in place..<place + count { bytes[index] = byte }
    }
  }
}
