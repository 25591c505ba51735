// What tab offers for a line.
import Foundation
import Testing

@testable import Console

@Suite struct CompletionTests {
  private let completion = Completion(settings: ["temperature", "threads", "top-k"]) { start in
    ["病历 夹/病史 一.txt", "病历 夹/病史 二.txt", "note.txt"].filter { $0.hasPrefix(start) }
  }

  @Test(arguments: [
    ("/he", ["/help "]),
    ("/s", ["/save ", "/set ", "/show", "/stats", "/system "]),
    ("/set t", ["/set temperature ", "/set threads ", "/set top-k "]),
    ("/help l", ["/help load"]),
    ("/read no", ["/read note.txt"]),
    ("/read 病历 夹/病史 ", ["/read 病历 夹/病史 一.txt", "/read 病历 夹/病史 二.txt"]),
    ("/load  n", ["/load  note.txt"]),
    ("/undo ", []),
    ("/system n", []),
    ("/nothing n", []),
    ("note", []),
    ("", []),
  ])
  func offers(_ line: String, _ candidates: [String]) {
    #expect(completion.candidates(for: line) == candidates)
  }

  @Test func readsFoldersWithSpacesAndChineseNames() throws {
    try withFolder { folder in
      let inner = "\(folder)/病历 夹"
      try FileManager.default.createDirectory(atPath: inner, withIntermediateDirectories: false)
      try Data().write(to: URL(fileURLWithPath: "\(inner)/病史 一.txt"))
      let completion = Completion(paths: LineReader.paths)
      #expect(completion.candidates(for: "/read \(folder)/病") == ["/read \(inner)/"])
      #expect(completion.candidates(for: "/read \(inner)/病史 ") == ["/read \(inner)/病史 一.txt"])
      #expect(completion.candidates(for: "/read \(folder)/nothing") == [])
    }
  }

  @Test func commonPrefixEndsBetweenCharacters() {
    // 一 is E4 B8 80, 二 is E4 BA 8C: they share a byte, but no character.
    #expect(commonPrefix(of: ["史一", "史二"]) == "史")
    #expect(commonPrefix(of: ["a"]) == "a")
    #expect(commonPrefix(of: []) == "")
  }
}
