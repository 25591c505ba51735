// `hypnos bench`: how fast a checkpoint runs here, beside what the machine's own limits allow.
import ArgumentParser
import Compute
import Console
import Generation
import Model

/// Measures prompt processing and generation.
struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure prompt processing and generation, and their share of this machine's limits.",
    discussion: """
      The limits are measured in the same run, on the same threads: the speed at which all of them together read the \
      model's matrices in the mapped file, and their 8-bit multiply-accumulates a second with the kernels' own \
      instructions. A forward pass takes at least
        max((weight bytes + KV cache bytes) / read speed, multiply-accumulates / int8 peak)
      and the limit is the tokens of a test over the sum of its passes: a step of generation reads all weights once \
      and every sequence's cache; a prompt takes them in batches of \(Transformer.batchLimit), the head only for its \
      last token. Last of all the program is started anew, and the time to the first token measured. Speeds are \
      tokens a second of all sequences together, after one run to warm up; the spread is the standard deviation. \
      pp512 is a prompt of 512 tokens, tg128 the generation of 128.
      """)

  static let usualRepetitions = 3

  @Option(name: [.short, .long], help: "The checkpoint, a GGUF file; the default one without.")
  var model: String?

  @Option(name: [.customShort("p"), .long], help: "Prompt lengths, such as 512,128; 0 for none.")
  var prompt = NumberList(values: [512])

  @Option(name: [.customShort("n"), .customLong("generate")], help: "Tokens to generate; 0 for none.")
  var generate = NumberList(values: [128])

  @Option(name: [.short, .long], help: "Numbers of threads; one for each physical core without.")
  var threads = NumberList(values: [Processors.physicalCores])

  @Option(help: "Depths of the context to begin at: so many tokens are in the cache already.")
  var depth = NumberList(values: [0])

  @Option(help: "Numbers of sequences that generate side by side.")
  var parallel = NumberList(values: [1])

  @Option(help: "How often each test is measured.")
  var repetitions = Bench.usualRepetitions

  @Option(
    name: [.short, .long], help: "The most positions of a test; as many as each needs without.")
  var context: Int?

  @Option(name: .customLong("kv"), help: "The KV cache's number format: f16, q8_0 or f16-whole.")
  var cacheFormat = CacheFormat.f16

  @OptionGroup var adapters: AdapterOptions

  @Flag(help: "Print JSON objects, one a line.")
  var json = false

  @Flag(help: "Print a Markdown table with the machine, the date and each row's command.")
  var markdown = false

  func validate() throws {
    let lists = [
      ("prompt", prompt, 0...(1 << 24)), ("generate", generate, 0...(1 << 24)), ("threads", threads, 1...256),
      ("depth", depth, 0...(1 << 24)), ("parallel", parallel, 1...Transformer.batchLimit),
      ("repetitions", NumberList(values: [repetitions]), 1...1000),
      ("context", NumberList(values: context.map { [$0] } ?? []), 8...(1 << 24)),
    ]
    for (name, list, range) in lists {
      guard let wrong = list.values.first(where: { !range.contains($0) }) else { continue }
      throw ValidationError("--\(name) \(wrong): it can be \(range.lowerBound) to \(range.upperBound)")
    }
    guard !json || !markdown else { throw ValidationError("--json and --markdown exclude each other") }
    guard !plan.tests.isEmpty else { throw ValidationError("there is nothing to measure: -p and -n are 0") }
  }

  mutating func run() throws {
    let kernels = try KernelSet.named(ModelLocator.environment("HYPNOS_CPU"))
    let checkpoint = try ModelOptions.open(ModelLocator.find(model), kernels: kernels)
    let all = plan.tests
    let tests = all.filter { reasonToLeaveOut($0, checkpoint).map { Output.complain($0) } == nil }
    guard !tests.isEmpty else { throw Failure("no test is left to measure") }
    let benchmark = try Benchmark(
      checkpoint, adapters: adapters.load(for: checkpoint), capacity: tests.map(\.positions).max() ?? 1,
      threads: threads.values[0], cacheFormat: cacheFormat)
    let report = BenchReport(
      style: json ? .json : markdown ? .markdown : .table, checkpoint: checkpoint, repetitions: repetitions,
      context: context, cacheFormat: cacheFormat, adapters: adapters)
    let limits = threads.values.map { (threads: $0, limits: benchmark.limits(threads: $0)) }
    try Output.write(terminalSafe(report.header(limits)))
    for test in tests {
      for threads in threads.values {
        let result = try benchmark.run(test, threads: threads, repetitions: repetitions) { done in
          BenchReport.showProgress("\(test.name), \(threads) threads, run \(done + 1) of \(repetitions + 1)")
        }
        BenchReport.showProgress(nil)
        try Output.write(report.row(result))
      }
    }
    let measured = limits.map { threads, limits in
      let result = FirstToken.measure(
        checkpoint: checkpoint, threads: threads, adapters: adapters, cacheFormat: cacheFormat,
        repetitions: repetitions,
        limits: limits)
      return (threads: threads, result: result)
    }
    try Output.write(report.firstToken(measured))
    if tests.count < all.count { throw Failure("\(all.count - tests.count) of \(all.count) tests were left out") }
    for case (_, .failure(let failure)) in measured {
      throw Failure("the time to the first token could not be measured: \(failure.message)")
    }
  }

  private var plan: BenchmarkPlan {
    var plan = BenchmarkPlan()
    (plan.prompts, plan.generations) = (prompt.values, generate.values)
    (plan.depths, plan.parallel) = (depth.values, parallel.values)
    return plan
  }

  /// Why `test` cannot be measured: it exceeds the context, or the memory that there is.
  private func reasonToLeaveOut(_ test: BenchmarkTest, _ checkpoint: Checkpoint) -> String? {
    let together = test.parallel > 1 ? " in \(test.parallel) sequences" : ""
    let name = "\(test.name) at depth \(test.depth)\(together) is left out: it takes"
    if let context, test.positions > context {
      return "\(name) \(test.positions) positions, and the context has \(context); -c makes a larger one"
    }
    let (bytes, available) = (
      test.parallel * checkpoint.cacheBytes(positions: test.positions, format: cacheFormat), SystemMemory.available
    )
    guard bytes > available else { return nil }
    return
      "\(name) \(bytes >> 20) MiB of KV cache, each sequence its own, and \(available >> 20) MiB of memory are left"
  }
}

/// Whole numbers from 0, separated by commas.
struct NumberList: ExpressibleByArgument {
  /// The numbers, in the order given.
  let values: [Int]

  init(values: [Int]) { self.values = values }

  init?(argument: String) {
    let words = argument.split(separator: ",", omittingEmptySubsequences: false)
    let numbers = words.compactMap { Int($0) }
    guard !numbers.isEmpty, numbers.count == words.count, numbers.allSatisfy({ $0 >= 0 }) else { return nil }
    values = numbers
  }

  var defaultValueDescription: String { values.map(String.init).joined(separator: ",") }
}
