// Wrong use and asking for help: messages and exit codes.
import Testing

@Suite struct CommandLineTests {
  @Test(arguments: [
    ["--nonsense"], ["ask"], ["ask", "one", "two"], ["score", "--top", "-1"], ["-t", "0"], ["-c", "-5"],
    ["ask", "--temperature", "hot", "Hi"], ["ask", "--max-tokens", "0", "Hi"],
    ["ask", "--top-p", "1.5", "Hi"],
    ["inspect"],
  ])
  func wrongUseHasAnExitCodeOfItsOwn(arguments: [String]) throws {
    let program = try PipedProgram(arguments)
    program.closeInput()
    let outcome = try program.finish()
    #expect(outcome.status == 2)
    #expect(outcome.output.isEmpty)
    #expect(outcome.errors.contains("Usage: hypnos"))
  }

  @Test func anUnknownOptionIsNamed() throws {
    #expect(try Hypnos.run("--modle", "x").errors.contains("Unknown option '--modle'"))
  }

  @Test func wordsThatAreNoTextAreRefused() throws {
    let program = try PipedProgram(
      ["-c", "'\(Hypnos.path)' ask \"$(printf 'b\\377d')\""], path: "/bin/sh")
    program.closeInput()
    let outcome = try program.finish()
    #expect(outcome.status == 2 && outcome.output.isEmpty)
    #expect(outcome.errors == "hypnos: argument 2 is not UTF-8: b\u{FFFD}d\n")
  }

  @Test func helpAndVersionAreResults() throws {
    let help = try Hypnos.run("--help")
    #expect(help.status == 0)
    #expect(help.errors.isEmpty)
    for subcommand in ["chat", "ask", "bench", "score", "tokenize", "render", "inspect"] {
      #expect(help.output.contains("  \(subcommand)"))
      let own = try Hypnos.run(subcommand, "--help")
      #expect(own.status == 0)
      #expect(own.output.contains("USAGE: hypnos \(subcommand)"))
    }
    let version = try Hypnos.run("--version")
    #expect(version.status == 0)
    #expect(version.output.contains(/^\d+\.\d+\.\d+\n$/))
  }
}
