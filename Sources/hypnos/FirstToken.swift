// Time and memory to the first token as whoever starts the program meets them: it is started anew, and what counts
// is when its first byte arrives.
import ArgumentParser
import Compute
import Generation
import Glibc
import Model
import Text

/// What it took until the first token was there.
struct FirstToken {
  /// Tokens of the prompt.
  static let promptLength = 5

  /// Seconds from the start of the process to its first byte of output, the median.
  let seconds: Double
  /// The same as tokens of the prompt in a second, beside what the limits allow for the prompt alone.
  let speed: BenchmarkResult
  /// The most memory it had in use by then, the file's mapped pages among them.
  let residentBytes: Int
  /// Memory that is the process's own then.
  let anonymousBytes: Int

  /// Starts the program `repetitions` times on `checkpoint`, and takes the median of the seconds and the most of the
  /// memory; or why that was not possible.
  static func measure(
    checkpoint: Checkpoint, threads: Int, adapters: AdapterOptions, cacheFormat: CacheFormat, repetitions: Int,
    limits: MachineLimits
  ) -> Result<FirstToken, Failure> {
    Result { () throws(Failure) in
      // A path that begins with a dash stays a path.
      var words = ["--model=\(checkpoint.path.shellWord)", "--threads=\(threads)", "--kv=\(cacheFormat.rawValue)"]
      words += adapters.adapters.map { "--adapter=\($0.shellWord)" }
      if adapters.adapterAnyBase { words.append("--adapter-any-base") }
      var runs: [(seconds: Double, residentBytes: Int, anonymousBytes: Int)] = []
      for _ in 0..<repetitions { runs.append(try measureOnce(words)) }
      let test = BenchmarkTest.prompt(promptLength)
      let speed = BenchmarkResult(
        test: test, threads: threads, speeds: runs.map { Double(promptLength) / $0.seconds },
        limit: test.limit(costs: checkpoint.costs(cacheFormat: cacheFormat), limits: limits))
      return FirstToken(
        seconds: runs.map(\.seconds).sorted()[runs.count / 2], speed: speed,
        residentBytes: runs.map(\.residentBytes).max() ?? 0, anonymousBytes: runs.map(\.anonymousBytes).max() ?? 0)
    }
  }

  private static func measureOnce(
    _ words: [String]
  ) throws(Failure) -> (seconds: Double, residentBytes: Int, anonymousBytes: Int) {
    let name = BenchFirstToken.configuration.commandName ?? ""
    // This very program, even if its file was replaced meanwhile.
    let command = "exec /proc/\(getpid())/exe \(name) \(words.joined(separator: " ")) </dev/null"
    let clock = ContinuousClock()
    let start = clock.now
    guard let pipe = popen(command, "re") else { throw Failure(String(cString: strerror(errno))) }
    var output: [UInt8] = []
    var seconds = 0.0
    while output.count < 4096 {
      let byte = fgetc(pipe)
      guard byte != EOF else { break }
      if output.isEmpty { seconds = (clock.now - start) / .seconds(1) }
      output.append(UInt8(truncatingIfNeeded: byte))
    }
    let status = pclose(pipe)
    guard status == 0 else { throw Failure("the program, started again, failed") }
    let figures = String(decoding: output, as: UTF8.self).split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
    guard figures.count == 3 else { throw Failure("the system does not say how much memory a process takes") }
    return (seconds, figures[1], figures[2])
  }
}

/// The fresh process: writes the first token's id at once, then the bytes it has in use.
struct BenchFirstToken: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench-first-token",
    abstract: "Compute one token: what `bench` starts to measure the time to it.", shouldDisplay: false)

  @OptionGroup var model: ModelOptions

  mutating func run() throws {
    let session = try model.openSession()
    let checkpoint = session.model.checkpoint
    // What answering a question needs besides; a base model has no template and needs none.
    _ = try? PromptBuilder(checkpoint)
    let prompt = (0..<FirstToken.promptLength).map { Int32(($0 * 7919 + 13) % checkpoint.vocabularySize) }
    let logits = try session.advance(to: prompt)
    try Output.write("\(logits.largestColumn(row: 0)) ")
    let status = KernelText("/proc/self/status")
    let figures = ["VmHWM", "RssAnon"].compactMap { status.bytes($0) }
    try Output.write(figures.map(String.init).joined(separator: " ") + "\n")
  }
}
