// `hypnos bench` and the prefix cache as a user meets them. Sizes are tiny: what is checked is the form.
import Foundation
import Testing

@Suite struct BenchTests {
  @Test func rowsAreObjects() throws {
    let outcome = try Hypnos.run(
      "bench", "-p", "5", "-n", "2", "-t", "1,2", "--parallel", "1,3", "--depth", "0,4", "--repetitions", "2", "--json")
    #expect(outcome.status == 0)
    #expect(outcome.errors.isEmpty)
    let rows = try outcome.lines.map(jsonObject)
    let tests = rows.filter { $0["test"] as? String != "first_token" }
    #expect(
      tests.map { $0["test"] as? String } == ["pp5", "pp5", "tg2", "tg2", "tg2", "tg2"] + ["pp5", "pp5"]
        + Array(repeating: "tg2", count: 4))
    #expect(tests.map { $0["threads"] as? Int } == Array(repeating: [1, 2], count: 6).flatMap { $0 })
    #expect(tests.map { $0["parallel"] as? Int } == Array(repeating: [1, 1, 1, 1, 3, 3], count: 2).flatMap { $0 })
    #expect(tests.map { $0["depth"] as? Int } == Array(repeating: 0, count: 6) + Array(repeating: 4, count: 6))
    for row in tests {
      let figures = try ["mean", "best", "stdev", "limit", "limit_share"].map { try #require(row[$0] as? Double) }
      #expect(figures[0] > 0 && figures[1] >= figures[0] && figures[2] >= 0 && figures[3] > 0)
      #expect(abs(figures[4] - figures[0] / figures[3]) < 1e-9)
    }
    let first = rows.filter { $0["test"] as? String == "first_token" }
    #expect(first.count == 2)
    for row in first {
      #expect(try #require(row["seconds"] as? Double) > 0)
      for field in ["mean", "best", "limit", "limit_share"] { #expect(try #require(row[field] as? Double) > 0) }
      let resident = try #require(row["resident_bytes"] as? Int)
      #expect(try #require(row["anonymous_bytes"] as? Int) < resident)
      // At least the weights of one pass, at most twice the file.
      #expect(resident > 80_000_000 && resident < 200_000_000)
    }
  }

  @Test func whatDoesNotFitIsLeftOut() throws {
    let outcome = try Hypnos.run(
      "bench", "-p", "9,8", "-n", "0", "-c", "8", "--repetitions", "1", "--json")
    #expect(outcome.status == 1)
    #expect(try outcome.lines.map { try jsonObject($0)["test"] as? String } == ["pp8", "first_token"])
    #expect(
      outcome.errors
        == "hypnos: pp9 at depth 0 is left out: it takes 9 positions, and the context has 8; -c makes a larger one\n"
        + "hypnos: 1 of 2 tests were left out\n")
    // Terabytes of KV cache, which are counted and not taken.
    let large = try Hypnos.run("bench", "-p", "0", "-n", "1", "--parallel", "512", "--depth", "16000000")
    #expect(large.status == 1 && large.output.isEmpty)
    #expect(large.errors.contains("in 512 sequences is left out: it takes"))
    #expect(large.errors.hasSuffix("hypnos: no test is left to measure\n"))
    #expect(try Hypnos.run("bench", "-p", "0", "-n", "0").status == 2)
  }

  @Test func tablesForPeopleAndForThePage() throws {
    let table = try Hypnos.run("bench", "-p", "4", "-n", "0", "-t", "1", "--repetitions", "1")
    #expect(table.status == 0 && table.errors.isEmpty)
    #expect(table.lines.contains { $0.hasPrefix("limits  1 thread: reads ") })
    let header = try #require(table.lines.firstIndex { $0.hasPrefix("test ") })
    #expect(table.lines[header + 1].hasPrefix("pp4 ") && table.lines[header + 1].hasSuffix(" %"))
    #expect(table.lines[header].count == table.lines[header + 1].count)
    let page = try Hypnos.run(
      "bench", "-p", "0", "-n", "1", "-t", "1", "--depth", "3", "--repetitions", "1", "--markdown")
    let row = try #require(page.lines.first { $0.hasPrefix("| tg1 | 1 | 1 | 3 | ") })
    #expect(
      row.hasSuffix("`hypnos bench -m \(Hypnos.checkpoint) -t 1 -p 0 -n 1 --depth 3 --repetitions 1` |"))
    #expect(page.output.contains(#/, \d{4}-\d\d-\d\d, hypnos \d+\.\d+\.\d+, kernels /#))
  }

  @Test func theCommandOfARowIsOneForAShell() throws {
    let folder = try TemporaryFolder()
    let place = folder.path + "/a ward's model.gguf"
    try FileManager.default.createSymbolicLink(atPath: place, withDestinationPath: Hypnos.checkpoint)
    let page = try Hypnos.run("bench", "-m", place, "-p", "0", "-n", "1", "-t", "1", "--repetitions", "1", "--markdown")
    let quoted = "'" + place.replacing("'", with: #"'\''"#) + "'"
    #expect(page.output.contains("`hypnos bench -m \(quoted) -t 1 -p 0 -n 1 --repetitions 1` |"))
    // An apostrophe is one with an accent behind it, too: the program that is started anew is the only one.
    let hostile = folder.path + "/a'\u{301};echo b;'.gguf"
    try FileManager.default.createSymbolicLink(atPath: hostile, withDestinationPath: Hypnos.checkpoint)
    let table = try Hypnos.run("bench", "-m", hostile, "-p", "0", "-n", "1", "-t", "1", "--repetitions", "1", "--json")
    #expect(table.status == 0 && table.lines.count == 2, "\(table.errors)")
    // Relative to the folder the program is in, a name that looks like an option and would end a table's cell.
    try FileManager.default.createSymbolicLink(
      atPath: folder.path + "/-a|b.gguf", withDestinationPath: Hypnos.checkpoint)
    let command =
      "cd '\(folder.path)' && exec '\(Hypnos.path)' bench --model='-a|b.gguf' -p 0 -n 1 -t 1 --repetitions 1 --markdown"
    let program = try PipedProgram(["-c", command], path: "/bin/sh")
    program.closeInput()
    let row = try program.finish().output
    #expect(row.contains(#"`hypnos bench -m './-a\|b.gguf' -t 1 -p 0 -n 1 --repetitions 1` |"#))
  }

  @Test(arguments: [
    ["-p", "x"], ["-p", "1,,2"], ["-p", "-1"], ["-t", "0"], ["--parallel", "513"], ["--repetitions", "0"],
    ["-n", "99999999999999999999"], ["--json", "--markdown"],
  ])
  func wrongUse(arguments: [String]) throws {
    let program = try PipedProgram(["bench"] + arguments)
    program.closeInput()
    #expect(try program.finish().status == 2)
  }
}

@Suite struct PrefixCacheProgramTests {
  @Test func aSecondStartGivesTheSameAnswer() throws {
    let folder = try TemporaryFolder()
    let cache = folder.path + "/kept"
    let document = (1...30).map { "Line \($0): the heart rate is \(60 + $0)." }.joined(separator: "\n")
    func ask(_ options: String...) throws -> Outcome {
      let program = try PipedProgram(["ask", "--max-tokens", "8", "--json"] + options + ["What is the heart rate?"])
      program.write(document.utf8)
      program.closeInput()
      return try program.finish()
    }
    let alone = try ask()
    let first = try ask("--prefix-cache", cache)
    let second = try ask("--prefix-cache", cache)
    for outcome in [first, second] { #expect(outcome.status == 0 && outcome.output == alone.output) }
    #expect(first.errors.isEmpty && second.errors.isEmpty)
    let files = try FileManager.default.contentsOfDirectory(atPath: cache)
    #expect(files.count == 1)
    // Cut, it is refused with a message, and the answer is the same.
    let file = cache + "/" + files[0]
    #expect(truncate(file, 100_000) == 0)
    let third = try ask("--prefix-cache", cache)
    #expect(third.status == 0 && third.output == alone.output)
    #expect(third.errors.hasPrefix("hypnos: prefix cache: \(file): refused: it has 100000 bytes where"))
    #expect(third.errors.hasSuffix("The prompt is computed anew.\n"))
    #expect(try Hypnos.run("ask", "--prefix-cache-limit", "0", "Hi").status == 2)
  }

  @Test func whereFilesMayNotBecomeLargeTheAnswerIsGiven() throws {
    let folder = try TemporaryFolder()
    let document = String(repeating: "The heart rate is 60. ", count: 60)
    let command = "ulimit -f 64; exec '\(Hypnos.path)' ask --max-tokens 4 --prefix-cache '\(folder.path)' 'What is it?'"
    let program = try PipedProgram(["-c", command], path: "/bin/sh")
    program.write(document.utf8)
    program.closeInput()
    let outcome = try program.finish()
    #expect(outcome.status == 0 && !outcome.output.isEmpty)
    #expect(outcome.errors.contains("hypnos: prefix cache: ") && outcome.errors.contains("File too large"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }

  @Test func whatIsSaidOfAKeptPromptStandsBehindTheAnswersLine() throws {
    let folder = try TemporaryFolder()
    let file = folder.path + "/file"
    #expect(FileManager.default.createFile(atPath: file, contents: nil))
    let command = "exec '\(Hypnos.path)' ask --max-tokens 4 --prefix-cache '\(file)/x' 'What is it?' 2>&1"
    let program = try PipedProgram(["-c", command], path: "/bin/sh")
    program.write(String(repeating: "The heart rate is 60. ", count: 60).utf8)
    program.closeInput()
    let outcome = try program.finish()
    #expect(outcome.status == 0)
    let lines = outcome.output.split(separator: "\n")
    #expect(lines.count > 1 && lines.first?.contains("hypnos") == false)
    #expect(lines.last == "hypnos: prefix cache: \(file)/x: cannot be created: Not a directory")
  }
}
