// Text files read whole or refused, and the input history.
import Foundation
import Testing

@testable import Console

@Suite struct TextFileTests {
  private func refusal(of bytes: [UInt8], limit: Int = 1000) throws -> FileError? {
    try withFolder { folder in
      let path = "\(folder)/f"
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      do throws(FileError) {
        _ = try TextFile.text(at: path, limit: limit)
        return nil
      } catch {
        return error
      }
    }
  }

  @Test func refusesWhatIsNoText() throws {
    guard case .notUTF8(_, 6, 2) = try refusal(of: Array("ab\n病".utf8) + [0xFF]) else {
      return #expect(Bool(false), "a stray byte was not found at byte 6 in line 2")
    }
    // "中" in GB18030 is D6 D0, which no UTF-8 has.
    guard case .notUTF8(_, 0, 1) = try refusal(of: [0xD6, 0xD0]) else {
      return #expect(Bool(false), "GB18030 was taken for UTF-8")
    }
    guard case .notText(_, 1) = try refusal(of: [0x61, 0x00, 0x62]) else {
      return #expect(Bool(false), "a NUL byte was taken for text")
    }
    guard case .tooLarge(_, 3) = try refusal(of: Array("abcd".utf8), limit: 3) else {
      return #expect(Bool(false), "four bytes were taken where three are allowed")
    }
    #expect(try refusal(of: Array("abc".utf8), limit: 3) == nil)
  }

  @Test func leavesTheByteOrderMarkOut() throws {
    try withFolder { folder in
      let path = "\(folder)/f"
      try Data([0xEF, 0xBB, 0xBF] + Array("病\r\n".utf8)).write(to: URL(fileURLWithPath: path))
      #expect(try TextFile.text(at: path, limit: 100) == "病\r\n")
    }
  }

  @Test func aPipeIsRefusedWithoutWaiting() throws {
    try withFolder { folder in
      let path = "\(folder)/pipe"
      try #require(mkfifo(path, 0o600) == 0)
      #expect(throws: FileError.notARegularFile(path: path)) { try TextFile.text(at: path, limit: 1) }
      #expect(throws: FileError.self) { try TextFile.append("a", to: path) }
    }
  }

  @Test func replacesAFileWhole() throws {
    try withFolder { folder in
      let path = "\(folder)/f"
      try Data("old".utf8).write(to: URL(fileURLWithPath: path))
      let before = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
      try TextFile.replace(path, with: "new")
      #expect(try TextFile.text(at: path, limit: 10) == "new")
      #expect(try before.readToEnd() == Data("old".utf8))
      #expect(try permissions(path) == 0o600)
    }
  }

  @Test func whatOthersCouldReadIsTheOwnersOnceTextGoesIn() throws {
    try withFolder { folder in
      let path = "\(folder)/h"
      try Data().write(to: URL(fileURLWithPath: path))
      try FileManager.default.setAttributes([.posixPermissions: 0o664], ofItemAtPath: path)
      try TextFile.append("typed", to: path)
      #expect(try permissions(path) == 0o600)
    }
  }

  @Test func aLinkStaysAndItsFileIsReplaced() throws {
    try withFolder { folder in
      let (file, link) = ("\(folder)/f", "\(folder)/l")
      try Data("old".utf8).write(to: URL(fileURLWithPath: file))
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: file)
      try TextFile.replace(link, with: "new")
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == file)
      #expect(try TextFile.text(at: file, limit: 10) == "new")
    }
  }

  @Test func historyKeepsWhatWasTyped() throws {
    try withFolder { folder in
      let history = InputHistory(path: "\(folder)/h")
      #expect(try history.entries() == [])
      let typed = ["one", "two\nlines \\n", "尾\\"]
      try typed.forEach(history.append)
      #expect(try history.entries() == typed)
      #expect(try permissions(history.path) == 0o600)
      let lines = (0..<1500).map { "\($0)\n" }.joined()
      try Data(lines.utf8).write(to: URL(fileURLWithPath: history.path))
      #expect(try history.entries().first == "500")
      #expect(try history.entries().count == 1000)
    }
  }
}
