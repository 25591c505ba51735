// placeholder
import ArgumentParser
struct EvalRate: ParsableCommand { static let configuration = CommandConfiguration(commandName: "rate") }
