// Lines that begin with a slash, and what they are taken for.
import Model
import Testing

@testable import Console

@Suite struct CommandTests {
  @Test(arguments: [
    ("/help", Command.help(nil)),
    ("/help /read", .help(.read)),
    ("/HELP", .help(nil)),
    ("/system", .system(nil)),
    ("/system You are\nbrief. ", .system("You are\nbrief.")),
    ("/system none", .system("")),
    ("/model", .model(path: nil)),
    ("/model a b.gguf", .model(path: "a b.gguf")),
    ("/adapter", .adapter(.list)),
    ("/adapter off", .adapter(.off(name: nil))),
    ("/adapter off ward 3", .adapter(.off(name: "ward 3"))),
    ("/adapter ward 3.gguf", .adapter(.use(path: "ward 3.gguf", scale: nil, anyway: false))),
    ("/adapter \"ward 3.gguf=0.5\" --anyway", .adapter(.use(path: "ward 3.gguf", scale: 0.5, anyway: true))),
    ("/set", .set(name: nil, value: nil)),
    ("/set top-k", .set(name: "top-k", value: nil)),
    ("/set top-k 40", .set(name: "top-k", value: "40")),
    ("/set top-k = 40", .set(name: "top-k", value: "40")),
    ("/set top-k=40", .set(name: "top-k", value: "40")),
    ("/show", .show(prompt: false)),
    ("/show prompt", .show(prompt: true)),
    ("/retry ", .retry),
    ("/save", .save(path: nil)),
    ("/load s.json", .load(path: "s.json", anyway: false)),
    ("/load my s.json --anyway", .load(path: "my s.json", anyway: true)),
    ("/read \"病历 夹/病史.txt\"", .read(path: "病历 夹/病史.txt")),
    ("/read 病历 夹/病史.txt  ", .read(path: "病历 夹/病史.txt")),
    ("/quit", .quit),
  ])
  func parses(_ line: String, _ command: Command) throws {
    #expect(try Command(parsing: line) == command)
  }

  @Test(arguments: [
    ("/hlep", CommandError.unknown(name: "hlep", suggestion: "help")),
    ("/exit", .unknown(name: "exit", suggestion: "quit")),
    ("/translate", .unknown(name: "translate", suggestion: nil)),
    ("/re", .unknown(name: "re", suggestion: "retry")),
    ("/", .unknown(name: "", suggestion: nil)),
    ("/var/notes is full", .unknown(name: "var/notes", suggestion: nil)),
    ("/undo 2", .usage(.undo)),
    ("/show all", .usage(.show)),
    ("/load", .usage(.load)),
    ("/load --anyway", .usage(.load)),
    ("/adapter --anyway", .usage(.adapter)),
    ("/adapter a.gguf=much", .scale(AdapterArgument.BadScale(text: "much"))),
    ("/help savee", .unknown(name: "savee", suggestion: "save")),
  ])
  func refuses(_ line: String, _ error: CommandError) {
    #expect(throws: error) { try Command(parsing: line) }
  }

  @Test func errorsSayWhatToDo() {
    #expect(
      "\(CommandError.unknown(name: "hlep", suggestion: "help"))"
        == "No command /hlep: did you mean /help? (A message may begin with a slash after a space.)")
    #expect("\(CommandError.usage(.load))" == "Usage: /load FILE [--anyway]")
  }

  @Test func helpFitsEightyColumns() {
    let usage = CommandName.allCases.map(\.usage.count).max() ?? 0
    for name in CommandName.allCases {
      #expect(usage + 2 + name.summary.count <= 80, "\(name)")
    }
  }
}
