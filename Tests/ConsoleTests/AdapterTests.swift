// Adapters in the conversation: what `/adapter` does and says, and what a session keeps of them.
import Foundation
import Testing

@testable import Console

@Suite struct AdapterTests {
  @Test func takesUpRescalesAndPutsAway() throws {
    let held = try converse([
      "/adapter", "/adapter notes/ward.gguf", "/adapter icu.gguf=0.5", "/adapter notes/ward.gguf=2", "/adapter",
      "/adapter off ward", "/adapter off ward", "/adapter off", "/adapter off",
    ])
    let lines = held.output.split(separator: "\n").map(String.init)
    let first = try #require(lines.firstIndex(of: "No adapter is in use. /adapter FILE uses one."))
    #expect(
      lines[(first + 1)...].filter { $0.contains("dapter") || $0.contains("scale") } == [
        "Adapter ward at scale 1, from the next answer on.", "Adapter icu at scale 0.5, from the next answer on.",
        "Adapter ward at scale 2, from the next answer on.", "icu  scale 0.5  icu.gguf",
        "ward  scale 2  notes/ward.gguf", "1 adapter put away.", "No adapter ward; in use: icu.",
        "1 adapter put away.", "No adapter is in use.",
      ])
    #expect(held.engine.adapters.isEmpty)
  }

  @Test func oneOfAnotherBaseIsRefusedUnlessForced() throws {
    let held = try converse(["/adapter foreign.gguf", "/adapter foreign.gguf=0.5 --anyway"])
    #expect(held.output.contains("foreign.gguf: made for another base"))
    #expect(held.engine.adapters.map(\.scale) == [0.5])
  }

  @Test func anotherModelPutsThemAwayAndSaysSo() throws {
    let held = try converse(["/adapter ward.gguf", "/model other.gguf"])
    #expect(held.output.contains("The adapters were put away with the model before."))
    #expect(try converse(["/model other.gguf"]).output.contains("put away") == false)
  }

  @Test func theOpeningNamesThem() throws {
    let engine = StubEngine()
    engine.adapters = [AdapterDescription(name: "ward", path: "ward.gguf", scale: 0.25)]
    #expect(try converse([], engine: engine).output.contains("Adapter ward, scale 0.25\n"))
  }

  @Test func aSessionBringsThemBack() throws {
    try withFolder { folder in
      let session = folder + "/session.json"
      let adapter = folder + "/ward.gguf"
      try Data().write(to: URL(filePath: adapter))
      let resolved = try #require(realpath(adapter, nil).map { String(cString: $0) })
      let options = ReplOptions(sessionPath: session)
      _ = try converse(["hello", "/adapter \(adapter)=0.5"], options: options)
      #expect(try SessionFile(at: session).adapters == [SessionFile.KeptAdapter(path: resolved, scale: 0.5)])
      let resumed = try converse([], options: options)
      #expect(resumed.engine.adapters.map(\.scale) == [0.5])
      // One that is gone is told of, and stays in the file.
      try FileManager.default.removeItem(atPath: adapter)
      let without = try converse(["go on"], options: options)
      #expect(without.engine.adapters.isEmpty)
      #expect(without.output.contains("\(session): was held with an adapter that cannot be had: "))
      #expect(try SessionFile(at: session).adapters == [SessionFile.KeptAdapter(path: resolved, scale: 0.5)])
      _ = try converse(["/adapter off"], options: options)
      #expect(try SessionFile(at: session).adapters == [])
      // The command line's adapters stand.
      let engine = StubEngine()
      engine.adapters = [AdapterDescription(name: "icu", path: "icu.gguf", scale: 1)]
      var fixed = options
      fixed.fixedSettings = ["adapter"]
      #expect(try converse([], options: fixed, engine: engine).engine.adapters.map(\.name) == ["icu"])
    }
  }

  @Test(arguments: [
    (#""adapters":3,"#, "adapters"), (#""adapters":[{"scale":1}],"#, "adapters[0].path"),
    (#""adapters":[{"path":"a","scale":1e9}],"#, "adapters[0].scale"),
  ])
  func sessionsThatCannotBe(field: String, place: String) throws {
    try withFolder { folder in
      let path = folder + "/s.json"
      let text =
        #"{"format":"hypnos-session","version":1,"model":{"name":"a","fingerprint":"b"},"#
        + field + #""messages":[]}"#
      try Data(text.utf8).write(to: URL(filePath: path))
      #expect {
        _ = try SessionFile(at: path)
      } throws: { "\($0)".contains("\(place) must be") }
    }
  }
}
